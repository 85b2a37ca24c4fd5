// Programs whose shaders are still being compiled, and who does their work meanwhile: the CPU, where it can do all of it.
// Knows plans and programs, no shader. Read next: run.ts; engine.ts and compile/jit.ts, which ask before they run.
import type { Value } from "../graph/node.ts";
import type { CompiledPlan } from "./run.ts";
import { dropPlan } from "./run.ts";

/** Whether a run of the plan has to wait for nothing to be compiled. */
export function isReady({ programs }: CompiledPlan): boolean {
  for (const program of programs) if (program.isReady === false) return false;
  return true;
}

/** Compiles what the plan's programs need without blocking. What does not compile is reported by the run that needs it. */
export async function prepare(compiled: CompiledPlan): Promise<void> {
  // Kept from being dropped meanwhile, as a run keeps it.
  compiled.use.runs++;
  try {
    await Promise.all(compiled.programs.map((program) => program.compileAhead?.() ?? Promise.resolve()));
  } catch {
    // The device was lost: the run says so.
  } finally {
    compiled.use.runs--;
    if (compiled.use.isDropped) dropPlan(compiled);
  }
}

/** Whether the CPU could do the whole of a plan: nothing was asked to be elsewhere, and nothing has to be fetched from there. */
export function hasStandIn({ plan }: CompiledPlan, inputs: readonly Value[]): boolean {
  if (plan.placements.some(({ device, forced }) => device === "webgpu" && forced !== undefined)) return false;
  return inputs.every((value) => value.host !== undefined || value.isConstant || value.copies.has("wasm"));
}
