// Fusion: walks a captured graph once and decides which values get memory. Views cost nothing, elementwise chains with
// one reader are pasted into the reader, and what follows a kernel is pasted behind it.
// Knows no device: limits are those of the smallest GPU. Read next: group.ts for the result, place.ts for what follows.
import type { Layout } from "../core/layout.ts";
import { broadcastLayout, contiguous, isContiguous, permuteLayout } from "../core/layout.ts";
import { sameShape, sizeOf, stridesOf } from "../core/shape.ts";
import type { Expression } from "../expr/expression.ts";
import { costOf, input, inputTypes, substitute, topological } from "../expr/expression.ts";
import type {
  AssembleAttributes,
  AssembleOp,
  KernelOp,
  MapAttributes,
  ReduceAttributes,
  ReduceOp,
  ViewOp,
} from "../ops/descriptor.ts";
import { cast } from "../expr/primitives/logic.ts";
import type { Capture, CapturedNode } from "./capture.ts";
import type { Buffer, BufferView, Fused, Group, Tile } from "./group.ts";
import { attachEpilogue, attachRounding } from "./epilogue.ts";
import { foldAxes } from "./fold-axes.ts";
import { isWidening, isWorthReading, operandOf, widenedView } from "./half-operands.ts";
import type { DeviceName } from "./node.ts";

/** A portable GPU offers eight storage buffers a kernel: seven operands and a result; one more is kept for a kernel's own. */
const maxOperands = 6;
/** Larger expressions compile slowly and spill registers. */
const maxExpressionNodes = 64;
/** An expression this cheap may be computed again for each repetition of a broadcast. */
const cheapCost = 2;

/** Groups of a captured graph, in an order in which they can run. */
export function fuse(capture: Capture): Fused {
  const fuser = new Fuser(capture);
  for (const node of capture.nodes) fuser.visit(node);
  const results = capture.wanted.map((value) => fuser.store(value));
  return { buffers: fuser.buffers, groups: fuser.groups, results };
}

class Fuser {
  readonly buffers: Buffer[] = [];
  readonly groups: Group[] = [];
  private readonly capture: Capture;
  private readonly tiles: (Tile | undefined)[];
  private readonly makers: (CapturedNode | undefined)[];
  private readonly readers: (CapturedNode | undefined)[];
  private readonly uses: number[];
  /** The value a buffer was made for. */
  private readonly owners = new Map<number, number>();

  constructor(capture: Capture) {
    this.capture = capture;
    this.uses = capture.values.map(() => 0);
    this.makers = capture.values.map(() => undefined);
    this.readers = capture.values.map(() => undefined);
    for (const node of capture.nodes) {
      for (const value of node.inputs) {
        this.uses[value] = (this.uses[value] ?? 0) + 1;
        this.readers[value] = node;
      }
      for (const value of node.outputs) this.makers[value] = node;
    }
    for (const value of capture.wanted) this.uses[value] = (this.uses[value] ?? 0) + 1;
    this.tiles = capture.values.map(({ shape, dtype, input: index, scalar }) => {
      if (index === undefined && scalar === undefined) return undefined;
      const buffer = this.buffers.push({ dtype, size: sizeOf(shape), input: index, scalar }) - 1;
      return { shape, expression: input(0, dtype), operands: [{ buffer, layout: contiguous(shape) }], label: "" };
    });
  }

  visit(node: CapturedNode): void {
    switch (node.op.kind) {
      case "map":
        this.visitMap(node);
        break;
      case "view":
        this.visitView(node, node.op);
        break;
      case "reduce":
        this.visitReduce(node, node.op);
        break;
      case "kernel":
        this.visitKernel(node, node.op);
        break;
      case "assemble":
        this.visitAssemble(node, node.op);
        break;
      case "constant":
        break;
      default:
        node.op satisfies never;
    }
  }

