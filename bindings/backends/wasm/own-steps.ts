// Users' kernels in a program of the CPU: those in TypeScript are called with views of the memory, between the records of the
// program; and the op is named when one fails. What a user's kernel throws becomes a BackendError of its op, and the program
// then lets go of its memory as after any failure. Read next: program.ts.
import { AthanorError, BackendError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shape.ts";
import type { KernelStep, Step } from "../../graph/step.ts";
import type { ArrayView, OwnKernels } from "../../ops/descriptor.ts";
import type { Spec } from "../../ops/tensor.ts";
import type { Heap } from "./heap.ts";

/** A step that runs in TypeScript once this many records have run. */
interface HostCall {
  readonly position: number;
  readonly step: KernelStep;
  readonly op: string;
  /** The first of the words that hold the addresses of its operands. */
  readonly start: number;
  readonly kernel: NonNullable<OwnKernels["compute"]>;
}

/** What users' ops do to the run of a program. */
export class OwnSteps {
  private readonly calls: HostCall[] = [];
  /** Ops with WASM of their own, which may trap. */
  private readonly names: readonly string[];

  constructor(steps: readonly Step[]) {
    const own = steps.flatMap((step) => (step.kind === "kernel" && step.own?.wasm ? [step.kernel] : []));
    this.names = [...new Set(own)];
  }

  /** Notes a step that runs in TypeScript after `position` records; from word `start` on are the addresses of its operands. */
  interrupt(step: KernelStep, position: number, start: number): void {
    const kernel = step.own?.compute;
    if (kernel === undefined) {
      throw new BackendError(
        step.kernel,
        "has a WGSL kernel only, and this runs on the CPU. Read it with await x.data() where a GPU is in use (await init() says), or give defineOp a wasm or compute kernel",
      );
    }
    this.calls.push({ position, step, op: step.kernel, start, kernel });
  }

  /**
   * Runs `count` records by `run(from, to)`, all at once or in parts between what runs in TypeScript. `told` is told the
   * microseconds of that.
   */
  run(
    count: number,
    heap: Heap,
    block: number,
    run: (from: number, to: number) => void,
    told?: (step: Step, microseconds: number) => void,
  ): void {
    let done = 0;
    try {
      for (const call of this.calls) {
        if (call.position > done) run(done, call.position);
        done = call.position;
        const begun = told === undefined ? 0 : performance.now();
        compute(call, heap, block);
        told?.(call.step, 1000 * (performance.now() - begun));
      }
      if (count > done) run(done, count);
    } catch (error) {
      throw this.explained(error);
    }
  }

  /** The error to throw for one that came out of the program. */
  private explained(error: unknown): unknown {
    const [name, ...others] = this.names;
    if (name === undefined) return error;
    const isTrap = error instanceof WebAssembly.RuntimeError;
    // A worker that stops takes the threads with it, and says so.
    const isBroken = error instanceof BackendError && error.op === "run";
    if (!isTrap && !isBroken) return error;
    const which = others.length === 0 ? "its WebAssembly function stopped" : `it or ${others.join(" or ")} stopped`;
    return new BackendError(
      name,
      `${which}: ${error.message}. Check its addresses, its bounds and its signature (args, worker, workers)`,
      { cause: error },
    );
  }
}

/** Runs a step in TypeScript. `block` is where the program's words lie. */
function compute({ op, start, kernel }: HostCall, heap: Heap, block: number): void {
  const addresses = heap.view("u32", block + 4 * start, kernel.inputs.length + kernel.outputs.length).slice();
  const view = ({ shape, dtype }: Spec, index: number): ArrayView => {
    return { shape, dtype, data: heap.view(dtype, addresses[index] ?? 0, sizeOf(shape)) };
  };
  const inputs = kernel.inputs.map(view);
  const outputs = kernel.outputs.map((spec, index) => view(spec, kernel.inputs.length + index));
  try {
    kernel.run(inputs, outputs);
  } catch (cause) {
    if (cause instanceof AthanorError && cause.op === op) throw cause;
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new BackendError(op, `its compute function failed: ${what}`, { cause });
  }
}
