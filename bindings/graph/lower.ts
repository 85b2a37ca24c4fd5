// Lowering: the groups of one device become a segment of steps over numbered slots. The GPU gets prologues and epilogues
// pasted into its kernels, and row-kernels.ts makes one of kernels over the same rows; on the CPU they are steps of their own,
// which strips.ts and finish.ts bring together again. Knows the two devices' habits but none of their insides. Read next: step.ts, plan.ts.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import { contiguous, isContiguous, mergeWalk } from "../core/layout.ts";
import { sizeOf, stridesOf } from "../core/shape.ts";
import { constant, input } from "../expr/expression.ts";
import { cast } from "../expr/primitives/logic.ts";
import { withColumnKernels } from "./column-kernels.ts";
import { withFinishes } from "./finish.ts";
import { isIdentity } from "./fuse.ts";
import type { AssembleGroup, BufferView, Epilogue, Fused, Group, KernelGroup, ReduceGroup, Tile } from "./group.ts";
import type { DeviceName } from "./node.ts";
import { joinMapsOnGpu } from "./join-maps.ts";
import { withRowKernels } from "./row-kernels.ts";
import { planSlots } from "./slots.ts";
import type { Attachment, Segment, Slot, SlotView, Step } from "./step.ts";
import { viewsOf, whole } from "./step.ts";
import type { Surface } from "./strips.ts";
import { withStrips } from "./strips.ts";

/** A segment with the plan's buffers behind its bound slots. */
export interface LoweredSegment extends Segment {
  readonly device: DeviceName;
  /** Plan buffer of input i. */
  readonly inputs: readonly number[];
  /** Plan scalar of scalar slot i. */
  readonly scalars: readonly number[];
  /** Plan buffer of output i. */
  readonly outputs: readonly number[];
  /** The groups in the order of the plan. */
  readonly groups: readonly number[];
}

/**
 * Lowers groups (indexes into `fused.groups`) that run on one device without a transfer between them. `isGiven` tells which
 * buffers the caller of a run gives away.
 */
