// init, shutdown and memory: the life of the default engine as users see it.
// Read next: start.ts for what init finds out; default.ts.
import type { DeviceName, MemoryReport } from "../backends/backend.ts";
import { ParameterError } from "../core/errors.ts";
import { createEngine, defaultEngine, useEngine } from "./default.ts";
import type { InitOptions, InitReport } from "./start.ts";
import { checkOptions, reportOf, settleThreads } from "./start.ts";

let started = false;

/**
 * Starts the devices and reports what was found, what is used, and why not the rest. Optional: the first read does it
 * with default options. Called again without options it reports; with options after a start it throws a ParameterError
 * (call `shutdown()` first). Throws a BackendError if WebAssembly SIMD is missing or a required GPU is not there.
 */
export async function init(options?: InitOptions): Promise<InitReport> {
  if (options !== undefined) {
    checkOptions(options);
    if (started || defaultEngine().backends.size > 0) {
      throw new ParameterError(
        "init",
        "the engine is already started; options come too late. Call await shutdown() first, then init(options)",
      );
    }
    useEngine(createEngine(options));
  }
  const engine = defaultEngine();
  try {
    await engine.ready();
  } catch (error) {
    // A failed start must not stay: the next init may ask for less.
    useEngine(undefined);
    throw error;
  }
  started = true;
  await settleThreads(engine);
  const report = reportOf(engine);
  if (report === undefined) throw new Error("the engine started without a report");
  return report;
}

/** Releases devices and memory of the default engine. Its tensors cannot be used any more; a new engine starts on demand. */
export async function shutdown(): Promise<void> {
  const engine = useEngine(undefined);
  started = false;
  await engine?.shutdown();
}

/** Bytes in use, reserved and at most in use, for every device that is used. */
export function memory(): Partial<Record<DeviceName, MemoryReport>> {
  return Object.fromEntries([...defaultEngine().backends].map(([name, backend]) => [name, backend.memory()]));
}
