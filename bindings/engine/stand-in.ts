// The CPU does the work while a GPU's shaders compile, which takes a driver tens to hundreds of milliseconds each: only where
// the choice is the engine's and all operands are on the host or the CPU. Read next: engine.ts, which asks.
import type { Plan } from "../graph/plan.ts";
import type { Capture } from "../graph/capture.ts";
import type { CompiledPlan } from "./run.ts";

/**
 * Starts to compile the shaders of a plan without blocking; true if some are not ready and the CPU can do all of it meanwhile.
 * `whenReady` is called once they are, or once it is known that they will never be.
 */
export function needsStandIn(
  compiled: CompiledPlan,
  captured: Pick<Capture, "inputs">,
  isForced: boolean,
  whenReady: () => void,
): boolean {
  const waiting = compiled.programs.filter((program) => program.isReady === false);
  if (waiting.length === 0 || isForced || !canMove(compiled.plan)) return false;
  const isNear = captured.inputs.every(
    (value) => value.host !== undefined || value.copies.size === 0 || value.copies.has("wasm"),
  );
  if (!isNear) return false;
  // A shader that does not compile is reported by the launch that needs it.
  void Promise.allSettled(
    waiting.map(async (program) => {
      await program.compileAhead?.();
    }),
  ).then(whenReady);
  return true;
}

/** Whether nobody asked for a device, by `withDevice` or by what it alone can do. */
function canMove({ fused }: Plan): boolean {
  return fused.groups.every((group) => group.device === undefined);
}
