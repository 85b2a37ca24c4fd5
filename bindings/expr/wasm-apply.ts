// Writes the instructions of one node of an expression: operands from their locals, the result on the stack.
// Knows neither loops nor memory. Read next: to-wasm.ts, which writes loops of them; wasm-registers.ts.
import type { DType } from "../core/dtype.ts";
import { boundOf } from "./bounds.ts";
import type { Expression } from "./expression.ts";
import type { Bytes } from "./wasm-bytes.ts";
import { opcodes, valueTypes } from "./wasm-bytes.ts";
import type { Width } from "./wasm-lanes.ts";
import { convertLanes, narrow, simdOpcodes } from "./wasm-lanes.ts";
import type { Imported } from "./wasm-module.ts";
import type { Registers } from "./wasm-registers.ts";

/** The writer; it collects the functions that its instructions call. */
export class NodeWriter {
  readonly imported: Imported[] = [];
  private readonly registers: Registers;

  constructor(registers: Registers) {
    this.registers = registers;
  }

  write(body: Bytes, node: Expression & { kind: "apply" }, width: Width | 1): void {
    const { primitive, operands } = node;
    const [first] = operands;
    const isSelection = primitive.arity === 3 && first?.dtype === "bool";
    const own = (isSelection ? operands[1] : first)?.dtype ?? node.dtype;
    if (primitive.result === "cast") {
      body.get(this.registers.of(first ?? node));
      convertLanes(body, own, node.dtype, this.registers.pushing(body));
      return;
    }
    const bound = boundOf(node);
    if (bound !== undefined) {
      body.get(this.registers.of(bound.value)).get(this.registers.of(bound.literal)).simd(bound.code.opcode);
      if (bound.addZero)
        body.get(this.registers.of(bound.literal)).simd(own === "f64" ? simdOpcodes.f64x2Add : simdOpcodes.f32x4Add);
      return;
    }
    const code = primitive.wasm[own];
    if (code === undefined) throw new Error(`${primitive.name} has no WebAssembly code for ${own}`);
    if ("opcode" in code) {
      if (isSelection) {
        // bitselect takes the mask last; a mask of 32-bit lanes is widened for f64.
        const [condition, yes, no] = operands.map((operand) => this.registers.of(operand));
        body
          .get(yes ?? 0)
          .get(no ?? 0)
          .get(condition ?? 0);
        if (own === "f64") body.simd(simdOpcodes.i64x2ExtendLowI32x4S);
      } else for (const operand of operands) body.get(this.registers.of(operand));
      body.simd(code.opcode);
      if (primitive.result === "bool" && own === "f64") narrow(body);
    } else this.callHelper(body, code, operands, own, width);
    if (own === "u8" && primitive.result === "same" && wrapping.has(primitive.name)) {
      body.get(this.registers.literal(255, "u32")).simd(simdOpcodes.v128And);
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
        .get(this.registers.of(x))
        .integer(y.value & 31)
        .simd(code.byConstant);
      return;
    }
    if (own !== "f64") {
      for (const operand of operands) body.get(this.registers.of(operand));
      body.byte(opcodes.call).unsigned(this.helper(code.helper, operands.length, valueTypes.v128));
      return;
    }
    const helper = this.helper(code.helper, operands.length, valueTypes.f64);
    const callLane = (lane: number): void => {
      for (const operand of operands)
        body.get(this.registers.of(operand)).simd(simdOpcodes.f64x2ExtractLane).byte(lane);
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
