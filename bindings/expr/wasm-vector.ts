// The vocabulary that f32 functions are written in: expressions of single SIMD instructions, some of which work on the bits
// of a float and are no primitives of the engine. Knows no function. The same expressions become WebAssembly at run time
// and AssemblyScript at build time. Read next: wasm-exponentials.ts for how a function looks in it.
import type { Expression, Operand, Primitive } from "./expression.ts";
import { apply, constant } from "./expression.ts";
import { add, mul, sub } from "./primitives/index.ts";

/** What the expressions are for: engines with and without relaxed SIMD, or AssemblyScript, which is compiled for both. */
export type VectorTarget = "base" | "relaxed" | "assembly";

/** An instruction on f32 lanes or on their bits. */
function instruction(method: string, arity: number, opcode: number): Primitive {
  const wasm = { f32: { method, opcode } };
  return { name: method, arity, result: "same", cost: 1, wasm, wgsl: () => "", derivative: () => [] };
}

/** A shift of 32-bit lanes by a literal count. */
function shift(method: string, opcode: number): Primitive {
  return { ...instruction(method, 2, opcode), wasm: { f32: { helper: method, byConstant: opcode } } };
}

const unary = (method: string, opcode: number): ((x: Expression) => Expression) => {
  const primitive = instruction(method, 1, opcode);
  return (x) => apply(primitive, [x]);
};

const binary = (method: string, opcode: number): ((x: Expression, y: Operand) => Expression) => {
  const primitive = instruction(method, 2, opcode);
  return (x, y) => apply(primitive, [x, y]);
};

const ofDoubles = (method: string, opcode: number): ((x: Expression, y: Operand) => Expression) => {
  const primitive = { ...instruction(method, 2, opcode), wasm: { f64: { method, opcode } } };
  return (x, y) => apply(primitive, [x, y]);
};

const counted = (method: string, opcode: number): ((x: Expression, count: number) => Expression) => {
  const primitive = shift(method, opcode);
  return (x, count) => apply(primitive, [x, count]);
};

export const shiftLeft: (x: Expression, count: number) => Expression = counted("i32x4.shl", 0xab);
export const shiftRight: (x: Expression, count: number) => Expression = counted("i32x4.shr_s", 0xac);
export const addBits: (x: Expression, y: Operand) => Expression = binary("i32x4.add", 0xae);
export const subtractBits: (x: Expression, y: Operand) => Expression = binary("i32x4.sub", 0xb1);
export const andBits: (x: Expression, y: Operand) => Expression = binary("v128.and", 0x4e);
export const andNotBits: (x: Expression, y: Operand) => Expression = binary("v128.andnot", 0x4f);
export const orBits: (x: Expression, y: Operand) => Expression = binary("v128.or", 0x50);
/** The smaller and the larger by the bits as integers: of floats that are not negative. */
export const minBits: (x: Expression, y: Operand) => Expression = binary("i32x4.min_s", 0xb6);
export const maxBits: (x: Expression, y: Operand) => Expression = binary("i32x4.max_s", 0xb8);
/** The bits of f64. */
export const andDoubles: (x: Expression, y: Operand) => Expression = ofDoubles("v128.and", 0x4e);
export const orDoubles: (x: Expression, y: Operand) => Expression = ofDoubles("v128.or", 0x50);
/** Comparisons that give the mask as lanes of f32. */
export const isEqual: (x: Expression, y: Operand) => Expression = binary("f32x4.eq", 0x41);
export const isLess: (x: Expression, y: Operand) => Expression = binary("f32x4.lt", 0x43);
export const isGreater: (x: Expression, y: Operand) => Expression = binary("f32x4.gt", 0x44);
/** Compares the bits as integers: NaN with infinity's sign is greater than every number. */
export const hasGreaterBits: (x: Expression, y: Operand) => Expression = binary("i32x4.gt_s", 0x3b);
/** Compares the bits as integers without sign. */
export const hasUnsignedBitsFrom: (x: Expression, y: Operand) => Expression = binary("i32x4.ge_u", 0x40);
/** The integer that the bits of each lane are, as f32. */
export const floatOfBits: (x: Expression) => Expression = unary("f32x4.convert_i32x4_s", 0xfa);

const relaxedAdd = instruction("Vector.madd", 3, 0x105);
const relaxedSelect = instruction("v128.bitselect", 3, 0x10b);
const bitSelect = instruction("v128.bitselect", 3, 0x52);

/** 3 · 2^22: adding it to a small x leaves the nearest integer of x in the last bits. */
export const magic = 12582912;

/** The float with these bits. */
export function floatFromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0;
}

/** |x| */
export const magnitudeOf = (x: Expression): Expression => andNotBits(x, -0);

/** A number that is not negative, with the sign of x. */
export const withSign = (magnitude: Expression, x: Expression): Expression => orBits(magnitude, andBits(x, -0));

/** The float whose exponent field is the last eight bits of `bits`. */
export const power = (bits: Expression): Expression => shiftLeft(bits, 23);

function literal(value: Operand): Expression {
  return typeof value === "number" ? constant(value, "f32") : value;
}

/** What depends on the target. */
export class Vector {
  private readonly target: VectorTarget;
  private readonly exceptions: Expression[] | undefined;

  /**
   * With a list of `exceptions` functions take their short forms, which give the same bits in all lanes where none of the
   * masks that they add to the list is set.
   */
  constructor(target: VectorTarget, exceptions?: Expression[]) {
    this.target = target;
    this.exceptions = exceptions;
  }

  /** Whether the short form is to be written, which serves lanes outside `exception`. */
  spares(exception: Expression): boolean {
    this.exceptions?.push(exception);
    return this.isShort;
  }

  /** Whether short forms are written. */
  get isShort(): boolean {
    return this.exceptions !== undefined;
  }

  /** Whether `madd` is known to round once. */
  get fuses(): boolean {
    return this.target === "relaxed";
  }

  /** x · y + z, rounded once where relaxed SIMD fuses, twice elsewhere; no bound may depend on which. */
  madd(x: Operand, y: Operand, z: Operand): Expression {
    return this.target === "base" ? add(mul(x, y), z) : apply(relaxedAdd, [x, y, z].map(literal));
  }

  /** `chosen` where the mask is all ones, `otherwise` where it is all zeros. */
  select(mask: Expression, chosen: Operand, otherwise: Operand): Expression {
    return apply(this.target === "relaxed" ? relaxedSelect : bitSelect, [literal(chosen), literal(otherwise), mask]);
  }

  /** Horner's rule; the constant coefficient comes first. */
  polynomial(x: Expression, coefficients: readonly number[]): Expression {
    return coefficients
      .slice(0, -1)
      .reduceRight<Expression>((sum, next) => this.madd(sum, x, next), constant(coefficients.at(-1) ?? 0, "f32"));
  }

  /**
   * The exponent of 2 in e^x (or e^−x) and what is left for a polynomial: x = sign · n ln2 + u with |u| ≤ ln2 / 2. The last
   * bits of `shifted` are those of n + offset.
   */
  reduce(x: Expression, sign: 1 | -1, offset: number): { readonly shifted: Expression; readonly u: Expression } {
    const shifted = this.madd(x, 1.44269504 * sign, magic + offset);
    const n = sub(shifted, magic + offset);
    // ln2 in two parts, the first of 15 bits: n times it is exact.
    const u = this.madd(n, -1.42860677e-6 * sign, this.madd(n, -0.693145752 * sign, x));
    return { shifted, u };
  }
}
