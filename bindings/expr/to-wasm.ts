// Lowers expressions to a WebAssembly module with one row function, at run time: a loop over a cursor's elements
// that keeps everything in registers and writes each result once. Transcendental functions are written out
// (wasm-functions.ts) or imported from the kernel module. Knows no heap and no program.
// Read next: wasm-lanes.ts for types in registers; assembly/map.ts for the cursor and the driver that calls row functions.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import { boundOf } from "./bounds.ts";
import type { Expression } from "./expression.ts";
import { topological } from "./expression.ts";
import { Bytes, opcodes, valueTypes } from "./wasm-bytes.ts";
import { copiesFor } from "./wasm-copies.ts";
import type { Literal, Width } from "./wasm-lanes.ts";
import { constantLanes, convertLanes, loadLanes, maskOfBytes, narrow, simdOpcodes, storeLanes } from "./wasm-lanes.ts";
import { inlineFunctions } from "./wasm-functions.ts";
import type { Imported } from "./wasm-module.ts";
import { rowModule } from "./wasm-module.ts";

/** How an operand walks along a row: not at all, element after element, or by a stride. */
export type Stride = "zero" | "one" | "any";

/** What a row function is made for; equal requests give equal modules. */
export interface RowRequest {
  /** One result for each; equal parts are computed once. */
  readonly expressions: readonly Expression[];
  readonly inputs: readonly { readonly dtype: DType; readonly stride: Stride }[];
  readonly outputStrides: readonly ("one" | "any")[];
  /** Whether the function walks many rows: assembly/map.ts says how its cursor goes on. */
  readonly nested: boolean;
  /** Whether the memory is shared between threads: part of the module's type. */
  readonly shared: boolean;
  /** Whether relaxed SIMD may be used: multiply and add with one rounding. */
  readonly relaxed: boolean;
}

/** A module that exports `row(cursor)` and imports `env.memory` and the named functions from `kernels`. */
export interface RowModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly helpers: readonly string[];
}

/** The text two requests have in common if and only if one module serves both. */
export function rowKey(request: RowRequest): string {
  const { expressions, inputs, outputStrides, nested, shared, relaxed } = request;
  const walks = inputs.map((operand) => `${operand.dtype}:${operand.stride}`).join();
  const ids = expressions.map((expression) => expression.id).join();
  return [ids, walks, outputStrides.join(), nested, shared, relaxed].map(String).join("|");
}

/**
 * Emits the row function. Two elements at a time where an f64 takes part, else four; the rest one by one with the same
 * instructions. `allocate` gives the module memory for its literals, which it fills itself.
 */
export function emitRow(request: RowRequest, allocate: (bytes: number) => number): RowModule {
  return new RowEmitter(request).emit(allocate);
}

const cursor = 0;
const remaining = 1;

class RowEmitter {
  private readonly request: RowRequest;
  private readonly roots: readonly Expression[];
  private readonly order: readonly Expression[];
  private readonly width: Width;
  private readonly imported: Imported[] = [];
  /** v128 locals of each expression node, one for each vector of a turn. */
  private readonly locals = new Map<Expression, number[]>();
  /** The vector of the turn that is being written. */
  private copy = 0;
  /** Literals by type and value: their lanes and the v128 local that holds them. */
  private readonly literals = new Map<string, { readonly lanes: Uint8Array; readonly local: number }>();
  private readonly pointers: number[] = [];
  private readonly strides: number[] = [];
  private readonly outputPointers: number[] = [];
  private readonly outputStrides: number[] = [];
  /** Rows left, and the bytes each operand, outputs first, moves from the end of a row to the start of the next. */
  private readonly rows: number;
  private readonly turns: readonly number[];
  /** An i32 local for a byte on its way into a lane. */
  private readonly scratch: number;
  private readonly firstVector: number;
  private vectors = 0;

