// Lowering: the groups of one device become a segment of steps over numbered slots. The GPU gets prologues and epilogues
// pasted into its kernels, and row-kernels.ts makes one of kernels over the same rows; on the CPU they are steps of their own,
// which strips.ts and finish.ts bring together again. Knows the two devices' habits but none of their insides. Read next: step.ts, plan.ts.
import type { DType } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import { contiguous, isContiguous, mergeWalk } from "../core/layout.ts";
import { sizeOf, stridesOf } from "../core/shape.ts";
import type { Expression } from "../expr/expression.ts";
import { constant, input } from "../expr/expression.ts";
import { cast } from "../expr/primitives/logic.ts";
import { withColumnKernels } from "./column-kernels.ts";
import { withFinishes } from "./finish.ts";
import { isIdentity } from "./fuse.ts";
import { conversionOf, keptInSingle, storesPairs } from "./conversions.ts";
import type { AssembleGroup, BufferView, Epilogue, Fused, Group, KernelGroup, ReduceGroup, Tile } from "./group.ts";
import type { DeviceName } from "./node.ts";
import { joinMapsOnGpu } from "./join-maps.ts";
import { withRowKernels } from "./row-kernels.ts";
import { planSlots } from "./slots.ts";
import type { Attachment, Segment, Slot, SlotView, Step } from "./step.ts";
import { whole } from "./step.ts";
import type { Memory, Surface } from "./strips.ts";
import { surfaceOf, withStrips } from "./strips.ts";

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

/** The device that a segment is for. */
export interface Target {
  readonly name: DeviceName;
  readonly workers: number;
  /** Whether all its kernels read and store halves themselves. */
  readonly hasHalves?: boolean;
}

/**
 * Lowers groups (indexes into `fused.groups`) that run on one device without a transfer between them. `isGiven` tells which
 * buffers the caller of a run gives away.
 */
export function lower(
  fused: Fused,
  groups: readonly number[],
  target: Target,
  isNeededLater: (buffer: number) => boolean,
  isGiven: (buffer: number) => boolean,
): LoweredSegment {
  const kept = target.hasHalves === true ? new Set<number>() : keptInSingle(fused, groups, target.name, isNeededLater);
  const lowering = new Lowering(fused, target, kept, isGiven);
  for (const index of groups) {
    const group = fused.groups[index];
    if (group !== undefined) lowering.add(group, index);
  }
  return lowering.finish(groups, isNeededLater);
}

interface SlotDraft extends Memory {
  /** Of the plan; undefined for what is only within the segment. */
  readonly buffer: number | undefined;
}

class Lowering {
  private readonly fused: Fused;
  private readonly device: DeviceName;
  private readonly workers: number;
  private readonly hasHalves: boolean;
  /** Buffers of halves that lie in f32. */
  private readonly keptInSingle: ReadonlySet<number>;
  private readonly isGiven: (buffer: number) => boolean;
  private readonly drafts: SlotDraft[] = [];
  private readonly slotOfBuffer = new Map<number, number>();
  private readonly steps: Step[] = [];
  /** Slots with what was converted to f32 already. */
  private readonly converted = new Map<string, number>();

  constructor(
    fused: Fused,
    { name, workers, hasHalves = false }: Target,
    kept: ReadonlySet<number>,
    isGiven: (buffer: number) => boolean,
  ) {
    this.fused = fused;
    this.device = name;
    this.workers = workers;
    this.hasHalves = hasHalves;
    this.keptInSingle = kept;
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
    const { dtype: own, size } = this.fused.buffers[buffer] ?? { dtype: "f32" as const, size: 0 };
    const dtype = this.keptInSingle.has(buffer) ? "f32" : own;
    const slot = this.drafts.push({ buffer, dtype, size }) - 1;
    this.slotOfBuffer.set(buffer, slot);
    return slot;
  }

  private dtypeOf(slot: number): DType {
    return this.drafts[slot]?.dtype ?? "f32";
  }

  /** What is stored in a slot: halves that are kept in f32 are rounded all the same. */
  private valueFor(slot: number, value: Expression): Expression {
    return value.dtype === "f16" && this.dtypeOf(slot) === "f32" ? cast(value, "f32") : value;
  }

  private temporary(dtype: DType, size: number): number {
    return this.drafts.push({ buffer: undefined, dtype, size }) - 1;
  }

