// Lowering: the groups of one device become a segment of steps over numbered slots. The GPU gets prologues and epilogues
// pasted into its kernels; on the CPU they are steps of their own, in place where they can be.
// Knows the two devices' habits but none of their insides. Read next: step.ts, plan.ts.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import { contiguous, isContiguous, mergeWalk } from "../core/layout.ts";
import { sizeOf, stridesOf } from "../core/shape.ts";
import { constant } from "../expr/expression.ts";
import { isIdentity } from "./fuse.ts";
import type { AssembleGroup, BufferView, Epilogue, Fused, Group, KernelGroup, ReduceGroup, Tile } from "./group.ts";
import type { Lifetime } from "./memory.ts";
import { planMemory } from "./memory.ts";
import type { DeviceName } from "./node.ts";
import type { Attachment, Segment, Slot, SlotView, Step } from "./step.ts";

/** A segment with the plan's buffers behind its bound slots. */
export interface LoweredSegment extends Segment {
  readonly device: DeviceName;
  /** Plan buffer of input i. */
  readonly inputs: readonly number[];
  /** Plan scalar of scalar slot i. */
  readonly scalars: readonly number[];
  /** Plan buffer of output i. */
  readonly outputs: readonly number[];
  /** Steps made for each group, by position in `groups`: for explain. */
  readonly groups: readonly number[];
}

/** Lowers groups (indexes into `fused.groups`) that run on one device without a transfer between them. */
export function lower(
  fused: Fused,
  groups: readonly number[],
  device: DeviceName,
  workers: number,
  isNeededLater: (buffer: number) => boolean,
): LoweredSegment {
  const lowering = new Lowering(fused, device, workers);
  for (const index of groups) {
    const group = fused.groups[index];
    if (group !== undefined) lowering.add(group);
  }
  return lowering.finish(groups, isNeededLater);
}

interface SlotDraft {
  readonly buffer: number | undefined;
  readonly dtype: DType;
  readonly size: number;
}

class Lowering {
  private readonly fused: Fused;
  private readonly device: DeviceName;
  private readonly workers: number;
  private readonly drafts: SlotDraft[] = [];
  private readonly slotOfBuffer = new Map<number, number>();
  private readonly steps: Step[] = [];

  constructor(fused: Fused, device: DeviceName, workers: number) {
    this.fused = fused;
    this.device = device;
    this.workers = workers;
  }

  add(group: Group): void {
    const [output = -1] = group.outputs;
    switch (group.kind) {
      case "map":
        this.map(group.label, group.tile, this.slot(output), contiguous(group.tile.shape));
        break;
      case "assemble":
        this.assemble(group, this.slot(output));
        break;
      case "reduce":
        this.reduce(group, this.slot(output));
        break;
      case "kernel":
        this.kernel(group);
        break;
      default:
        group satisfies never;
    }
  }

  private slot(buffer: number): number {
    const known = this.slotOfBuffer.get(buffer);
    if (known !== undefined) return known;
    const { dtype, size } = this.fused.buffers[buffer] ?? { dtype: "f32" as const, size: 0 };
    const slot = this.drafts.push({ buffer, dtype, size }) - 1;
    this.slotOfBuffer.set(buffer, slot);
    return slot;
  }

  private temporary(dtype: DType, size: number): number {
    return this.drafts.push({ buffer: undefined, dtype, size }) - 1;
  }

  private view(operand: BufferView, strides: readonly number[]): SlotView {
    const slot = this.slot(operand.buffer);
    return { slot, dtype: this.drafts[slot]?.dtype ?? "f32", offset: operand.layout.offset, strides };
  }

  private map(label: string, tile: Tile, target: number, region: Layout): void {
    const walk = mergeWalk(tile.shape, [region.strides, ...tile.operands.map((operand) => operand.layout.strides)]);
    const [outputStrides = [], ...inputStrides] = walk.strides;
    this.steps.push({
      kind: "map",
      label,
      shape: walk.shape,
      expression: tile.expression,
      inputs: tile.operands.map((operand, index) => this.view(operand, inputStrides[index] ?? [])),
      output: {
        slot: target,
        dtype: this.drafts[target]?.dtype ?? "f32",
        offset: region.offset,
        strides: outputStrides,
      },
    });
  }

