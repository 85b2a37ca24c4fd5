// Lowers expressions to a WebAssembly module with one row function, at run time: a loop over a cursor's elements
// that keeps everything in registers and writes each result once. Transcendental functions are written out
// (wasm-functions.ts) or imported from the kernel module. Knows no heap and no program.
// Read next: wasm-lanes.ts for types in registers; assembly/elementwise/map.ts for the cursor and the driver that calls row functions.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import type { Expression } from "./expression.ts";
import { topological } from "./expression.ts";
import { Bytes, opcodes } from "./wasm-bytes.ts";
import { copiesFor } from "./wasm-copies.ts";
import type { Width } from "./wasm-lanes.ts";
import { loadLanes, maskOfBytes, simdOpcodes, storeLanes } from "./wasm-lanes.ts";
import { inlineFunctions } from "./wasm-functions.ts";
import { NodeWriter } from "./wasm-apply.ts";
import { withHalves } from "./wasm-halves.ts";
import { rowModule } from "./wasm-module.ts";
import { Registers } from "./wasm-registers.ts";

/** How an operand walks along a row: not at all, element after element, or by a stride. */
export type Stride = "zero" | "one" | "any";

/** What a row function is made for; equal requests give equal modules. */
export interface RowRequest {
  /** One result for each; equal parts are computed once. */
  readonly expressions: readonly Expression[];
  readonly inputs: readonly { readonly dtype: DType; readonly stride: Stride }[];
  readonly outputStrides: readonly ("one" | "any")[];
  /** Whether the function walks many rows: assembly/elementwise/map.ts says how its cursor goes on. */
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

/** What a turn of the loop computes: nodes in order, of which the roots are stored. */
interface Turn {
  readonly roots: readonly Expression[];
  readonly order: readonly Expression[];
}

function turnOf(roots: readonly Expression[], others: readonly Expression[] = []): Turn {
  return { roots, order: [...new Set([...roots, ...others].flatMap(topological))] };
}

class RowEmitter {
  private readonly request: RowRequest;
  private readonly whole: Turn;
  /** Whether functions were written out. */
  private readonly hasFunctions: boolean;
  /** The same by short forms of functions, and the masks of lanes that those do not serve, if a function has one. */
  private readonly short: (Turn & { readonly exceptions: readonly Expression[] }) | undefined;
  private readonly width: Width;
  private readonly registers: Registers;
  private readonly writer: NodeWriter;
  private readonly pointers: number[] = [];
  private readonly strides: number[] = [];
  private readonly outputPointers: number[] = [];
  private readonly outputStrides: number[] = [];
  /** Rows left, and the bytes each operand, outputs first, moves from the end of a row to the start of the next. */
  private readonly rows: number;
  private readonly turns: readonly number[];
  /** An i32 local for a byte on its way into a lane. */
  private readonly scratch: number;

  constructor(request: RowRequest) {
    this.request = request;
    const { relaxed } = request;
    const expressions = request.expressions.map(withHalves);
    this.whole = turnOf(expressions.map((expression) => inlineFunctions(expression, relaxed)));
    this.hasFunctions = this.whole.roots.some((root, index) => root !== expressions[index]);
    if (this.hasFunctions) {
      const exceptions: Expression[] = [];
      const roots = expressions.map((expression) => inlineFunctions(expression, relaxed, exceptions));
      if (exceptions.length > 0) this.short = { ...turnOf(roots, exceptions), exceptions: [...new Set(exceptions)] };
    }
    const dtypes = [...this.whole.order.map((node) => node.dtype), ...request.inputs.map((operand) => operand.dtype)];
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
    const isFixed = (node: Expression): boolean =>
      node.kind === "input" && request.inputs[node.index]?.stride === "zero";
    this.registers = new Registers(next, isFixed);
    this.writer = new NodeWriter(this.registers);
  }

