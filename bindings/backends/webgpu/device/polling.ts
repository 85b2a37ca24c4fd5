// Waiting for what a device tells when it has finished. Firefox looks for finished work every 100 ms and whenever something is
// submitted: while somebody waits it is given empty lists.
// Knows no lost devices: whoever waits says what ends the waiting. Read next: device.ts, half-trial.ts.

/** The outcome of `told`, which comes when the device tells of finished work or was lost. */
export async function whenTold<T>({ queue }: GPUDevice, told: Promise<T>): Promise<T> {
  if (!needsPolling()) return told;
  const timer = setInterval(() => queue.submit([]), 1);
  try {
    return await told;
  } finally {
    clearInterval(timer);
  }
}

function needsPolling(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: string } };
  return navigator?.userAgent?.includes("Firefox") === true;
}
