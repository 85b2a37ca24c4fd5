// The instruction set between the graph and the backends: what one device is told to do, in order.
// Steps speak of slots (numbered buffers of a plan), layouts and scalar expressions; they know no op and no tensor.
// Read next: lower.ts, which makes them, and backends/backend.ts, which runs them.
import type { DType } from "../core/dtype.ts";
import type { Expression } from "../expr/expression.ts";
import type { Combiner, KernelStatus, OwnKernels, Preparation } from "../ops/descriptor.ts";

/** A slot read or written with one stride (in elements) for every axis of the step's shape. */
export interface SlotView {
  readonly slot: number;
  readonly dtype: DType;
  /** Elements from the slot's beginning. */
  readonly offset: number;
  readonly strides: readonly number[];
  /** Inside of a strip loop: elements from one strip to the next, and from one worker's memory to the next one's. */
  readonly advance?: number;
  readonly share?: number;
}

/** All of a slot, in memory order. */
export const whole = (slot: number, dtype: DType): SlotView => ({ slot, dtype, offset: 0, strides: [1] });

/** A further result of a map over the same shape and inputs. */
export interface MapResult {
  readonly expression: Expression;
  readonly output: SlotView;
}

interface StepBase {
  /** Names of the ops computed here, for explain and for labels. */
  readonly label: string;
  /** The groups of the plan that it computes, or takes part in: for explain. */
  readonly groups?: readonly number[];
}

/** Elementwise work: output[i] = expression(inputs[i]) for every i of `shape` (axes merged, none of size 1). */
export interface MapStep extends StepBase {
  readonly kind: "map";
  readonly shape: readonly number[];
  readonly expression: Expression;
  readonly inputs: readonly SlotView[];
  readonly output: SlotView;
  /** More results of the same loop. */
  readonly also?: readonly MapResult[];
}

/** An elementwise expression pasted into another step; x0 is the step's own value, x1… are `inputs` over `shape`. */
export interface Attachment {
  readonly expression: Expression;
  readonly shape: readonly number[];
  readonly inputs: readonly SlotView[];
}

/** A fold of [outer, length, inner] over the middle axis, written contiguously as [outer, inner]. */
export interface ReduceStep extends StepBase {
  readonly kind: "reduce";
  readonly combiner: Combiner;
  /** Type in which the fold is done. */
  readonly dtype: DType;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** The source as [outer, length, inner] row-major, when there is no prologue. */
  readonly input: SlotView | undefined;
  /** An expression computed for every element before it is folded; its x0… are its own inputs. WebGPU only. */
  readonly prologue: Attachment | undefined;
  /** Applied to every folded value before it is written. WebGPU only. */
  readonly epilogue: Attachment | undefined;
  readonly output: SlotView;
  /** One of the two halves of a long fold, with a row for each chunk between them: assembly/folds/partial.ts. CPU only. */
  readonly stage?: "partial" | "finish";
}

/** A structured kernel. Operands are contiguous unless the kernel's words carry strides. */
export interface KernelStep extends StepBase {
  readonly kind: "kernel";
  readonly kernel: string;
  readonly dtype: DType;
  readonly inputs: readonly SlotView[];
  readonly outputs: readonly SlotView[];
  readonly words: readonly number[];
  readonly workgroups: number;
  /** Entry point of the WGSL file. */
  readonly entry: string;
  /** What decides whether it is worth sharing among threads; it is not when absent. */
  readonly work?: { readonly flops: number; readonly elements: number };
  /** WASM scratch bytes, already multiplied by the workers. */
  readonly scratch: number;
  /** What the WASM kernel can be given prepared. */
  readonly preparation?: Preparation | "none" | undefined;
  /** The error for what the WASM kernel reported, if it reports at all. */
  readonly status?: KernelStatus | undefined;
  /** Applied to every element of the only output before it is written. WebGPU only. */
  readonly epilogue: Attachment | undefined;
  /** Elements of a row of the only output, if the WASM kernel can have a map done over blocks of rows that it has finished. */
  readonly columns?: number | undefined;
  /** That map, over [.., columns]. CPU only. */
  readonly finish?: MapStep | undefined;
  /** What runs in place of a kernel of ours. */
  readonly own?: OwnKernels | undefined;
}