  /** The buffer that holds exactly this value, row-major; makes one if need be. */
  store(value: number): number {
    const tile = this.tile(value);
    const [operand] = tile.operands;
    if (isIdentity(tile) && operand !== undefined) {
      const buffer = this.buffers[operand.buffer];
      const whole = buffer?.scalar === undefined && buffer?.size === sizeOf(tile.shape);
      if (whole && operand.layout.offset === 0 && isContiguous(operand.layout)) return operand.buffer;
    }
    return this.materialise(value);
  }

  private tile(value: number): Tile {
    const tile = this.tiles[value];
    if (tile === undefined) throw new Error(`fusion met value ${String(value)} before its node`);
    return tile;
  }

  private newBuffer(value: number): number {
    const { shape, dtype } = this.capture.values[value] ?? { shape: [], dtype: "f32" as const };
    return this.buffers.push({ dtype, size: sizeOf(shape), input: undefined, scalar: undefined }) - 1;
  }

  /** Notes that `value` lies row-major in `buffer`. */
  private settle(value: number, buffer: number): void {
    const { shape, dtype } = this.capture.values[value] ?? { shape: [], dtype: "f32" as const };
    this.tiles[value] = {
      shape,
      expression: input(0, dtype),
      operands: [{ buffer, layout: contiguous(shape) }],
      label: "",
    };
    this.owners.set(buffer, value);
  }

  /** Computes the value into a buffer of its own. */
  private materialise(value: number): number {
    const buffer = this.newBuffer(value);
    this.compute(this.tile(value), buffer, this.makers[value]?.device);
    this.settle(value, buffer);
    return buffer;
  }

  /** Computes a tile into a buffer: by the group whose result it consumes, or by one of its own. */
  private compute(tile: Tile, buffer: number, device: DeviceName | undefined): void {
    const isFill = tile.operands.every((operand) => this.buffers[operand.buffer]?.scalar !== undefined);
    const label = tile.label !== "" ? tile.label : isFill ? "full" : "copy";
    const isReadOnce = (read: number): boolean => this.isReadOnce(read);
    if (attachEpilogue(this.groups, tile, buffer, isReadOnce) || attachRounding(this.groups, tile, buffer, isReadOnce))
      return;
    this.groups.push({ kind: "map", label, device, outputs: [buffer], tile });
  }

  /** Whether exactly one kernel will read the value in `buffer`; views and copies in between do not count as readers. */
  private isReadOnce(buffer: number): boolean {
    let value = this.owners.get(buffer);
    while (value !== undefined && this.uses[value] === 1) {
      const reader = this.readers[value];
      const passes =
        reader?.op.kind === "view" ||
        (reader?.op.kind === "map" && (reader.attributes as MapAttributes).expression.kind === "input");
      if (!passes) return true;
      value = reader.outputs[0];
    }
    return false;
  }

  /** The value as a plain view of memory: what several readers share. */
  private asView(value: number): Tile {
    const tile = this.tile(value);
    if (isIdentity(tile)) return tile;
    const maker = this.makers[value];
    if (maker?.op.kind === "view") {
      const source = this.asView(maker.inputs[0] ?? -1);
      const moved = moveTile(source, maker, maker.op, tile.shape);
      if (moved !== undefined) {
        this.tiles[value] = moved;
        return moved;
      }
    }
    this.materialise(value);
    return this.tile(value);
  }

  /** The value as it may be pasted into its reader: its expression if the reader is the only one, else a view. */
  private asOperand(value: number, reader: CapturedNode): Tile {
    const tile = this.tile(value);
    if (isIdentity(tile)) return tile;
    const sameDevice = this.makers[value]?.device === reader.device;
    const isOnly = this.uses[value] === 1 || widenedView(tile) !== undefined;
    return isOnly && sameDevice ? tile : this.asView(value);
  }

  private visitMap(node: CapturedNode): void {
    const [output = -1] = node.outputs;
    const { shape } = this.capture.values[output] ?? { shape: [] };
    const { expression } = node.attributes as MapAttributes;
    let tiles = node.inputs.map((value) => {
      const tile = this.asOperand(value, node);
      const repeats = sizeOf(tile.shape) < sizeOf(shape);
      return repeats && costOf(tile.expression) > cheapCost ? this.asView(value) : tile;
    });
    let joined = join(tiles, expression, shape, node.op.name);
    if (this.operandCount(joined) > maxOperands || topological(joined.expression).length > maxExpressionNodes) {
      tiles = node.inputs.map((value) => this.asView(value));
      joined = join(tiles, expression, shape, node.op.name);
    }
    this.tiles[output] = joined;
  }

