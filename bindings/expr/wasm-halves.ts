// Halves in the WebAssembly emitter. In memory a half is two bytes; in registers it is an f32 that happens to be a half, and
// conversions between the two are written out in integer instructions, since WebAssembly has none for them. Loads and stores
// move the bits in 32-bit lanes. No step makes or takes a subnormal f32, which some processors are slow with.
// Knows no loop and no memory. Read next: to-wasm.ts; core/half.ts, which does the same on the host.
import { halfBits, roundToHalf } from "../core/half.ts";
import type { Expression, Primitive } from "./expression.ts";
import { apply, constant, topological } from "./expression.ts";
import { abs, add, cast, max, min, mul, sub } from "./primitives/index.ts";
import {
  addBits,
  andBits,
  andDoubles,
  floatFromBits,
  floatOfBits,
  hasGreaterBits,
  isEqual,
  isGreater,
  magnitudeOf,
  maxBits,
  minBits,
  orBits,
  orDoubles,
  shiftLeft,
  shiftRight,
  subtractBits,
  Vector,
  withSign,
} from "./wasm-vector.ts";

const vector = /* @__PURE__ */ new Vector("base");

/** The same bits under another type; no instruction. */
const bitsOf = (from: "f16" | "f32"): Primitive => ({
  name: `bits_${from}`,
  arity: 1,
  result: "cast",
  cost: 0,
  wasm: {},
  wgsl: () => "",
  derivative: () => [],
});

/** The lanes that hold the bits of loaded halves, to be computed with. */
const lanesOf = (halves: Expression): Expression => apply(bitsOf("f16"), [halves], "f32");

/** Lanes of the bits of halves as what is stored. */
const halvesOf = (lanes: Expression): Expression => apply(bitsOf("f32"), [lanes], "f16");

/** The literal with these bits, none of which stand for NaN. */
const bits = (value: number): Expression => constant(floatFromBits(value), "f32");

/** The values of halves; their bits fill 32-bit lanes with the sign in front. */
function widened(halves: Expression): Expression {
  const magnitude = andBits(halves, bits(0x7fff));
  // Exponents of halves begin 112 lower; those of infinities and NaN are to be moved as far again.
  const moved = addBits(shiftLeft(magnitude, 13), bits(112 << 23));
  const far = addBits(moved, andBits(hasGreaterBits(magnitude, bits(0x7bff)), bits(112 << 23)));
  // Subnormals count units of 2^-24.
  const near = mul(floatOfBits(magnitude), 2 ** -24);
  return withSign(vector.select(hasGreaterBits(bits(0x400), magnitude), near, far), halves);
}

/**
 * |x| + M for the power of two M whose last place is that of the half nearest to x: the sum rounds x to a half, ties to the
 * even one. From the largest exponent on M stays, so that what is too large stays too large.
 */
function aligned(x: Expression): { readonly sum: Expression; readonly power: Expression } {
  const leading = minBits(maxBits(andBits(x, Infinity), 2 ** -14), 2 ** 15);
  const power = addBits(leading, bits(13 << 23));
  return { sum: add(magnitudeOf(x), power), power };
}

/** The half nearest to x, as f32. */
function rounded(x: Expression): Expression {
  const { sum, power } = aligned(x);
  const magnitude = sub(sum, power);
  return withSign(vector.select(isGreater(magnitude, 65504), Infinity, magnitude), x);
}

/** The bits of the half nearest to x, in 32-bit lanes. */
function narrowed(x: Expression): Expression {
  const { sum, power } = aligned(x);
  // What the sum has above M are units in the last place; with the exponent of M above them they are the bits of the half.
  const exponent = subtractBits(shiftRight(power, 13), bits(126 << 10));
  const magnitude = minBits(addBits(subtractBits(sum, power), exponent), bits(0x7c00));
  const sign = andBits(shiftRight(x, 16), bits(0x8000));
  return orBits(vector.select(isEqual(x, x), magnitude, bits(0x7e00)), sign);
}

/** An f64 rounded to a half, as f32: by way of f32 it would be rounded twice. What is too large is still too large. */
function roundedDouble(x: Expression): Expression {
  const power = mul(min(max(andDoubles(x, Infinity), 2 ** -14), 2 ** 15), 2 ** 42);
  const magnitude = sub(add(abs(x), power), power);
  return cast(orDoubles(magnitude, andDoubles(x, -0)), "f32");
}

const isConversion = (node: Expression): boolean => node.kind === "apply" && node.primitive.result === "cast";

/** The expression with its conversions from and to halves written out, over the bits of halves and with bits as its result. */
export function withHalves(root: Expression): Expression {
  const order = topological(root);
  if (order.every(({ dtype }) => dtype !== "f16")) return root;
  const made = new Map<Expression, Expression>();
  const valueOf = (node: Expression | undefined): Expression => made.get(node ?? root) ?? root;
  /** What is rounded to the half that a node is: an f32. */
  const toBeRounded = (node: Expression & { readonly kind: "apply" }): Expression => {
    const value = valueOf(node.operands[0]);
    return value.dtype === "f64" ? roundedDouble(value) : cast(value, "f32");
  };
  for (const node of order) {
    if (node.kind === "input") made.set(node, node.dtype === "f16" ? widened(lanesOf(node)) : node);
    else if (node.kind === "constant")
      made.set(node, node.dtype === "f16" ? constant(roundToHalf(node.value), "f32") : node);
    else if (node.dtype === "f16") made.set(node, rounded(toBeRounded(node)));
    else if (isConversion(node)) made.set(node, cast(valueOf(node.operands[0]), node.dtype));
    else made.set(node, apply(node.primitive, node.operands.map(valueOf), node.dtype));
  }
  if (root.dtype !== "f16") return valueOf(root);
  if (root.kind === "input") return halvesOf(andBits(lanesOf(root), bits(0xffff)));
  return halvesOf(root.kind === "constant" ? bits(halfBits(root.value)) : narrowed(toBeRounded(root)));
}