/** Steps that can be cut into rows. */
export type RowStep = MapStep | ReduceStep;

/** Steps over the same rows, run strip after strip. CPU only. */
export interface StripStep extends StepBase {
  readonly kind: "strips";
  /** Strips in all, the shorter last one included. */
  readonly strips: number;
  /** What is done for each strip. */
  readonly steps: readonly RowStep[];
  /** What is done for the last strip if it is shorter. */
  readonly tail: readonly RowStep[] | undefined;
}

/**
 * Maps and folds over the same rows, done by one launch in which a row's values go from step to step without memory. Every
 * step goes over [rows, length] or over [rows]; folds take a whole row. WebGPU only.
 */
export interface RowKernelStep extends StepBase {
  readonly kind: "rowKernel";
  readonly rows: number;
  /** Elements of a row, at least two. */
  readonly length: number;
  /** In the order in which they would run one by one. */
  readonly steps: readonly RowStep[];
  /** Slots that nobody else reads: they need no memory. */
  readonly hidden: readonly number[];
}

/** Folds of the same columns, done by one launch that goes along them once. None reads what another writes. WebGPU only. */
export interface ColumnKernelStep extends StepBase {
  readonly kind: "columnKernel";
  readonly dtype: DType;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly steps: readonly ReduceStep[];
}

export type Step = MapStep | ReduceStep | KernelStep | StripStep | RowKernelStep | ColumnKernelStep;

/** What a slot of a plan stands for. */
export type Slot =
  /** A stored tensor the caller binds; `index` into the bindings of a run. */
  | { readonly kind: "input"; readonly index: number; readonly dtype: DType; readonly size: number }
  /** A number the caller binds at every run. */
  | { readonly kind: "scalar"; readonly index: number; readonly dtype: DType }
  /** A result: storage made by the run and handed out; `index` into its results. */
  | {
      readonly kind: "output";
      readonly index: number;
      readonly dtype: DType;
      readonly size: number;
      /** The index of an input whose memory it may take if the caller has given that input away. */
      readonly over?: number | undefined;
    }
  /** Storage that lives within the run; slots with equal `buffer` share memory, one after the other. */
  | { readonly kind: "temporary"; readonly buffer: number; readonly dtype: DType; readonly size: number };

/** The work of one device between two transfers. Slot numbers index `slots`. */
export interface Segment {
  readonly slots: readonly Slot[];
  readonly steps: readonly Step[];
  /** Bytes of each temporary buffer. */
  readonly buffers: readonly number[];
  /** For scalars that are the same at every run, by their index, what they are: a device need not ask for them. */
  readonly fixed?: readonly (number | undefined)[];
}

/** Every slot view a step touches. */
export function viewsOf(step: Step): SlotView[] {
  if (step.kind === "map") return [...step.inputs, ...writesOf(step)];
  if (step.kind === "strips" || step.kind === "columnKernel") return step.steps.flatMap(viewsOf);
  if (step.kind === "rowKernel") return shownBy(step, viewsOf);
  const attached = step.epilogue?.inputs ?? [];
  if (step.kind === "kernel") {
    const finish = step.finish === undefined ? [] : viewsOf(step.finish);
    return [...step.inputs, ...step.outputs, ...attached, ...finish];
  }
  return [
    ...(step.input === undefined ? [] : [step.input]),
    ...(step.prologue?.inputs ?? []),
    ...attached,
    step.output,
  ];
}

/** The groups of several steps, each once. */
export function groupsOf(steps: readonly Step[]): number[] {
  return [...new Set(steps.flatMap(({ groups = [] }) => groups))];
}

/** The slot views a step writes. */
export function writesOf(step: Step): SlotView[] {
  if (step.kind === "kernel") return [...step.outputs, ...(step.finish === undefined ? [] : writesOf(step.finish))];
  if (step.kind === "strips" || step.kind === "columnKernel") return step.steps.flatMap(writesOf);
  if (step.kind === "rowKernel") return shownBy(step, writesOf);
  const further = step.kind === "map" ? (step.also ?? []) : [];
  return [step.output, ...further.map(({ output }) => output)];
}

function shownBy({ steps, hidden }: RowKernelStep, views: (step: Step) => SlotView[]): SlotView[] {
  return steps.flatMap(views).filter(({ slot }) => !hidden.includes(slot));
}