  private operandCount(tile: Tile): number {
    return tile.operands.filter((operand) => this.buffers[operand.buffer]?.scalar === undefined).length;
  }

  private visitView(node: CapturedNode, op: ViewOp<unknown>): void {
    const [value = -1] = node.inputs;
    const [output = -1] = node.outputs;
    const { shape } = this.capture.values[output] ?? { shape: [] };
    let source = this.asOperand(value, node);
    const repeats = sizeOf(source.shape) < sizeOf(shape);
    if (repeats && costOf(source.expression) > cheapCost) source = this.asView(value);
    let moved = moveTile(source, node, op, shape);
    if (moved === undefined) {
      this.materialise(value);
      moved = moveTile(this.tile(value), node, op, shape);
    }
    this.tiles[output] = moved;
  }

  private visitReduce(node: CapturedNode, op: ReduceOp): void {
    const [value = -1] = node.inputs;
    const [output = -1] = node.outputs;
    const tile = this.asOperand(value, node);
    const { axes } = node.attributes as ReduceAttributes;
    const fold = foldAxes(tile.shape, axes);
    const source: Tile = {
      ...tile,
      shape: fold.order.map((axis) => tile.shape[axis] ?? 1),
      operands: tile.operands.map(({ buffer, layout }) => ({ buffer, layout: permuteLayout(layout, fold.order) })),
    };
    const buffer = this.newBuffer(output);
    const label = tile.label === "" ? op.name : `${tile.label}+${op.name}`;
    const dtype = this.capture.values[output]?.dtype ?? "f32";
    const { outer, length, inner } = fold;
    this.groups.push({
      kind: "reduce",
      label,
      device: node.device,
      outputs: [buffer],
      combiner: op.combiner,
      dtype,
      outer,
      length,
      inner,
      source,
      epilogue: undefined,
    });
    this.settle(output, buffer);
  }

  private visitKernel(node: CapturedNode, op: KernelOp<unknown>): void {
    const accepts = (view: BufferView | undefined, index: number): view is BufferView =>
      view !== undefined &&
      (op.wholeBuffers !== true || view.layout.offset === 0) &&
      (isContiguous(view.layout) || op.accepts?.(view.layout, index) === true);
    const inputs = node.inputs.map((value, index): BufferView => {
      // A user's kernel takes f32.
      const halves = op.identity === undefined ? this.halvesOf(value, (view) => accepts(view, index)) : undefined;
      if (halves !== undefined) return halves;
      const [operand] = this.asView(value).operands;
      if (accepts(operand, index) && this.buffers[operand.buffer]?.scalar === undefined) return operand;
      const buffer = this.materialise(value);
      return { buffer, layout: contiguous(this.capture.values[value]?.shape ?? []) };
    });
    const specs = inputs.map((view) => operandOf(view, this.buffers));
    const results = node.outputs.map((value) => this.capture.values[value] ?? { shape: [], dtype: "f32" as const });
    const outputs = node.outputs.map((value) => this.newBuffer(value));
    this.groups.push({
      kind: "kernel",
      label: op.name,
      device: node.device,
      outputs,
      call: op.call(specs, results, node.attributes),
      inputs,
      readsHalves: op.readsHalves,
      storesPairs: op.storesPairs === true && (results[0]?.shape.at(-1) ?? 1) % 2 === 0,
      results: results.map(({ dtype }) => dtype),
      pasteable: op.epilogue === true && results.length === 1 && results[0]?.dtype === "f32",
      // A user's kernel on the CPU knows nothing of what follows.
      columns: op.epilogue === true && op.identity === undefined ? (results[0]?.shape.at(-1) ?? 1) : undefined,
      work: typeof op.work === "function" ? op.work(specs) : op.work,
      flops: op.flops(specs, results, node.attributes),
      epilogue: undefined,
    });
    node.outputs.forEach((value, index) => {
      this.settle(value, outputs[index] ?? -1);
    });
  }

