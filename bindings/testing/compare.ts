// Judges computed values: first where NaN, infinities and the sign of zero are, then how far the rest lies off, in ulps.
// Pure functions over lists of numbers. Read next: checks.ts, which calls them; differences.ts for what gradients are held against.
import type { DType } from "../core/dtype.ts";
import type { Tolerance } from "./spec.ts";

/** What a comparison found. `error` is the largest distance in units of the tolerance's ulp. */
export interface Verdict {
  readonly ok: boolean;
  readonly message: string;
  readonly error: number;
}

export const passed: Verdict = { ok: true, message: "", error: 0 };

export function failed(message: string): Verdict {
  return { ok: false, message, error: Infinity };
}

const mantissa: Partial<Record<DType, number>> = { f16: 10, f32: 23, f64: 52 };
const smallestExponent: Partial<Record<DType, number>> = { f16: -14, f32: -126, f64: -1022 };
const largest: Partial<Record<DType, number>> = { f32: 3.4028234663852886e38, f64: Number.MAX_VALUE };

/** Distance between neighbouring numbers of the type around `value`. */
export function ulpAt(value: number, dtype: DType): number {
  const digits = mantissa[dtype] ?? 0;
  const least = smallestExponent[dtype] ?? 0;
  const size = Math.abs(value);
  const exponent = size === 0 || !Number.isFinite(size) ? least : Math.max(Math.floor(Math.log2(size)), least);
  return 2 ** (exponent - digits);
}

/** The value as the type holds it. Integers wrap. */
export function representable(value: number, dtype: DType): number {
  if (dtype === "f64") return value;
  if (dtype === "f32") return Math.fround(value);
  if (dtype === "f16") return nearestHalf(value);
  if (!Number.isFinite(value)) return 0;
  const modulus = dtype === "u8" ? 256 : 2 ** 32;
  if (dtype === "bool") return value === 0 ? 0 : 1;
  const wrapped = ((Math.trunc(value) % modulus) + modulus) % modulus;
  return dtype === "i32" && wrapped >= 2 ** 31 ? wrapped - 2 ** 32 : wrapped + 0;
}

/** The half nearest to a number: a multiple of the unit in the last place, of two that are equally near the even one. */
function nearestHalf(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const unit = ulpAt(value, "f16");
  const units = Math.abs(value) / unit;
  const below = Math.floor(units);
  const rest = units - below;
  const rounded = (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below) * unit;
  return Math.sign(value) * (rounded > 65504 ? Infinity : rounded);
}

export interface Comparison {
  readonly dtype: DType;
  readonly tolerance: Tolerance;
  /** Σ|terms| for tolerances of sums. */
  readonly magnitude?: readonly number[] | undefined;
  /** Other results that are right too, element by element: what flushing subnormal operands to zero gives. */
  readonly alternative?: readonly number[] | undefined;
  /** Results below the smallest normal number may be zero. */
  readonly flushes?: boolean;
  /** What is expected has been rounded itself: halves may then be neighbours. */
  readonly isRounded?: boolean;
}

export function compare(got: ArrayLike<number>, want: readonly number[], rule: Comparison): Verdict {
  if (got.length !== want.length) return failed(`${got.length} elements, expected ${want.length}`);
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const first = compareOne(got[i]!, want[i]!, i, rule);
    const verdict =
      first.ok || rule.alternative === undefined ? first : compareOne(got[i]!, rule.alternative[i]!, i, rule);
    if (!verdict.ok) return first;
    worst = Math.max(worst, verdict.error);
  }
  return { ok: true, message: "", error: worst };
}

function compareOne(got: number, exact: number, i: number, rule: Comparison): Verdict {
  const { dtype, tolerance } = rule;
  const want = representable(exact, dtype);
  const say = (what: string): Verdict => failed(`${what} at element ${i}: got ${print(got)}, expected ${print(want)}`);
  if (dtype === "f16") return compareHalf(got, exact, rule.magnitude?.[i], rule, say);
  if (dtype !== "f32" && dtype !== "f64") return got === want ? passed : say("wrong value");
  if (Number.isNaN(want) !== Number.isNaN(got)) return say("NaN differs");
  if (Number.isNaN(want)) return passed;
  const unit =
    tolerance.of === "magnitude"
      ? Math.max(rule.magnitude?.[i] ?? Math.abs(exact), Math.abs(exact)) * 2 ** -(mantissa[dtype] ?? 0)
      : ulpAt(want, dtype);
  const allowed = tolerance.ulps * unit + (tolerance.floor ?? 0) + (rule.flushes === true ? 2 ** -126 : 0);
  if (!Number.isFinite(want) || !Number.isFinite(got)) {
    // A correctly rounded neighbour of the largest number may fall on either side of infinity.
    const edge = largest[dtype] ?? Infinity;
    const near = (x: number): boolean => Math.abs(x) >= edge * (1 - tolerance.ulps * 2 ** -(mantissa[dtype] ?? 0));
    const tie =
      Math.sign(got) === Math.sign(exact) &&
      near(got) &&
      near(exact) &&
      Math.abs(exact) <= edge * (1 + (tolerance.ulps + 1) * 2 ** -23);
    return got === want || tie ? passed : say("infinity differs");
  }
  if (exact === 0 && got === 0)
    return Object.is(got, want) || (tolerance.floor ?? 0) > 0 || tolerance.of === "magnitude"
      ? passed
      : say("sign of zero differs");
  const distance = Math.abs(got - exact);
  if (distance > allowed)
    return {
      ...say(`off by ${(distance / unit).toPrecision(3)} ulp (allowed ${tolerance.ulps})`),
      error: distance / unit,
    };
  // What flushing forgives is no error of the op; what the floor forgives counts up to the ulps allowed.
  if (rule.flushes === true && distance <= 2 ** -126) return passed;
  const error = distance / unit;
  return { ok: true, message: "", error: distance <= (tolerance.floor ?? 0) ? Math.min(error, tolerance.ulps) : error };
}

/** Halves are right if a number within the tolerance, which is one of f32, rounds to them. */
function compareHalf(
  got: number,
  exact: number,
  magnitude: number | undefined,
  rule: Comparison,
  say: (what: string) => Verdict,
): Verdict {
  const want = representable(exact, "f16");
  if (Number.isNaN(want) !== Number.isNaN(got)) return say("NaN differs");
  if (Number.isNaN(want) || Object.is(got, want)) return passed;
  const { ulps, floor = 0, of } = rule.tolerance;
  const single = of === "magnitude" ? Math.max(magnitude ?? 0, Math.abs(exact)) * 2 ** -23 : ulpAt(exact, "f32");
  const allowed = ulps * single + floor + (rule.isRounded === true ? ulpAt(exact, "f16") : 0);
  const isWithin = got >= representable(exact - allowed, "f16") && got <= representable(exact + allowed, "f16");
  const unit = ulpAt(want, "f16");
  if (!isWithin) return say(`off by ${(Math.abs(got - exact) / unit).toPrecision(3)} units of a half`);
  if (got === 0 && want === 0 && floor === 0 && of !== "magnitude") return say("sign of zero differs");
  return { ok: true, message: "", error: Number.isFinite(got - exact) ? Math.abs(got - exact) / unit : 0 };
}

function print(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
