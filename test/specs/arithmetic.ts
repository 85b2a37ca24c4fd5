// Rows of the elementwise ops of bindings/ops/arithmetic.ts. A row is written from the op's definition, never from its kernel.
// Read next: spec.ts for what the fields mean, elementwise.ts for the table they join.
import type * as ops from "../../bindings/ops/arithmetic.ts";
import { floorMod, power, roundHalfEven } from "../reference/functions.ts";
import type { ElementwiseRows } from "./spec.ts";
import { ulps } from "./spec.ts";

const exact = { f32: ulps(0.5), f64: ulps(0) };
const all = ["f32", "f64", "i32", "u32", "u8"] as const;
const wide = [-1000, 1000] as const;
const pair = [wide, wide] as const;
const flat = { gradient: { second: false } } as const;

export const arithmetic: ElementwiseRows<typeof ops> = {
  add: {
    reference: (x, y) => x + y,
    domain: pair,
    tolerance: exact,
    dtypes: all,
    special: [
      [[-0, -0], -0],
      [[-0, 0], 0],
      [[Infinity, -Infinity], NaN],
    ],
    ...flat,
  },
  sub: {
    reference: (x, y) => x - y,
    domain: pair,
    tolerance: exact,
    dtypes: all,
    special: [
      [[0, 0], 0],
      [[-0, 0], -0],
      [[Infinity, Infinity], NaN],
    ],
    ...flat,
  },
  mul: {
    reference: (x, y) => x * y,
    integer: (x, y) => Number(BigInt.asIntN(32, BigInt(x) * BigInt(y))),
    domain: pair,
    tolerance: exact,
    dtypes: all,
    special: [
      [[-0, 2], -0],
      [[0, Infinity], NaN],
    ],
  },
  div: {
    reference: (x, y) => x / y,
    domain: [wide, [0.1, 100]],
    tolerance: { f32: ulps(2.5), f64: ulps(0) },
    dtypes: ["f32", "f64", "i32", "u8"],
    result: "float",
    special: [
      [[1, 0], Infinity],
      [[1, -0], -Infinity],
      [[0, 0], NaN],
      [[-1, Infinity], -0],
    ],
  },
  floorDivide: {
    reference: floorDivide,
    integer: (x, y) => (y === 0 ? 0 : Math.floor(x / y)),
    domain: [wide, [0.1, 100]],
    tolerance: { f32: ulps(0.5), f64: ulps(0) },
    dtypes: all,
    special: [
      [[7, 2], 3],
      [[-7, 2], -4],
      [[7, -2], -4],
    ],
    extremes: false,
    kinks: (x, y) => Math.abs(x / y - roundHalfEven(x / y)) < 0.05,
    ...flat,
  },
  mod: {
    reference: floorMod,
    integer: (x, y) => (y === 0 ? 0 : floorMod(x, y)),
    domain: [wide, [0.1, 100]],
    tolerance: { f32: ulps(0.5), f64: ulps(0) },
    dtypes: all,
    special: [
      [[7, 3], 1],
      [[-7, 3], 2],
      [[7, -3], -2],
      [[1, 0], NaN],
      [[Infinity, 1], NaN],
    ],
    kinks: (x, y) => Math.abs(x / y - roundHalfEven(x / y)) < 0.05,
    ...flat,
  },
  pow: {
    reference: power,
    integer: (x, y) =>
      y < 0 ? integerPowerBelowZero(x, y) : Number(BigInt.asIntN(32, modularPower(BigInt(x), BigInt(y)))),
    domain: [
      [0.01, 20],
      [-5, 5],
    ],
    tolerance: { f32: ulps(4), f64: ulps(2) },
    dtypes: ["f32", "f64", "i32"],
    special: [
      [[0, 0], 1],
      [[NaN, 0], 1],
      [[1, NaN], 1],
      [[-2, 3], -8],
      [[-2, 0.5], NaN],
      [[0, -1], Infinity],
      [[-0, -1], -Infinity],
      [[-0, 3], -0],
      [[-Infinity, 3], -Infinity],
      [[0.5, Infinity], 0],
    ],
    gradient: { ulps: 16, floor: 0.001 },
  },
  neg: {
    reference: (x) => -x,
    domain: wide,
    tolerance: exact,
    dtypes: ["f32", "f64", "i32"],
    special: [
      [0, -0],
      [-Infinity, Infinity],
    ],
    ...flat,
  },
  abs: {
    reference: Math.abs,
    domain: wide,
    tolerance: exact,
    dtypes: ["f32", "f64", "i32"],
    special: [
      [-0, 0],
      [-Infinity, Infinity],
    ],
    kinks: [0],
    ...flat,
  },
  sign: {
    reference: Math.sign,
    domain: wide,
    tolerance: exact,
    dtypes: ["f32", "f64", "i32"],
    special: [
      [-0, -0],
      [NaN, NaN],
    ],
    gradient: false,
  },
  square: {
    reference: (x) => x * x,
    integer: (x) => Number(BigInt.asIntN(32, BigInt(x) * BigInt(x))),
    domain: wide,
    tolerance: exact,
    dtypes: ["f32", "f64", "i32", "u32", "u8"],
    special: [[-0, 0]],
  },
  reciprocal: {
    reference: (x) => 1 / x,
    domain: [0.01, 100],
    tolerance: { f32: ulps(2.5), f64: ulps(0) },
    special: [[-0, -Infinity]],
  },
  sqrt: {
    reference: Math.sqrt,
    domain: [0.001, 1000],
    tolerance: { f32: ulps(2), f64: ulps(0) },
    dtypes: ["f32", "f64", "i32", "u8"],
    result: "float",
    special: [
      [-0, -0],
      [4, 2],
      [-1, NaN],
    ],
  },
  rsqrt: {
    reference: (x) => 1 / Math.sqrt(x),
    domain: [0.001, 1000],
    tolerance: { f32: ulps(4), f64: ulps(1.5) },
    special: [
      [0, Infinity],
      [Infinity, 0],
      [-1, NaN],
    ],
  },
  cbrt: {
    reference: Math.cbrt,
    domain: [-1000, 1000],
    tolerance: { f32: ulps(4), f64: ulps(4) },
    special: [
      [-8, -2],
      [-0, -0],
      [-Infinity, -Infinity],
    ],
    kinks: [0],
  },
  maximum: {
    reference: Math.max,
    domain: pair,
    tolerance: exact,
    dtypes: all,
    special: [
      [[NaN, 1], NaN],
      [[1, NaN], NaN],
      [[-0, 0], 0],
      [[-Infinity, 3], 3],
    ],
    kinks: (x, y) => Math.abs(x - y) < 1e-3,
    ...flat,
  },
  minimum: {
    reference: Math.min,
    domain: pair,
    tolerance: exact,
    dtypes: all,
    special: [
      [[NaN, 1], NaN],
      [[1, NaN], NaN],
      [[0, -0], -0],
      [[Infinity, 3], 3],
    ],
    kinks: (x, y) => Math.abs(x - y) < 1e-3,
    ...flat,
  },
  hypot: {
    reference: (x, y) => (Math.abs(x) === Infinity || Math.abs(y) === Infinity ? Infinity : Math.hypot(x, y)),
    domain: [
      [0.1, 1000],
      [-1000, 1000],
    ],
    tolerance: { f32: ulps(4), f64: ulps(2) },
    special: [
      [[3, 4], 5],
      [[0, 0], 0],
      [[1e30, 1e30], Math.SQRT2 * Math.fround(1e30)],
      [[Infinity, NaN], Infinity],
    ],
  },
  floor: {
    reference: Math.floor,
    domain: wide,
    tolerance: exact,
    special: [
      [-0.5, -1],
      [-0, -0],
    ],
    gradient: false,
  },
  ceil: {
    reference: Math.ceil,
    domain: wide,
    tolerance: exact,
    special: [
      [0.5, 1],
      [-0.5, -0],
    ],
    gradient: false,
  },
  round: {
    reference: roundHalfEven,
    domain: wide,
    tolerance: exact,
    special: [
      [0.5, 0],
      [1.5, 2],
      [2.5, 2],
      [-0.5, -0],
      [8388609, 8388609],
    ],
    gradient: false,
  },
  trunc: {
    reference: Math.trunc,
    domain: wide,
    tolerance: exact,
    special: [
      [-1.7, -1],
      [-0.7, -0],
    ],
    gradient: false,
  },
};

/** ⌊x/y⌋ of the exact quotient: f64 division may round up to a whole number that the quotient does not reach. */
function floorDivide(x: number, y: number): number {
  const quotient = Math.floor(x / y);
  return Number.isFinite(quotient) && y !== 0 ? Math.round((x - floorMod(x, y)) / y) : quotient;
}

/** Integers to a negative power: 1 and −1 keep their size, anything larger is cut to 0. */
function integerPowerBelowZero(x: number, y: number): number {
  if (x === 1) return 1;
  return x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
}

/** x^y modulo 2^64 by repeated squaring. */
function modularPower(x: bigint, y: bigint): bigint {
  let result = 1n;
  let square = x;
  for (let rest = y; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) result = BigInt.asIntN(64, result * square);
    square = BigInt.asIntN(64, square * square);
  }
  return result;
}