  private attachment(tile: Tile): Attachment {
    const own = stridesOf(tile.shape);
    // The row-major strides take part in the merge so that the linear index stays meaningful.
    const walk = mergeWalk(tile.shape, [own, ...tile.operands.map((operand) => operand.layout.strides)]);
    return {
      expression: tile.expression,
      shape: walk.shape,
      inputs: tile.operands.map((operand, index) => this.view(operand, walk.strides[index + 1] ?? [])),
    };
  }

  /** On the CPU: the epilogue as a map step over the kernel's own result, in place. */
  private epilogueInPlace(label: string, epilogue: Epilogue | undefined, target: number): void {
    if (epilogue === undefined) return;
    const { tile } = epilogue;
    const own = stridesOf(tile.shape);
    const walk = mergeWalk(tile.shape, [own, ...tile.operands.map((operand) => operand.layout.strides)]);
    const [outputStrides = [], ...inputStrides] = walk.strides;
    const output: SlotView = {
      slot: target,
      dtype: this.drafts[target]?.dtype ?? "f32",
      offset: 0,
      strides: outputStrides,
    };
    const others = tile.operands.map((operand, index) => this.view(operand, inputStrides[index] ?? []));
    this.steps.push({
      kind: "map",
      label,
      shape: walk.shape,
      expression: tile.expression,
      inputs: [output, ...others],
      output,
    });
  }

  private assemble(group: AssembleGroup, target: number): void {
    if (group.fill !== undefined) {
      const tile: Tile = {
        shape: group.shape,
        expression: constant(group.fill, group.dtype),
        operands: [],
        label: "fill",
      };
      this.map(`${group.label}: fill`, tile, target, contiguous(group.shape));
    }
    for (const { tile, region } of group.pieces)
      this.map(tile.label === "" ? group.label : `${tile.label}+${group.label}`, tile, target, region);
  }

  private reduce(group: ReduceGroup, target: number): void {
    const { combiner, dtype, outer, length, inner, source, label } = group;
    const [operand] = source.operands;
    const direct = isIdentity(source) && operand !== undefined && isContiguous(operand.layout);
    const isGpu = this.device === "webgpu";
    const output: SlotView = { slot: target, dtype, offset: 0, strides: [inner, 1] };
    let folded: SlotView | undefined;
    if (direct) folded = this.view(operand, [length * inner, inner, 1]);
    else if (!isGpu) {
      const slot = this.temporary(source.expression.dtype, sizeOf(source.shape));
      this.map(source.label === "" ? "copy" : source.label, source, slot, contiguous(source.shape));
      folded = { slot, dtype: source.expression.dtype, offset: 0, strides: [length * inner, inner, 1] };
    }
    const prologue = folded === undefined ? this.attachment(source) : undefined;
    const epilogue = isGpu && group.epilogue !== undefined ? this.attachment(group.epilogue.tile) : undefined;
    this.steps.push({
      kind: "reduce",
      label,
      combiner,
      dtype,
      outer,
      length,
      inner,
      input: folded,
      prologue,
      epilogue,
      output,
    });
    if (!isGpu) this.epilogueInPlace(label, group.epilogue, target);
  }

  private kernel(group: KernelGroup): void {
    const { call, label } = group;
    const isGpu = this.device === "webgpu";
    const outputs = group.outputs.map((buffer): SlotView => {
      const slot = this.slot(buffer);
      return { slot, dtype: this.drafts[slot]?.dtype ?? "f32", offset: 0, strides: [1] };
    });
    const [target] = outputs;
    this.steps.push({
      kind: "kernel",
      label,
      kernel: call.kernel,
      dtype: call.dtype,
      inputs: group.inputs.map((operand) => this.view(operand, operand.layout.strides)),
      outputs,
      words: call.words,
      workgroups: call.workgroups,
      entry: call.entry ?? "main",
      work: {
        flops: group.flops,
        elements: this.elements([...group.inputs.map((input) => input.buffer), ...group.outputs]),
      },
      scratch: isGpu ? 0 : (call.scratch?.(this.workers) ?? 0),
      epilogue: isGpu && group.epilogue !== undefined ? this.attachment(group.epilogue.tile) : undefined,
    });
    if (!isGpu && target !== undefined) this.epilogueInPlace(label, group.epilogue, target.slot);
  }