  /**
   * The halves that a value in f32 is made of, for a kernel to read; undefined for any other value. What is not stored, or not
   * as the kernel wants it, is stored for it: fewer bytes than of the value itself.
   */
  private halvesOf(value: number, accepts: (view: BufferView) => boolean): BufferView | undefined {
    const tile = this.tile(value);
    const known = widenedView(tile);
    if (known !== undefined && accepts(known) && isWorthReading(known, this.buffers)) return known;
    const [halves] = isWidening(tile.expression) ? tile.expression.operands : [];
    if (halves === undefined) return undefined;
    const buffer =
      this.buffers.push({ dtype: "f16", size: sizeOf(tile.shape), input: undefined, scalar: undefined }) - 1;
    this.compute({ ...tile, expression: halves }, buffer, this.makers[value]?.device);
    const view = { buffer, layout: contiguous(tile.shape) };
    this.tiles[value] = { shape: tile.shape, expression: cast(input(0, "f16"), "f32"), operands: [view], label: "" };
    this.owners.set(buffer, value);
    return view;
  }

  private visitAssemble(node: CapturedNode, op: AssembleOp): void {
    const [output = -1] = node.outputs;
    const { shape, dtype } = this.capture.values[output] ?? { shape: [], dtype: "f32" as const };
    const { pieces, fill } = node.attributes as AssembleAttributes;
    const strides = stridesOf(shape);
    const placed = node.inputs.map((value, index) => {
      const tile = this.asOperand(value, node);
      const { begin = [], step = [] } = pieces[index] ?? {};
      const region: Layout = {
        shape: tile.shape,
        strides: strides.map((stride, axis) => stride * (step[axis] ?? 1)),
        offset:
          sizeOf(tile.shape) === 0 ? 0 : strides.reduce((sum, stride, axis) => sum + stride * (begin[axis] ?? 0), 0),
      };
      return { tile, region };
    });
    const buffer = this.newBuffer(output);
    this.groups.push({
      kind: "assemble",
      label: op.name,
      device: node.device,
      outputs: [buffer],
      shape,
      dtype,
      fill,
      pieces: placed,
    });
    this.settle(output, buffer);
  }
}

/** True if the tile only reads one buffer, converting nothing. */
export function isIdentity(tile: Tile): boolean {
  return tile.expression.kind === "input" && tile.operands.length === 1;
}

function moveTile(tile: Tile, node: CapturedNode, op: ViewOp<unknown>, shape: readonly number[]): Tile | undefined {
  const operands: BufferView[] = [];
  for (const { buffer, layout } of tile.operands) {
    const moved = op.layout(layout, shape, node.attributes);
    if (moved === undefined) return undefined;
    operands.push({ buffer, layout: moved });
  }
  return { shape, expression: tile.expression, operands, label: tile.label };
}

/** The expression with its inputs replaced by tiles; equal operands are shared. */
function join(tiles: readonly Tile[], expression: Expression, shape: readonly number[], name: string): Tile {
  const operands: BufferView[] = [];
  const replacements = tiles.map((tile) => {
    const numbers = tile.operands.map(({ buffer, layout }) => {
      const stretched = broadcastLayout(layout, shape);
      const known = operands.findIndex((operand) => operand.buffer === buffer && sameLayout(operand.layout, stretched));
      return known >= 0 ? known : operands.push({ buffer, layout: stretched }) - 1;
    });
    const dtypes = inputTypes(tile.expression);
    return substitute(
      tile.expression,
      numbers.map((number, index) => input(number, dtypes.get(index) ?? "f32")),
    );
  });
  const labels = tiles.map((tile) => tile.label).filter((label) => label !== "");
  return { shape, expression: substitute(expression, replacements), operands, label: [...labels, name].join("+") };
}

function sameLayout(a: Layout, b: Layout): boolean {
  return a.offset === b.offset && sameShape(a.strides, b.strides);
}