  private view(operand: BufferView, strides: readonly number[]): SlotView {
    const slot = this.slot(operand.buffer);
    return { slot, dtype: this.dtypeOf(slot), offset: operand.layout.offset, strides };
  }

  private map(label: string, tile: Tile, target: number, region: Layout): void {
    const walk = mergeWalk(tile.shape, [region.strides, ...tile.operands.map((operand) => operand.layout.strides)]);
    const [outputStrides = [], ...inputStrides] = walk.strides;
    this.steps.push({
      kind: "map",
      label,
      shape: walk.shape,
      expression: this.valueFor(target, tile.expression),
      inputs: tile.operands.map((operand, index) => this.view(operand, inputStrides[index] ?? [])),
      output: {
        slot: target,
        dtype: this.dtypeOf(target),
        offset: region.offset,
        strides: outputStrides,
      },
    });
  }

  /** An expression pasted into a step; one that comes last stores into `target`. */
  private attachment(tile: Tile, target?: number): Attachment {
    const own = stridesOf(tile.shape);
    // The row-major strides take part in the merge so that the linear index stays meaningful.
    const walk = mergeWalk(tile.shape, [own, ...tile.operands.map((operand) => operand.layout.strides)]);
    return {
      expression: target === undefined ? tile.expression : this.valueFor(target, tile.expression),
      shape: walk.shape,
      inputs: tile.operands.map((operand, index) => this.view(operand, walk.strides[index + 1] ?? [])),
    };
  }

  /**
   * Where a kernel or a fold writes what it makes itself, of type `dtype`, if its group stores into `target`: there too, if what
   * follows is pasted in or can work in place. On the CPU what follows is apart, and works in place unless it can be written
   * over an operand that the caller gives away; on the GPU it is where halves have to be put into words by another kernel.
   */
  private rawSlot(group: KernelGroup | ReduceGroup, dtype: DType, target: number): number {
    const { epilogue } = group;
    const size = this.drafts[target]?.size ?? 0;
    const makesHalves = this.fused.buffers[this.drafts[target]?.buffer ?? -1]?.dtype === "f16" && dtype !== "f16";
    if (this.device === "webgpu") {
      const stores = this.hasHalves || !makesHalves || (this.dtypeOf(target) === "f16" && storesPairs(group, dtype));
      const isPasted = stores || (epilogue !== undefined && this.dtypeOf(target) === dtype);
      return isPasted ? target : this.temporary(dtype, size);
    }
    if (this.dtypeOf(target) !== dtype) return this.temporary(dtype, size);
    const isOver = epilogue?.tile.operands.some(({ buffer, layout }) => {
      const own = this.fused.buffers[buffer];
      return this.isGiven(buffer) && own?.size === size && own.dtype === dtype && isContiguous(layout);
    });
    return isOver === true ? this.temporary(dtype, size) : target;
  }

  /** What follows a kernel or a fold as a map step over its own result, where that is not pasted in: its epilogue, or rounding. */
  private follow(label: string, epilogue: Epilogue | undefined, dtype: DType, raw: number, target: number): void {
    const size = this.drafts[target]?.size ?? 0;
    const isHalf = this.fused.buffers[this.drafts[target]?.buffer ?? -1]?.dtype === "f16" && dtype !== "f16";
    if (epilogue === undefined && !isHalf) return;
    const tile = epilogue?.tile ?? { shape: [size], expression: cast(input(0, dtype), "f16"), operands: [] };
    const own = stridesOf(tile.shape);
    const walk = mergeWalk(tile.shape, [own, ...tile.operands.map((operand) => operand.layout.strides)]);
    const [strides = [], ...inputStrides] = walk.strides;
    const others = tile.operands.map((operand, index) => this.view(operand, inputStrides[index] ?? []));
    this.steps.push({
      kind: "map",
      label,
      shape: walk.shape,
      expression: this.valueFor(target, tile.expression),
      inputs: [{ slot: raw, dtype, offset: 0, strides }, ...others],
      output: { slot: target, dtype: this.dtypeOf(target), offset: 0, strides },
    });
  }