  constructor(request: RowRequest) {
    this.request = request;
    this.roots = request.expressions.map((expression) => inlineFunctions(expression, request.relaxed));
    this.order = [...new Set(this.roots.flatMap(topological))];
    const dtypes = [...this.order.map((node) => node.dtype), ...request.inputs.map((operand) => operand.dtype)];
    this.width = dtypes.includes("f64") ? 2 : 4;
    let next = 2;
    request.expressions.forEach(() => {
      this.outputPointers.push(next++);
      this.outputStrides.push(next++);
    });
    request.inputs.forEach(() => {
      this.pointers.push(next++);
      this.strides.push(next++);
    });
    this.rows = next++;
    this.turns = [...this.outputPointers, ...this.pointers].map(() => next++);
    this.scratch = next++;
    this.firstVector = next;
  }

  emit(allocate: (bytes: number) => number): RowModule {
    const loops = new Bytes();
    const { request } = this;
    const { inputs, outputStrides } = request;
    if (outputStrides.every((stride) => stride === "one")) {
      const hasFunctions = this.roots.some((root, index) => root !== request.expressions[index]);
      const copies = inputs.some((operand) => operand.stride === "any") ? 1 : copiesFor(this.order, hasFunctions);
      if (copies > 1) this.loop(loops, this.width, copies);
      this.loop(loops, this.width);
    }
    this.loop(loops, 1);
    const literals = [...this.literals.values()];
    const address = literals.length > 0 ? allocate(16 * literals.length) : 0;
    const body = new Bytes();
    this.prologue(body);
    literals.forEach(({ local }, index) => {
      body
        .integer(address)
        .simdMemory(simdOpcodes.load, 16 * index)
        .set(local);
    });
    if (request.nested) body.byte(opcodes.loop, 0x40);
    this.startRow(body);
    body.append(loops);
    if (request.nested) this.endRow(body);
    body.byte(opcodes.end);
    const data = literals.flatMap(({ lanes }) => [...lanes]);
    const { imported, vectors } = this;
    const bytes = rowModule({ body, integers: this.scratch, vectors, imported, shared: request.shared, data, address });
    return { bytes, helpers: imported.map(({ name }) => name) };
  }

  private vectorLocal(): number {
    return this.firstVector + this.vectors++;
  }

  private literalLocal(value: number, dtype: DType): number {
    const lanes = constantLanes(value, dtype);
    const key = lanes.join();
    const known = this.literals.get(key);
    if (known !== undefined) return known.local;
    const local = this.vectorLocal();
    this.literals.set(key, { lanes, local });
    return local;
  }

  private literal(body: Bytes): Literal {
    return (value, dtype) => body.get(this.literalLocal(value, dtype));
  }

  private local(node: Expression): number {
    if (node.kind === "constant") return this.literalLocal(node.value, node.dtype);
    const isFixed = node.kind === "input" && this.request.inputs[node.index]?.stride === "zero";
    let own = this.locals.get(node);
    if (own === undefined) this.locals.set(node, (own = []));
    return (own[isFixed ? 0 : this.copy] ??= this.vectorLocal());
  }

  /** Reads the cursor. */
  private prologue(body: Bytes): void {
    const word = (index: number, local: number): void => {
      body
        .get(cursor)
        .memory(opcodes.i32Load, 4 * index)
        .set(local);
    };
    const byteStride = (index: number, dtype: DType, local: number): void => {
      body
        .get(cursor)
        .memory(opcodes.i32Load, 4 * index)
        .integer(Math.log2(bytesOf(dtype)))
        .byte(opcodes.i32ShiftLeft)
        .set(local);
    };
    const pointers = [...this.outputPointers, ...this.pointers];
    const strides = [...this.outputStrides, ...this.strides];
    const dtypes = [...this.roots, ...this.request.inputs].map((operand) => operand.dtype);
    word(0, remaining);
    pointers.forEach((pointer, operand) => {
      word(1 + 2 * operand, pointer);
      byteStride(2 + 2 * operand, dtypes[operand] ?? "f32", strides[operand] ?? 0);
    });
    if (!this.request.nested) return;
    const operands = pointers.length;
    word(1 + 2 * operands, this.rows);
    this.turns.forEach((turn, operand) => {
      word(2 + 2 * operands + operand, turn);
      body.get(turn);
      body.get(remaining).get(strides[operand] ?? 0);
      body.byte(opcodes.i32Mul, opcodes.i32Sub).set(turn);
    });
  }

