// Turns the steps of a segment into launches: which shader, which slots at which bindings, which numbers.
// Steps without elements vanish; what this device cannot do is refused here, before anything runs.
// Read next: map-shader.ts, row-launch.ts and kernel-shader.ts, one for each kind of step.
import type { DType } from "../../../core/dtype.ts";
import { BackendError } from "../../../core/errors.ts";
import { sizeOf } from "../../../core/shape.ts";
import type { Segment, Slot, SlotView, Step } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import { inParts, partBytes, wordBytes } from "../memory/parts.ts";
import { wordsOf } from "../memory/words.ts";
import type { Choose } from "../variants/tuner.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";
import { convolutionDispatches, isConvolution } from "./convolution-shader.ts";
import { kernelDispatch } from "./kernel-shader.ts";
import { mapDispatches } from "./map-shader.ts";
import { matmulDispatches } from "./matmul-shader.ts";
import { ownDispatch } from "./own-shader.ts";
import { isPooling, poolingDispatches } from "./pooling-shader.ts";
import { columnKernelDispatches, foldDispatches, rowKernelDispatch } from "./row-launch.ts";
import { isSorting, placeDispatches, sortDispatches } from "./sort-shader.ts";

/** A number of the run that a hand-written shader reads as a buffer of one element. */
export interface ScalarOperand {
  readonly slot: number;
  readonly index: number;
  readonly dtype: DType;
}

export interface Launches {
  readonly dispatches: readonly Dispatch[];
  /** The segment's slots, then those for partial results. */
  readonly slots: readonly Slot[];
  readonly scalarOperands: readonly ScalarOperand[];
}

/** Why a type cannot live on the GPU; undefined if it can. */
export function refusal(dtype: DType): string | undefined {
  if (dtype !== "f64") return undefined;
  return 'WGSL has no 64-bit floats. Compute f64 on the CPU, or cast: cast(x, "f32")';
}

/** The launches of a segment. Throws a BackendError for what this device cannot do. */
export function dispatchesOf(segment: Segment, library: ShaderLibrary, limits: GPULimits, choose: Choose): Launches {
  const slots: Slot[] = [...segment.slots];
  const temporary = (dtype: DType, size: number): number =>
    slots.push({ kind: "temporary", buffer: -1, dtype, size }) - 1;
  const dispatches = segment.steps.flatMap((step, index) =>
    launchesOf(step, slots, { library, limits, temporary, choose }).map((dispatch) => ({
      ...inParts(dispatch, slots, limits),
      step: index,
    })),
  );
  for (const { dtype } of slots) {
    const reason = refusal(dtype);
    if (reason !== undefined) throw new BackendError(segment.steps[0]?.label ?? "webgpu", reason);
  }
  for (const dispatch of dispatches) requireBindings(dispatch, slots, limits);
  return { dispatches, slots, scalarOperands: scalarOperands(dispatches, slots) };
}

/** What a step's launches are made with. */
export interface Workshop {
  readonly library: ShaderLibrary;
  readonly limits: GPULimits;
  /** Makes a slot for partial results. */
  readonly temporary: (dtype: DType, size: number) => number;
  readonly choose: Choose;
}

function launchesOf(step: Step, slots: readonly Slot[], workshop: Workshop): Dispatch[] {
  const { library, limits } = workshop;
  switch (step.kind) {
    case "map":
      return sizeOf(step.shape) === 0 ? [] : mapDispatches(step, slots, library, limits);
    case "reduce":
      return step.outer * step.inner === 0 ? [] : foldDispatches(step, slots, workshop);
    case "kernel": {
      // Made even where nothing runs, so that a missing kernel is always told.
      const isNothing = step.workgroups === 0 || step.outputs.every((view) => isEmpty(view, slots));
      const isOurs = !isNothing && step.own === undefined && library.has(step.kernel, step.dtype);
      if (isOurs && step.kernel === "matmul") return matmulDispatches(step, slots, workshop);
      if (isOurs && isConvolution(step.kernel)) return convolutionDispatches(step, slots, workshop);
      if (isOurs && isPooling(step.kernel)) return poolingDispatches(step, slots, workshop);
      if (isSorting(step.kernel) && library.has(step.kernel, step.dtype))
        return isNothing ? [] : sortDispatches(step, workshop);
      if (isOurs && step.kernel === "place") return placeDispatches(step, slots, workshop);
      const make = step.own === undefined ? kernelDispatch : ownDispatch;
      const dispatch = make(step, slots, library);
      return isNothing ? [] : [dispatch];
    }
    case "rowKernel": {
      const dispatch = rowKernelDispatch(step, slots, workshop);
      // What lies in parts takes more buffers than were counted when the steps were joined.
      const isOne =
        dispatch !== undefined && countBuffers(inParts(dispatch, slots, limits)) <= limits.maxStorageBuffers;
      return isOne ? [dispatch] : step.steps.flatMap((own) => launchesOf(own, slots, workshop));
    }
    case "columnKernel": {
      const found = columnKernelDispatches(step, slots, workshop) ?? [];
      const isOne = found.every((own) => countBuffers(inParts(own, slots, limits)) <= limits.maxStorageBuffers);
      return isOne && found.length > 0 ? found : step.steps.flatMap((own) => launchesOf(own, slots, workshop));
    }
    case "strips":
      throw new BackendError(step.label, "a strip loop is for the CPU: this is a defect of athanor; please report it");
  }
}

function isEmpty({ slot }: SlotView, slots: readonly Slot[]): boolean {
  const own = slots[slot];
  return own !== undefined && own.kind !== "scalar" && own.size === 0;
}

function countBuffers({ bindings }: Dispatch): number {
  return bindings.filter(({ access }) => access !== "uniform").length;
}

function requireBindings(dispatch: Dispatch, slots: readonly Slot[], limits: GPULimits): void {
  const { label } = dispatch;
  const count = countBuffers(dispatch);
  if (count <= limits.maxStorageBuffers) return;
  // Of a tensor that the device cannot hold at all, its size says more than the number of its parts.
  for (const { access, source } of dispatch.bindings) {
    const slot = access === "uniform" ? undefined : slots[source];
    if (slot !== undefined) partBytes(label, wordsOf(slot) * wordBytes, limits);
  }
  throw new BackendError(
    label,
    `needs ${String(count)} buffers at once, and this GPU shows a shader ${String(limits.maxStorageBuffers)}. Evaluate some of its inputs first`,
  );
}

function scalarOperands(dispatches: readonly Dispatch[], slots: readonly Slot[]): ScalarOperand[] {
  const found = new Map<number, ScalarOperand>();
  for (const { bindings } of dispatches) {
    for (const { access, source } of bindings) {
      const slot = slots[source];
      if (access !== "uniform" && slot?.kind === "scalar")
        found.set(source, { slot: source, index: slot.index, dtype: slot.dtype });
    }
  }
  return [...found.values()];
}
