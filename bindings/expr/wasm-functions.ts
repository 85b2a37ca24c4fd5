// The transcendental functions that row functions compute inline instead of calling the kernel module: exp, tanh, erf of
// f32, as expressions of single SIMD instructions. Inline, four vectors go through them at a time and every constant
// is loaded once for all: 1.6 times the speed of calls. Methods, coefficients and bounds are those of
// assembly/lanes-exponential.ts, which explains them. Read next: to-wasm.ts.
import type { Expression, Operand, Primitive } from "./expression.ts";
import { apply, constant, topological } from "./expression.ts";
import { abs, add, div, less, max, min, mul, neg, select, sub } from "./primitives/index.ts";

/** An instruction on the bits of f32 lanes that is no primitive of the engine. */
function instruction(name: string, arity: number, opcode: number): Primitive {
  const wasm = { f32: { method: name, opcode } };
  return { name, arity, result: "same", cost: 1, wasm, wgsl: () => "", derivative: () => [] };
}

/** A shift of 32-bit lanes by a literal count. */
function shift(name: string, opcode: number): Primitive {
  return { ...instruction(name, 2, opcode), wasm: { f32: { helper: name, byConstant: opcode } } };
}

const shiftLeft = shift("i32x4.shl", 0xab);
const shiftRight = shift("i32x4.shr_s", 0xac);
const subtractBits = instruction("i32x4.sub", 2, 0xb1);
const andBits = instruction("v128.and", 2, 0x4e);
const orBits = instruction("v128.or", 2, 0x50);
const relaxedAdd = instruction("f32x4.relaxed_madd", 3, 0x105);
const relaxedSubtract = instruction("f32x4.relaxed_nmadd", 3, 0x106);

/** 3 · 2^22, see lanes-exponential.ts. */
const magic = 12582912;
const errorNear = [0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.0051871622, -0.00079978531, 7.80690389e-5];
const errorFar = [0.000341512961, 1.12708926, 0.638144672, 0.103106916, -0.0218381416, 0.0029476746, -0.000186380174];

type Function = (vector: Vector, x: Expression) => Expression;

/** Arithmetic with one rounding for multiply and add where relaxed SIMD has it. */
class Vector {
  private readonly relaxed: boolean;

  constructor(relaxed: boolean) {
    this.relaxed = relaxed;
  }

  /** x · y + z */
  madd(x: Operand, y: Operand, z: Operand): Expression {
    return this.relaxed ? apply(relaxedAdd, [x, y, z].map(literal)) : add(mul(x, y), z);
  }

  /** z − x · y */
  nmadd(x: Operand, y: Operand, z: Operand): Expression {
    return this.relaxed ? apply(relaxedSubtract, [x, y, z].map(literal)) : sub(z, mul(x, y));
  }

  /** Horner's rule; the constant coefficient comes first. */
  polynomial(x: Expression, coefficients: readonly number[]): Expression {
    return coefficients
      .slice(0, -1)
      .reduceRight<Expression>((sum, next) => this.madd(sum, x, next), constant(coefficients.at(-1) ?? 0, "f32"));
  }

  /** The n of x = n ln2 + t with magic and offset added, whose bits give 2^n, and e^t − 1. */
  reduce(x: Expression, offset: number): { readonly shifted: Expression; readonly remainder: Expression } {
    const shifted = this.madd(x, 1.44269504, magic + offset);
    const n = sub(shifted, magic + offset);
    const t = this.nmadd(n, 1.42860677e-6, this.nmadd(n, 0.693145752, x));
    const tail = this.polynomial(t, [0.5, 0.16666539, 0.0416664258, 0.00836715382, 0.00139387161]);
    return { shifted, remainder: this.madd(mul(t, t), tail, t) };
  }
}

function literal(value: Operand): Expression {
  return typeof value === "number" ? constant(value, "f32") : value;
}

/** The float whose exponent field is the last eight bits of `bits`. */
function power(bits: Expression): Expression {
  return apply(shiftLeft, [bits, 23]);
}

function withSign(magnitude: Expression, x: Expression): Expression {
  return apply(orBits, [magnitude, apply(andBits, [x, -0])]);
}

const functions: Readonly<Partial<Record<string, Function>>> = {
  exp(vector, x) {
    const { shifted, remainder } = vector.reduce(max(min(x, 89), -105), 254);
    // 2^n in two factors: subnormal and infinite results come out by themselves.
    const half = apply(shiftRight, [shifted, 1]);
    const rest = apply(subtractBits, [shifted, half]);
    return mul(mul(add(remainder, 1), power(half)), power(rest));
  },
  tanh(vector, x) {
    const { shifted, remainder } = vector.reduce(max(mul(abs(x), -2), -20), 127);
    const scale = power(shifted);
    const E = vector.madd(scale, remainder, sub(scale, 1));
    return withSign(div(abs(E), add(E, 2)), x);
  },
  erf(vector, x) {
    const magnitude = abs(x);
    const near = vector.madd(magnitude, vector.polynomial(mul(magnitude, magnitude), errorNear), magnitude);
    const { shifted, remainder } = vector.reduce(neg(vector.polynomial(min(magnitude, 3.95), errorFar)), 127);
    const scale = power(shifted);
    const far = sub(1, vector.madd(scale, remainder, scale));
    return withSign(select(less(magnitude, 1), near, far), x);
  },
};

function inlined(node: Expression): Function | undefined {
  return node.kind === "apply" && node.dtype === "f32" ? functions[node.primitive.name] : undefined;
}

/** Whether `inlineFunctions` changes the expression. */
export function hasInlined(root: Expression): boolean {
  return topological(root).some((node) => inlined(node) !== undefined);
}

/** The expression with the functions above written out. */
export function inlineFunctions(root: Expression, relaxed: boolean): Expression {
  if (!hasInlined(root)) return root;
  const vector = new Vector(relaxed);
  const made = new Map<Expression, Expression>();
  for (const node of topological(root)) {
    if (node.kind !== "apply") {
      made.set(node, node);
      continue;
    }
    const operands = node.operands.map((operand) => made.get(operand) ?? operand);
    const [x] = operands;
    const write = inlined(node);
    made.set(
      node,
      write !== undefined && x !== undefined ? write(vector, x) : apply(node.primitive, operands, node.dtype),
    );
  }
  return made.get(root) ?? root;
}