  /** Loads what does not change along the row. */
  private startRow(body: Bytes): void {
    if (this.request.nested) body.get(cursor).memory(opcodes.i32Load).set(remaining);
    for (const node of this.order) {
      if (node.kind === "input" && this.request.inputs[node.index]?.stride === "zero") {
        body.get(this.pointers[node.index] ?? 0);
        loadLanes(body, node.dtype, 1);
        maskOfBytes(body, node.dtype);
        body.set(this.local(node));
      }
    }
  }

  /** Moves to the next row, if there is one. */
  private endRow(body: Bytes): void {
    const pointers = [...this.outputPointers, ...this.pointers];
    this.turns.forEach((turn, operand) => {
      const pointer = pointers[operand] ?? 0;
      body.get(pointer).get(turn).byte(opcodes.i32Add).set(pointer);
    });
    body.get(this.rows).integer(1).byte(opcodes.i32Sub).tee(this.rows);
    body.byte(opcodes.brIf, 0, opcodes.end);
  }

  /** while (remaining >= width · copies) { compute each copy; advance } */
  private loop(body: Bytes, width: Width | 1, copies = 1): void {
    body.byte(opcodes.block, 0x40, opcodes.loop, 0x40);
    body
      .get(remaining)
      .integer(width * copies)
      .byte(opcodes.i32LessSigned, opcodes.brIf, 1);
    // Node by node, not vector by vector: the vectors then share the constants in registers and hide each other's latency.
    for (const node of this.order) {
      for (this.copy = 0; this.copy < copies; this.copy++) {
        if (node.kind === "input") this.load(body, node.index, node.dtype, width, this.local(node));
        if (node.kind === "apply") {
          this.apply(body, node, width);
          body.set(this.local(node));
        }
      }
    }
    this.roots.forEach((root, output) => {
      for (this.copy = 0; this.copy < copies; this.copy++) this.store(body, root, output, width);
    });
    this.copy = 0;
    this.advanceAll(body, width, copies);
    body
      .get(remaining)
      .integer(width * copies)
      .byte(opcodes.i32Sub)
      .set(remaining);
    body.byte(opcodes.br, 0, opcodes.end, opcodes.end);
  }

  /** Moves all pointers that loads and stores have not moved themselves. */
  private advanceAll(body: Bytes, width: Width | 1, copies: number): void {
    const { inputs, outputStrides } = this.request;
    this.roots.forEach(({ dtype }, output) => {
      const bytes = outputStrides[output] === "one" ? width * copies * bytesOf(dtype) : undefined;
      this.advance(body, this.outputPointers[output] ?? 0, bytes, this.outputStrides[output] ?? 0);
    });
    inputs.forEach(({ dtype, stride }, index) => {
      const pointer = this.pointers[index] ?? 0;
      const step = this.strides[index] ?? 0;
      if (stride === "one") this.advance(body, pointer, width * copies * bytesOf(dtype), step);
      else if (stride === "any" && width === 1) this.advance(body, pointer, undefined, step);
    });
  }

  private advance(body: Bytes, pointer: number, step: number | undefined, stride: number): void {
    body.get(pointer);
    if (step === undefined) body.get(stride);
    else body.integer(step);
    body.byte(opcodes.i32Add).set(pointer);
  }

  private load(body: Bytes, index: number, dtype: DType, width: Width | 1, target: number): void {
    const stride = this.request.inputs[index]?.stride ?? "one";
    if (stride === "zero") return;
    const pointer = this.pointers[index] ?? 0;
    const step = this.strides[index] ?? 0;
    if (stride === "one" || width === 1) {
      body.get(pointer);
      loadLanes(body, dtype, width, this.copy * width * bytesOf(dtype));
      maskOfBytes(body, dtype);
      body.set(target);
      return;
    }
    // Gather: the first element fills all lanes, the others replace theirs.
    for (let lane = 0; lane < width; lane++) {
      body.get(pointer);
      if (lane === 0) loadLanes(body, dtype, 1);
      else if (bytesOf(dtype) === 1) {
        body.memory(opcodes.i32Load8).set(this.scratch);
        body.get(target).get(this.scratch).simd(simdOpcodes.i32x4ReplaceLane).byte(lane);
      } else body.get(target).simdMemory(dtype === "f64" ? simdOpcodes.load64Lane : simdOpcodes.load32Lane, 0, lane);
      body.set(target);
      this.advance(body, pointer, undefined, step);
    }
    if (dtype === "bool") {
      body.get(target);
      maskOfBytes(body, dtype);
      body.set(target);
    }
  }

