// The engine behind the module-level functions: made on first use, started when a value is first needed or by init().
// Read next: init.ts for what starting does; engine.ts.
import type { DeviceName } from "../backends/backend.ts";
import { BackendError, ParameterError } from "../core/errors.ts";
import type { Tensor } from "../ops/tensor.ts";
import { requireArguments } from "../ops/tensor.ts";
import { Engine } from "./engine.ts";
import { Handle } from "./handle.ts";
import { requireFunction } from "./scopes.ts";
import type { InitOptions } from "./start.ts";
import { startDevices } from "./start.ts";

let current: Engine | undefined;

/** The default engine. */
export function defaultEngine(): Engine {
  current ??= createEngine();
  return current;
}

/** An engine of its own: tensors of different engines do not mix. */
export function createEngine(options: InitOptions = {}): Engine {
  const engine: Engine = new Engine(async () => {
    await startDevices(engine, options);
  });
  return engine;
}

/** Puts another engine behind the module-level functions. Returns the one before. */
export function useEngine(engine: Engine | undefined): Engine | undefined {
  const before = current;
  current = engine;
  return before;
}

/**
 * Runs `body` and disposes every tensor made in it but those in its result (a tensor, or arrays and plain objects of
 * tensors). Throws a ParameterError if the function returns a promise.
 */
export function scope<T>(body: () => T): T {
  requireFunction("scope", body);
  return defaultEngine().scopes.run("scope", body);
}

/** Computes all tensors in one plan, without copying them to the host. */
export async function evaluate(...tensors: readonly Tensor[]): Promise<void> {
  requireArguments("evaluate", tensors);
  const [first] = tensors;
  if (first === undefined) return;
  const engine = engineOf(first);
  await engine.computeAll(tensors.map((tensor) => engine.valueOf(tensor, "evaluate")));
}

/** The engine a tensor belongs to. */
export function engineOf(tensor: Tensor): Engine {
  if (tensor instanceof Handle && tensor.recorder instanceof Engine) return tensor.recorder;
  throw new BackendError("engine", "this tensor was not made by athanor");
}

/**
 * Records the ops of `body` for one device, or leaves the choice to dispatch with "auto". What a device cannot do runs on the
 * other; an op of `defineOp` that has no kernel for the device throws a BackendError.
 */
export function withDevice<T>(device: DeviceName | "auto", body: () => T): T {
  requireFunction("withDevice", body);
  if (!["wasm", "webgpu", "auto"].includes(device))
    throw new ParameterError("withDevice", `the device must be "wasm", "webgpu" or "auto", got ${device}`);
  const engine = defaultEngine();
  if (device !== "auto" && engine.backends.size > 0 && !engine.backends.has(device)) {
    throw new BackendError(
      "withDevice",
      `${device} is not in use here. await init() reports why; use "auto" or "${[...engine.backends.keys()].join('" or "')}"`,
    );
  }
  const before = engine.preferred;
  engine.preferred = device === "auto" ? undefined : device;
  try {
    return body();
  } finally {
    engine.preferred = before;
  }
}