  private elements(buffers: readonly number[]): number {
    return buffers.reduce((sum, buffer) => sum + (this.fused.buffers[buffer]?.size ?? 0), 0);
  }

  finish(groups: readonly number[], isNeededLater: (buffer: number) => boolean): LoweredSegment {
    const made = new Set(groups.flatMap((index) => this.fused.groups[index]?.outputs ?? []));
    const inputs: number[] = [];
    const scalars: number[] = [];
    const outputs: number[] = [];
    const temporaries: number[] = [];
    const slots = this.drafts.map((draft, index): Slot => {
      const { buffer: id, dtype, size } = draft;
      const buffer = id === undefined ? undefined : this.fused.buffers[id];
      if (buffer?.scalar !== undefined) return { kind: "scalar", index: scalars.push(buffer.scalar) - 1, dtype };
      if (id !== undefined && !made.has(id)) return { kind: "input", index: inputs.push(id) - 1, dtype, size };
      if (id !== undefined && isNeededLater(id)) return { kind: "output", index: outputs.push(id) - 1, dtype, size };
      temporaries.push(index);
      return { kind: "temporary", buffer: -1, dtype, size };
    });
    const memory = planMemory(this.lifetimes(temporaries));
    temporaries.forEach((index, position) => {
      const { dtype, size } = this.drafts[index] ?? { dtype: "f32" as const, size: 0 };
      slots[index] = { kind: "temporary", buffer: memory.assignment[position] ?? 0, dtype, size };
    });
    return { device: this.device, slots, steps: this.steps, buffers: memory.buffers, inputs, scalars, outputs, groups };
  }

  private lifetimes(temporaries: readonly number[]): Lifetime[] {
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    this.steps.forEach((step, index) => {
      for (const { slot } of viewsOf(step)) {
        if (!first.has(slot)) first.set(slot, index);
        last.set(slot, index);
      }
    });
    return temporaries.map((slot) => {
      const { dtype, size } = this.drafts[slot] ?? { dtype: "f32" as const, size: 0 };
      const born = first.get(slot) ?? 0;
      const bytes = size * (this.device === "webgpu" ? 4 : bytesOf(dtype));
      return {
        bytes,
        first: born,
        last: last.get(slot) ?? 0,
        inPlaceOf: this.overwritable(slot, born, temporaries, last),
      };
    });
  }

  /** A temporary whose last reader is the map step that makes `slot`, element for element; CPU only. */
  private overwritable(
    slot: number,
    born: number,
    temporaries: readonly number[],
    last: ReadonlyMap<number, number>,
  ): number | undefined {
    const step = this.steps[born];
    if (this.device === "webgpu" || step?.kind !== "map" || step.output.slot !== slot) return undefined;
    const found = step.inputs.find(
      (operand) =>
        operand.slot !== slot &&
        last.get(operand.slot) === born &&
        temporaries.includes(operand.slot) &&
        operand.offset === step.output.offset &&
        bytesOf(operand.dtype) === bytesOf(step.output.dtype) &&
        operand.strides.every((stride, axis) => stride === step.output.strides[axis]) &&
        step.inputs.filter((other) => other.slot === operand.slot).length === 1 &&
        this.drafts[operand.slot]?.size === this.drafts[slot]?.size,
    );
    return found === undefined ? undefined : temporaries.indexOf(found.slot);
  }
}

/** Every slot view a step touches. */
export function viewsOf(step: Step): SlotView[] {
  if (step.kind === "map") return [...step.inputs, step.output];
  const attached = step.epilogue?.inputs ?? [];
  if (step.kind === "kernel") return [...step.inputs, ...step.outputs, ...attached];
  return [
    ...(step.input === undefined ? [] : [step.input]),
    ...(step.prologue?.inputs ?? []),
    ...attached,
    step.output,
  ];
}
