// Starts and stops headless Chromium: with a WebGPU adapter (SwiftShader unless the machine brings its own browser), and with
// nothing but the page's own traffic. Knows no page and no test.
// Read next: scripts/software-gpu.ts, where the browser comes from; run.ts and visit.ts, which use it.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { browserEnvironment, unpackSoftwareGpu } from "../../scripts/software-gpu.ts";

const flags = [
  "--headless=new",
  "--no-sandbox",
  "--no-zygote",
  "--disable-dev-shm-usage",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-vulkan-surface",
  // Nothing but the page's own traffic.
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-component-extensions-with-background-pages",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-extensions",
  "--disable-sync",
  "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
  "--metrics-recording-only",
  "--no-pings",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  // A page in the background is a page all the same.
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
  "--mute-audio",
  "--hide-scrollbars",
];

/**
 * Starts the browser on a fresh profile folder with more arguments (an address, or flags). `fail` is told if it ends by itself.
 * File descriptors 3 and 4 are pipes for whoever asks for them with --remote-debugging-pipe.
 */
export async function startBrowser(
  more: readonly string[],
  profile: string,
  fail: (error: Error) => void,
): Promise<ChildProcess> {
  const own = process.env.ATHANOR_BROWSER;
  const software = own === undefined ? await unpackSoftwareGpu() : undefined;
  const executable = own ?? software?.chromium;
  if (executable === undefined || !existsSync(executable)) {
    throw new Error("no browser: set ATHANOR_BROWSER to the path of a Chromium or Chrome executable");
  }
  // A bare system's language is "C", from which the browser makes one that Intl refuses.
  const language = { LANG: "en_US.UTF-8", LC_ALL: "en_US.UTF-8", LANGUAGE: "en_US" };
  const environment = { ...process.env, ...language, ...(software === undefined ? {} : browserEnvironment(software)) };
  const child = spawn(executable, [...flags, `--user-data-dir=${profile}`, ...more], {
    env: environment,
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    // A process group of its own, so that stopping it takes its renderer and GPU processes along.
    detached: process.platform !== "win32",
  });
  let complaints = "";
  child.stderr?.on("data", (chunk: Buffer) => (complaints = (complaints + chunk.toString("utf8")).slice(-4000)));
  child.on("error", fail);
  child.on("exit", (code, signal) => {
    fail(new Error(`the browser ended early (${String(code ?? signal)}):\n${complaints}`));
  });
  return child;
}

/** Ends the browser with all its processes. */
export async function stopBrowser(browser: ChildProcess | undefined): Promise<void> {
  if (browser?.pid === undefined || browser.exitCode !== null || browser.signalCode !== null) return;
  const ended = new Promise((resolve) => browser.once("exit", resolve));
  const { pid } = browser;
  try {
    if (process.platform === "win32") browser.kill();
    else process.kill(-pid, "SIGKILL");
  } catch {
    // It ended between the check and the signal.
  }
  await ended;
}