  private store(body: Bytes, root: Expression, output: number, width: Width | 1): void {
    body.get(this.outputPointers[output] ?? 0).get(this.local(root));
    storeLanes(body, root.dtype, width, this.copy * width * bytesOf(root.dtype));
  }

  private apply(body: Bytes, node: Expression & { kind: "apply" }, width: Width | 1): void {
    const { primitive, operands } = node;
    const [first] = operands;
    const isSelection = primitive.arity === 3 && first?.dtype === "bool";
    const own = (isSelection ? operands[1] : first)?.dtype ?? node.dtype;
    if (primitive.result === "cast") {
      body.get(this.local(first ?? node));
      convertLanes(body, own, node.dtype, this.literal(body));
      return;
    }
    const bound = boundOf(node);
    if (bound !== undefined) {
      body.get(this.local(bound.value)).get(this.local(bound.literal)).simd(bound.code.opcode);
      if (bound.addZero)
        body.get(this.local(bound.literal)).simd(own === "f64" ? simdOpcodes.f64x2Add : simdOpcodes.f32x4Add);
      return;
    }
    const code = primitive.wasm[own];
    if (code === undefined) throw new Error(`${primitive.name} has no WebAssembly code for ${own}`);
    if ("opcode" in code) {
      if (isSelection) {
        // bitselect takes the mask last; a mask of 32-bit lanes is widened for f64.
        const [condition, yes, no] = operands.map((operand) => this.local(operand));
        body
          .get(yes ?? 0)
          .get(no ?? 0)
          .get(condition ?? 0);
        if (own === "f64") body.simd(simdOpcodes.i64x2ExtendLowI32x4S);
      } else for (const operand of operands) body.get(this.local(operand));
      body.simd(code.opcode);
      if (primitive.result === "bool" && own === "f64") narrow(body);
    } else this.callHelper(body, code, operands, own, width);
    if (own === "u8" && primitive.result === "same" && wrapping.has(primitive.name)) {
      body.get(this.literalLocal(255, "u32")).simd(simdOpcodes.v128And);
    }
  }

  private callHelper(
    body: Bytes,
    code: { readonly helper: string; readonly byConstant?: number },
    operands: readonly Expression[],
    own: DType,
    width: Width | 1,
  ): void {
    const [x, y] = operands;
    if (code.byConstant !== undefined && y?.kind === "constant" && x !== undefined) {
      body
        .get(this.local(x))
        .integer(y.value & 31)
        .simd(code.byConstant);
      return;
    }
    if (own !== "f64") {
      for (const operand of operands) body.get(this.local(operand));
      body.byte(opcodes.call).unsigned(this.helper(code.helper, operands.length, valueTypes.v128));
      return;
    }
    const helper = this.helper(code.helper, operands.length, valueTypes.f64);
    const callLane = (lane: number): void => {
      for (const operand of operands) body.get(this.local(operand)).simd(simdOpcodes.f64x2ExtractLane).byte(lane);
      body.byte(opcodes.call).unsigned(helper);
    };
    callLane(0);
    body.simd(simdOpcodes.f64x2Splat);
    if (width !== 1) {
      callLane(1);
      body.simd(simdOpcodes.f64x2ReplaceLane).byte(1);
    }
  }

  private helper(name: string, arity: number, type: number): number {
    const known = this.imported.findIndex((helper) => helper.name === name);
    if (known >= 0) return known;
    return this.imported.push({ name, arity, type }) - 1;
  }
}

/** Primitives whose u8 results leave the byte range. */
const wrapping: ReadonlySet<string> = new Set(["add", "sub", "mul", "pow"]);
