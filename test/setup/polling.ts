// Loaded before every test file: the `webgpu` package asks its device for news without a pause while anything is under way, one
// immediate after the other, and each leaves a function that only a full garbage collection takes back. On a software GPU that
// is a whole core, taken from what computes and compiles: here the thread sleeps a little before it asks again.
// Knows no test. Read next: vitest.config.ts.
import { setImmediate } from "node:timers";

/** Milliseconds before each question. The device computes meanwhile, so nothing waits that would otherwise not. */
const pause = 0.5;
const never = new Int32Array(new SharedArrayBuffer(4));

/** What the package hands over is made outside JavaScript, and so has no source. */
const isOfPackage = (callback: unknown): boolean => String(callback).includes("[native code]");

function patient(callback: (...given: unknown[]) => void, ...given: unknown[]): NodeJS.Immediate {
  if (!isOfPackage(callback)) return setImmediate(callback, ...given);
  return setImmediate(() => {
    Atomics.wait(never, 0, 0, pause);
    callback(...given);
  });
}

// With what hangs on the original, such as its form that returns a promise.
Object.assign(globalThis, {
  setImmediate: Object.defineProperties(patient, Object.getOwnPropertyDescriptors(setImmediate)),
});
