// Memory planning: temporaries whose lifetimes do not overlap share a buffer.
// Knows lifetimes and sizes only. Read next: lower.ts, which finds the lifetimes.

/** A temporary: bytes needed, and the first and last step that touch it. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** A temporary that may be overwritten in place by the step that makes this one. */
  readonly inPlaceOf?: number | undefined;
}

/** Which buffer each temporary gets, and the size of each buffer. */
export interface MemoryPlan {
  readonly buffers: readonly number[];
  readonly assignment: readonly number[];
}

/** Best fit in order of birth: the smallest free buffer that is large enough, else the largest free one, grown. */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const sizes: number[] = [];
  const busyUntil: number[] = [];
  const assignment = new Array<number>(lifetimes.length).fill(-1);
  const order = lifetimes
    .map((_, index) => index)
    .sort((a, b) => (lifetimes[a]?.first ?? 0) - (lifetimes[b]?.first ?? 0));
  for (const index of order) {
    const lifetime = lifetimes[index];
    if (lifetime === undefined) continue;
    const shared = lifetime.inPlaceOf === undefined ? undefined : assignment[lifetime.inPlaceOf];
    let chosen = shared !== undefined && shared >= 0 && (busyUntil[shared] ?? 0) <= lifetime.first ? shared : -1;
    if (chosen < 0) {
      for (let buffer = 0; buffer < sizes.length; buffer++) {
        if ((busyUntil[buffer] ?? 0) >= lifetime.first) continue;
        chosen = chosen < 0 ? buffer : better(sizes, chosen, buffer, lifetime.bytes);
      }
    }
    if (chosen < 0) chosen = sizes.push(0) - 1;
    sizes[chosen] = Math.max(sizes[chosen] ?? 0, lifetime.bytes);
    busyUntil[chosen] = lifetime.last;
    assignment[index] = chosen;
  }
  return { buffers: sizes, assignment };
}

function better(sizes: readonly number[], a: number, b: number, bytes: number): number {
  const sizeA = sizes[a] ?? 0;
  const sizeB = sizes[b] ?? 0;
  if (sizeA >= bytes && sizeB >= bytes) return sizeB < sizeA ? b : a;
  return sizeB > sizeA ? b : a;
}
