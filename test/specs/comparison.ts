// Rows of the elementwise ops of bindings/ops/comparison.ts: comparisons, truth values, bits and selection.
// They are exact, and have no derivative but for `where`. Read next: spec.ts, elementwise.ts.
import type * as ops from "../../bindings/ops/comparison.ts";
import type { ElementwiseRows, ElementwiseSpec } from "./spec.ts";
import { ulps } from "./spec.ts";

const exact = { f32: ulps(0), f64: ulps(0) };
const small = [-3, 3] as const;
const numbers = ["f32", "f64", "i32", "u32", "u8"] as const;
const integers = ["i32", "u32", "u8"] as const;

function compare(reference: (x: number, y: number) => boolean): ElementwiseSpec {
  return {
    reference: (x, y) => Number(reference(x, y)),
    domain: [small, small],
    tolerance: exact,
    dtypes: numbers,
    result: "bool",
    gradient: false,
  };
}

function classify(reference: (x: number) => boolean): ElementwiseSpec {
  return { reference: (x) => Number(reference(x)), domain: small, tolerance: exact, result: "bool", gradient: false };
}

function logic(reference: (x: boolean, y: boolean) => boolean): ElementwiseSpec {
  return {
    reference: (x, y) => Number(reference(x !== 0, y !== 0)),
    domain: [
      [0, 1],
      [0, 1],
    ],
    tolerance: exact,
    dtypes: ["bool"],
    result: "bool",
    gradient: false,
  };
}

function bits(reference: (x: number, y: number) => number): ElementwiseSpec {
  return {
    reference: (x, y) => reference(x, y),
    domain: [
      [0, 200],
      [0, 200],
    ],
    tolerance: exact,
    dtypes: integers,
    gradient: false,
  };
}

const shifts = {
  domain: [
    [0, 200],
    [0, 31],
  ],
  tolerance: exact,
  dtypes: ["i32", "u32"],
  gradient: false,
} as const;

export const comparison: ElementwiseRows<typeof ops> = {
  equal: compare((x, y) => x === y),
  notEqual: compare((x, y) => x !== y),
  less: compare((x, y) => x < y),
  lessEqual: compare((x, y) => x <= y),
  greater: compare((x, y) => x > y),
  greaterEqual: compare((x, y) => x >= y),
  logicalAnd: logic((x, y) => x && y),
  logicalOr: logic((x, y) => x || y),
  logicalXor: logic((x, y) => x !== y),
  logicalNot: {
    reference: (x) => Number(x === 0),
    domain: [0, 1],
    tolerance: exact,
    dtypes: ["bool"],
    result: "bool",
    gradient: false,
  },
  isNaN: classify(Number.isNaN),
  isFinite: classify(Number.isFinite),
  isInf: classify((x) => Math.abs(x) === Infinity),
  bitwiseAnd: bits((x, y) => x & y),
  bitwiseOr: bits((x, y) => x | y),
  bitwiseXor: bits((x, y) => x ^ y),
  bitwiseNot: { reference: (x) => ~x, domain: [0, 200], tolerance: exact, dtypes: ["i32", "u32"], gradient: false },
  shiftLeft: { reference: (x, y) => x << (y & 31), ...shifts },
  // A value of 2^31 and more can only be u32, a negative one only i32, so one reference serves both.
  shiftRight: { reference: (x, y) => (x < 0 ? x >> (y & 31) : x >>> (y & 31)), ...shifts },
  where: {
    reference: (condition, x, y) => (condition !== 0 ? x : y),
    domain: [[0, 1], small, small],
    tolerance: exact,
    dtypes: numbers,
    gradient: { second: false },
  },
};