  emit(allocate: (bytes: number) => number): RowModule {
    const loops = new Bytes();
    const { request } = this;
    const { inputs, outputStrides } = request;
    if (outputStrides.every((stride) => stride === "one")) {
      const isGathered = inputs.some((operand) => operand.stride === "any");
      const copies = isGathered ? 1 : copiesFor(this.whole.order, this.hasFunctions);
      if (copies > 1) this.loop(loops, this.width, copies);
      this.loop(loops, this.width);
    }
    this.loop(loops, 1);
    const { literals, vectors } = this.registers;
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
    const { imported } = this.writer;
    const bytes = rowModule({ body, integers: this.scratch, vectors, imported, shared: request.shared, data, address });
    return { bytes, helpers: imported.map(({ name }) => name) };
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
    const dtypes = [...this.whole.roots, ...this.request.inputs].map((operand) => operand.dtype);
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
    for (const node of this.whole.order) {
      if (node.kind === "input" && this.request.inputs[node.index]?.stride === "zero") {
        body.get(this.pointers[node.index] ?? 0);
        loadLanes(body, node.dtype, 1);
        maskOfBytes(body, node.dtype);
        body.set(this.registers.of(node));
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
    // A test for each turn pays if it is for many elements.
    if (this.short !== undefined && copies > 1 && width === 4) {
      body.byte(opcodes.block, 0x40);
      this.compute(body, this.short, width, copies);
      this.testExceptions(body, this.short.exceptions, copies);
      body.byte(opcodes.brIf, 0);
      this.finishTurn(body, this.short, width, copies);
      body.byte(opcodes.br, 1, opcodes.end);
    }
    this.compute(body, this.whole, width, copies);
    this.finishTurn(body, this.whole, width, copies);
    body.byte(opcodes.br, 0, opcodes.end, opcodes.end);
  }

  /** Node by node, not vector by vector: the vectors then share the constants in registers and hide each other's latency. */
  private compute(body: Bytes, { order }: Turn, width: Width | 1, copies: number): void {
    for (const node of order) {
      for (this.registers.copy = 0; this.registers.copy < copies; this.registers.copy++) {
        if (node.kind === "input") this.load(body, node.index, node.dtype, width, this.registers.of(node));
        if (node.kind === "apply") {
          this.writer.write(body, node, width);
          body.set(this.registers.of(node));
        }
      }
    }
  }

  /** Pushes whether any lane of any vector is an exception. */
  private testExceptions(body: Bytes, exceptions: readonly Expression[], copies: number): void {
    exceptions.forEach((exception, index) => {
      for (this.registers.copy = 0; this.registers.copy < copies; this.registers.copy++) {
        body.get(this.registers.of(exception));
        if (index + this.registers.copy > 0) body.simd(simdOpcodes.v128Or);
      }
    });
    body.simd(simdOpcodes.v128AnyTrue);
  }

  /** Stores the results and moves on. */
  private finishTurn(body: Bytes, { roots }: Turn, width: Width | 1, copies: number): void {
    roots.forEach((root, output) => {
      for (this.registers.copy = 0; this.registers.copy < copies; this.registers.copy++) {
        this.store(body, root, output, width);
      }
    });
    this.registers.copy = 0;
    this.advanceAll(body, width, copies);
    body
      .get(remaining)
      .integer(width * copies)
      .byte(opcodes.i32Sub)
      .set(remaining);
  }

  /** Moves all pointers that loads and stores have not moved themselves. */
  private advanceAll(body: Bytes, width: Width | 1, copies: number): void {
    const { inputs, outputStrides } = this.request;
    this.whole.roots.forEach(({ dtype }, output) => {
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
      loadLanes(body, dtype, width, this.registers.copy * width * bytesOf(dtype));
      maskOfBytes(body, dtype);
      body.set(target);
      return;
    }
    // Gather: the first element fills all lanes, the others replace theirs.
    for (let lane = 0; lane < width; lane++) {
      body.get(pointer);
      if (lane === 0) loadLanes(body, dtype, 1);
      else if (bytesOf(dtype) < 4) {
        body.memory(dtype === "f16" ? opcodes.i32Load16Signed : opcodes.i32Load8).set(this.scratch);
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
    body.get(this.outputPointers[output] ?? 0).get(this.registers.of(root));
    storeLanes(body, root.dtype, width, this.registers.copy * width * bytesOf(root.dtype));
  }
}