export function lower(
  fused: Fused,
  groups: readonly number[],
  device: DeviceName,
  workers: number,
  isNeededLater: (buffer: number) => boolean,
  isGiven: (buffer: number) => boolean,
): LoweredSegment {
  const lowering = new Lowering(fused, device, workers, isGiven);
  for (const index of groups) {
    const group = fused.groups[index];
    if (group !== undefined) lowering.add(group, index);
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
  private readonly isGiven: (buffer: number) => boolean;
  private readonly drafts: SlotDraft[] = [];
  private readonly slotOfBuffer = new Map<number, number>();
  private readonly steps: Step[] = [];

  constructor(fused: Fused, device: DeviceName, workers: number, isGiven: (buffer: number) => boolean) {
    this.fused = fused;
    this.device = device;
    this.workers = workers;
    this.isGiven = isGiven;
  }

  /** Adds the steps of a group, marked with its number. */
  add(group: Group, index: number): void {
    const before = this.steps.length;
    this.lower(group);
    for (let step = before; step < this.steps.length; step++)
      this.steps[step] = { ...this.steps[step]!, groups: [index] };
  }

  private lower(group: Group): void {
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

  /**
   * On the CPU: where a kernel with this epilogue writes. That is where the epilogue writes, which then works in place, unless
   * it can be written over an operand that the caller gives away.
   */
  private rawSlot(epilogue: Epilogue | undefined, target: number): number {
    const { dtype, size } = this.drafts[target] ?? { dtype: "f32" as const, size: 0 };
    const isOver = epilogue?.tile.operands.some(({ buffer, layout }) => {
      const own = this.fused.buffers[buffer];
      return this.isGiven(buffer) && own?.size === size && own.dtype === dtype && isContiguous(layout);
    });
    return isOver === true ? this.temporary(dtype, size) : target;
  }

  /** On the CPU: the epilogue as a map step over the kernel's own result. */
  private epilogueApart(label: string, epilogue: Epilogue | undefined, raw: number, target: number): void {
    if (epilogue === undefined) return;
    const { tile } = epilogue;
    const own = stridesOf(tile.shape);
    const walk = mergeWalk(tile.shape, [own, ...tile.operands.map((operand) => operand.layout.strides)]);
    const [strides = [], ...inputStrides] = walk.strides;
    const { dtype } = this.drafts[target] ?? { dtype: "f32" as const };
    const others = tile.operands.map((operand, index) => this.view(operand, inputStrides[index] ?? []));
    this.steps.push({
      kind: "map",
      label,
      shape: walk.shape,
      expression: tile.expression,
      inputs: [{ slot: raw, dtype, offset: 0, strides }, ...others],
      output: { slot: target, dtype, offset: 0, strides },
    });
  }

  private assemble(group: AssembleGroup, target: number): void {
    if (group.dtype === "f16" && this.device === "webgpu") {
      this.assembleHalves(group, target);
      return;
    }
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

  /** On the GPU halves are written two at a time, and pieces may begin between two: they are put together in f32 first. */
  private assembleHalves(group: AssembleGroup, target: number): void {
    const whole = this.temporary("f32", sizeOf(group.shape));
    const pieces = group.pieces.map(({ tile, region }) => ({
      tile: { ...tile, expression: cast(tile.expression, "f32") },
      region,
    }));
    this.assemble({ ...group, dtype: "f32", pieces }, whole);
    this.steps.push({
      kind: "map",
      label: group.label,
      shape: [sizeOf(group.shape)],
      expression: cast(input(0, "f32"), "f16"),
      inputs: [{ slot: whole, dtype: "f32", offset: 0, strides: [1] }],
      output: { slot: target, dtype: "f16", offset: 0, strides: [1] },
    });
  }

  private reduce(group: ReduceGroup, target: number): void {
    const { combiner, dtype, outer, length, inner, source, label } = group;
    const [operand] = source.operands;
    const direct = isIdentity(source) && operand !== undefined && isContiguous(operand.layout);
    const isGpu = this.device === "webgpu";
    const raw = isGpu ? target : this.rawSlot(group.epilogue, target);
    const output: SlotView = { slot: raw, dtype, offset: 0, strides: [inner, 1] };
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
    if (!isGpu) this.epilogueApart(label, group.epilogue, raw, target);
  }

  private kernel(group: KernelGroup): void {
    const { call, label } = group;
    const isGpu = this.device === "webgpu";
    const outputs = group.outputs.map((buffer): SlotView => {
      const slot = this.slot(buffer);
      return whole(slot, this.drafts[slot]?.dtype ?? "f32");
    });
    const [target] = group.outputs.map((buffer) => this.slot(buffer));
    const raw = isGpu || target === undefined ? target : this.rawSlot(group.epilogue, target);
    const inputs = group.inputs.map((operand) => this.kernelOperand(operand, group));
    const isOfHalves = !isGpu && inputs.some(({ dtype }) => dtype === "f16");
    this.steps.push({
      kind: "kernel",
      label,
      kernel: call.kernel,
      dtype: isOfHalves ? "f16" : call.dtype,
      inputs,
      outputs: raw === target ? outputs : outputs.map((view) => ({ ...view, slot: raw ?? view.slot })),
      words: call.words,
      workgroups: call.workgroups,
      entry: call.entry ?? "main",
      ...(call.parts === 1 ? {} : { work: { flops: group.flops, elements: this.elements(group) } }),
      scratch: isGpu ? 0 : (call.scratch?.(this.workers) ?? 0),
      preparation: isGpu ? undefined : call.preparation,
      status: isGpu ? undefined : call.status,
      epilogue: isGpu && group.epilogue !== undefined ? this.attachment(group.epilogue.tile) : undefined,
      columns: isGpu ? undefined : group.columns,
      own: call.own,
    });
    if (!isGpu && target !== undefined) this.epilogueApart(label, group.epilogue, raw ?? target, target);
  }

  /** An operand of a kernel. Halves that it does not read are converted: all that lies in the buffer, in its order. */
  private kernelOperand(operand: BufferView, { label, readsHalves }: KernelGroup): SlotView {
    const view = this.view(operand, operand.layout.strides);
    if (view.dtype !== "f16" || this.device === "webgpu" || readsHalves === "everywhere") return view;
    const size = this.drafts[view.slot]?.size ?? 0;
    const slot = this.temporary("f32", size);
    this.steps.push({
      kind: "map",
      label: `${label}: cast`,
      shape: [size],
      expression: cast(input(0, "f16"), "f32"),
      inputs: [{ ...view, offset: 0, strides: [1] }],
      output: { slot, dtype: "f32", offset: 0, strides: [1] },
    });
    return { ...view, slot, dtype: "f32" };
  }

  /** Elements that a kernel reads and writes. */
  private elements({ inputs, outputs }: KernelGroup): number {
    const buffers = [...inputs.map((input) => input.buffer), ...outputs];
    return buffers.reduce((sum, buffer) => sum + (this.fused.buffers[buffer]?.size ?? 0), 0);
  }

  finish(groups: readonly number[], isNeededLater: (buffer: number) => boolean): LoweredSegment {
    const made = new Set(groups.flatMap((index) => this.fused.groups[index]?.outputs ?? []));
    const isTemporary = (slot: number): boolean => {
      const id = this.drafts[slot]?.buffer;
      return id === undefined || (made.has(id) && !isNeededLater(id));
    };
    const fates = {
      isKept: (slot: number): boolean => !isTemporary(slot),
      isGiven: (slot: number): boolean => this.isGiven(this.drafts[slot]?.buffer ?? -1),
    };
    const steps =
      this.device === "wasm"
        ? withFinishes(withStrips(this.steps, this.surface(isTemporary)), fates)
        : withColumnKernels(withRowKernels(joinMapsOnGpu(this.steps, fates.isKept), fates.isKept));
    const inputs: number[] = [];
    const scalars: number[] = [];
    const outputs: number[] = [];
    const slots = this.drafts.map((draft, index): Slot => {
      const { buffer: id, dtype, size } = draft;
      if (id === undefined || isTemporary(index)) return { kind: "temporary", buffer: -1, dtype, size };
      const scalar = this.fused.buffers[id]?.scalar;
      if (scalar !== undefined) return { kind: "scalar", index: scalars.push(scalar) - 1, dtype };
      if (made.has(id)) return { kind: "output", index: outputs.push(id) - 1, dtype, size };
      return { kind: "input", index: inputs.push(id) - 1, dtype, size };
    });
    const isFree = (input: number): boolean => this.isGiven(input) && !isNeededLater(input);
    const { planned, buffers } = planSlots(slots, steps, this.device, (index) => isFree(inputs[index] ?? -1));
    return { device: this.device, slots: planned, steps, buffers, inputs, scalars, outputs, groups };
  }

  /** What strip loops ask of the segment. */
  private surface(isTemporary: (slot: number) => boolean): Surface {
    const touching = new Map<number, Set<Step>>();
    for (const step of this.steps) {
      for (const { slot } of viewsOf(step)) {
        const known = touching.get(slot);
        if (known === undefined) touching.set(slot, new Set([step]));
        else known.add(step);
      }
    }
    return {
      workers: this.workers,
      isLocal: (slot, steps) => {
        if (!isTemporary(slot)) return false;
        for (const step of touching.get(slot) ?? []) if (!steps.has(step)) return false;
        return true;
      },
      bytesOf: (slot) => {
        const { dtype, size } = this.drafts[slot] ?? { dtype: "f32" as const, size: 0 };
        return size * bytesOf(dtype);
      },
      temporary: (dtype, size) => this.temporary(dtype, size),
    };
  }
}