  private assemble(group: AssembleGroup, target: number): void {
    const isWide = this.dtypeOf(target) !== group.dtype;
    if (group.dtype === "f16" && this.device === "webgpu" && !this.hasHalves && !isWide) {
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
    const raw = this.rawSlot(group, dtype, target);
    const isApart = !isGpu || raw !== target;
    const output: SlotView = { slot: raw, dtype: this.dtypeOf(raw), offset: 0, strides: [inner, 1] };
    let folded: SlotView | undefined;
    if (direct) folded = this.view(operand, [length * inner, inner, 1]);
    else if (!isGpu) {
      const slot = this.temporary(source.expression.dtype, sizeOf(source.shape));
      this.map(source.label === "" ? "copy" : source.label, source, slot, contiguous(source.shape));
      folded = { slot, dtype: source.expression.dtype, offset: 0, strides: [length * inner, inner, 1] };
    }
    const prologue = folded === undefined ? this.attachment(source) : undefined;
    const epilogue = isApart || group.epilogue === undefined ? undefined : this.attachment(group.epilogue.tile, target);
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
    if (isApart) this.follow(label, group.epilogue, dtype, raw, target);
  }

  private kernel(group: KernelGroup): void {
    const { call, label } = group;
    const isGpu = this.device === "webgpu";
    const results = group.outputs.map((buffer, at) => {
      const [target, dtype] = [this.slot(buffer), group.results[at] ?? "f32"];
      const raw = this.rawSlot(group, dtype, target);
      return { target, raw, dtype, isApart: !isGpu || raw !== target };
    });
    const isPasted = group.epilogue !== undefined && results.every(({ isApart }) => !isApart);
    const inputs = group.inputs.map((operand) => this.kernelOperand(operand, group));
    const isOfHalves = !isGpu && inputs.some(({ dtype }) => dtype === "f16");
    this.steps.push({
      kind: "kernel",
      label,
      kernel: call.kernel,
      dtype: isOfHalves ? "f16" : call.dtype,
      inputs,
      outputs: results.map(({ raw }) => whole(raw, this.dtypeOf(raw))),
      words: call.words,
      workgroups: call.workgroups,
      entry: call.entry ?? "main",
      ...(call.parts === 1 ? {} : { work: { flops: group.flops, elements: this.elements(group) } }),
      scratch: isGpu ? 0 : (call.scratch?.(this.workers) ?? 0),
      preparation: isGpu ? undefined : call.preparation,
      status: isGpu ? undefined : call.status,
      epilogue: isPasted ? this.attachment(group.epilogue.tile, results[0]?.target) : undefined,
      columns: isGpu ? undefined : group.columns,
      own: call.own,
    });
    for (const { target, raw, dtype, isApart } of results)
      if (isApart) this.follow(label, group.epilogue, dtype, raw, target);
  }

  /** An operand of a kernel, converted where it does not read halves: what lies between its first and its last element. */
  private kernelOperand(operand: BufferView, { label, readsHalves, call }: KernelGroup): SlotView {
    const view = this.view(operand, operand.layout.strides);
    const isOurs = call.own === undefined;
    const readsWords = readsHalves === "everywhere" || (readsHalves === "gpu" && this.device === "webgpu");
    if (view.dtype !== "f16" || (isOurs && (this.hasHalves || readsWords))) return view;
    const { key, start, size, offset } = conversionOf(operand);
    const known = this.converted.get(key);
    const slot = known ?? this.temporary("f32", size);
    this.converted.set(key, slot);
    if (known === undefined) {
      this.steps.push({
        kind: "map",
        label: `${label}: cast`,
        shape: [size],
        expression: cast(input(0, "f16"), "f32"),
        inputs: [{ ...view, offset: start, strides: [1] }],
        output: { slot, dtype: "f32", offset: 0, strides: [1] },
      });
    }
    return { ...view, slot, dtype: "f32", offset };
  }

  /** Elements that a kernel reads and writes. */
  private elements({ inputs, outputs }: KernelGroup): number {
    const buffers = [...inputs.map((input) => input.buffer), ...outputs];
    return buffers.reduce((sum, buffer) => sum + (this.fused.buffers[buffer]?.size ?? 0), 0);
  }

  private surface(isTemporary: (slot: number) => boolean): Surface {
    const temporary = (dtype: DType, size: number): number => this.temporary(dtype, size);
    return surfaceOf(this.steps, this.drafts, this.workers, isTemporary, temporary);
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
        : withColumnKernels(withRowKernels(joinMapsOnGpu(this.steps, fates.isKept), fates.isKept, this.hasHalves));
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
}
