// Random programs: expressions over elementwise ops and shapes, and chains of views. Each is computed in one plan, step by
// step, and by the reference; all must agree. fast-check prints the seed and the smallest failing program.
// More runs: `ATHANOR_FUZZ=2000 npx vitest run test/fuzz.test.ts`. Read next: reference/array.ts.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";
import type { NdArray } from "./reference/array.ts";
import { array, commonShape, countOf, map } from "./reference/array.ts";
import * as movement from "./reference/movement.ts";

const runs = Number(process.env.ATHANOR_FUZZ ?? 60);
const seed = Number(process.env.ATHANOR_SEED ?? 20260);

beforeAll(() => athanor.init({ webgpu: "off", tune: "off" }));
afterAll(() => athanor.shutdown());

interface Operation {
  readonly name: string;
  readonly call: (...x: Tensor[]) => Tensor;
  readonly scalar: (...x: number[]) => number;
  readonly arity: number;
}

// Bounded and smooth enough that errors do not grow along a chain.
const operations: readonly Operation[] = [
  { name: "add", call: (x, y) => athanor.add(x, y), scalar: (x, y) => x + y, arity: 2 },
  { name: "sub", call: (x, y) => athanor.sub(x, y), scalar: (x, y) => x - y, arity: 2 },
  { name: "mul", call: (x, y) => athanor.mul(x, y), scalar: (x, y) => x * y, arity: 2 },
  { name: "maximum", call: (x, y) => athanor.maximum(x, y), scalar: (x, y) => Math.max(x, y), arity: 2 },
  { name: "minimum", call: (x, y) => athanor.minimum(x, y), scalar: (x, y) => Math.min(x, y), arity: 2 },
  { name: "tanh", call: (x) => athanor.tanh(x), scalar: (x) => Math.tanh(x), arity: 1 },
  { name: "sin", call: (x) => athanor.sin(x), scalar: (x) => Math.sin(x), arity: 1 },
  { name: "abs", call: (x) => athanor.abs(x), scalar: (x) => Math.abs(x), arity: 1 },
  { name: "neg", call: (x) => athanor.neg(x), scalar: (x) => -x, arity: 1 },
  { name: "sigmoid", call: (x) => athanor.sigmoid(x), scalar: (x) => 1 / (1 + Math.exp(-x)), arity: 1 },
  { name: "relu", call: (x) => athanor.relu(x), scalar: (x) => Math.max(x, 0), arity: 1 },
  { name: "atan", call: (x) => athanor.atan(x), scalar: (x) => Math.atan(x), arity: 1 },
];

const shapes: readonly (readonly number[])[] = [[], [1], [4], [3, 4], [3, 1], [2, 3, 4], [2, 1, 1]];

/** A program in straight-line form: every step names an operation and which earlier values it takes. */
const program = fc.record({
  leaves: fc.array(fc.tuple(fc.integer({ min: 0, max: shapes.length - 1 }), fc.integer({ min: 0, max: 999 })), {
    minLength: 1,
    maxLength: 3,
  }),
  steps: fc.array(
    fc.tuple(fc.integer({ min: 0, max: operations.length - 1 }), fc.nat({ max: 40 }), fc.nat({ max: 40 })),
    { minLength: 1, maxLength: 10 },
  ),
});

function leaf(shape: readonly number[], salt: number): NdArray {
  return array(
    shape,
    Array.from({ length: countOf(shape) }, (_, i) => Math.fround(Math.sin(salt + 1.7 * i) * 1.5)),
  );
}

const toTensor = (x: NdArray): Tensor => athanor.tensor(new Float32Array(x.data), { shape: x.shape });

function expectNear(got: ArrayLike<number>, want: readonly number[], tolerance: number): void {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => {
    expect(Math.abs(got[i]! - value), `element ${i}: got ${got[i]}, expected ${value}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(value)),
    );
  });
}

test("fused programs, step-by-step programs and the reference agree", async () => {
  await fc.assert(
    fc.asyncProperty(program, async ({ leaves, steps }) => {
      const arrays = leaves.map(([shape, salt]) => leaf(shapes[shape]!, salt));
      // Products of products are kept in bounds by the reference itself: a program that leaves [−100, 100] is not judged.
      const values = [...arrays];
      for (const [which, a, b] of steps) {
        const { scalar, arity } = operations[which]!;
        values.push(map(scalar, ...[values[a % values.length]!, values[b % values.length]!].slice(0, arity)));
      }
      fc.pre(values.every(({ data }) => data.every((value) => Math.abs(value) < 100)));
      const inputs = arrays.map(toTensor);
      const apply = (known: readonly Tensor[], [which, a, b]: (typeof steps)[number]): Tensor => {
        const { call, arity } = operations[which]!;
        return call(...[known[a % known.length]!, known[b % known.length]!].slice(0, arity));
      };
      const fused = athanor.scope(() => {
        const known = [...inputs];
        for (const step of steps) known.push(apply(known, step));
        return known.at(-1)!.add(0);
      });
      const separate = [...inputs];
      for (const step of steps) {
        const next = apply(separate, step);
        await next.data();
        separate.push(next);
      }
      const want = values.at(-1)!;
      expect(fused.shape).toEqual(commonShape([want.shape]));
      const got = await fused.data();
      const bySteps = await separate.at(-1)!.data();
      expectNear(got, want.data, 2e-4);
      expectNear(got, [...bySteps], 2e-5);
      for (const tensor of new Set([fused, ...separate])) tensor.dispose();
    }),
    { numRuns: runs, seed },
  );
});

type View = readonly [kind: "permute" | "slice" | "reshape" | "flip" | "expand", salt: number];
const views = fc.array(
  fc.tuple(
    fc.constantFrom("permute" as const, "slice" as const, "reshape" as const, "flip" as const, "expand" as const),
    fc.nat({ max: 23 }),
  ),
  { minLength: 1, maxLength: 6 },
);

/** One view of a tensor and of the array it stands for, chosen by a number. */
function viewed(x: Tensor, reference: NdArray, [kind, salt]: View): [Tensor, NdArray] {
  const { shape } = reference;
  const rank = shape.length;
  if (kind === "permute" && rank > 1) {
    const order = shape.map((_, axis) => (axis + 1 + (salt % (rank - 1))) % rank);
    return [athanor.permute(x, order), movement.permute(reference, order)];
  }
  if (kind === "slice" && rank > 0) {
    const step = shape.map((_, axis) => ((salt >> axis) % 2 === 0 ? 1 : salt % 3 === 0 ? -1 : 2));
    const begin = shape.map((extent, axis) => (step[axis]! < 0 ? extent - 1 : salt % Math.max(1, Math.min(extent, 2))));
    const end = shape.map(() => undefined);
    return [athanor.slice(x, begin, end, step), movement.slice(reference, begin, end, step)];
  }
  if (kind === "reshape") {
    const size = countOf(shape);
    const factor = [2, 3, 4].find((f) => size > 0 && size % f === 0 && salt % 2 === f % 2) ?? 1;
    const target = [factor, size / factor];
    return [athanor.reshape(x, target), movement.reshape(reference, target)];
  }
  if (kind === "expand" && rank < 6)
    return [athanor.broadcastTo(x, [2, ...shape]), movement.broadcastTo(reference, [2, ...shape])];
  if (kind === "flip" && rank > 0) return [athanor.flip(x, salt % rank), movement.flip(reference, [salt % rank])];
  return [x, reference];
}

test("chains of views show what the reference shows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom([2, 3, 4], [6, 4], [5], [1, 7]), views, async (shape, chain) => {
      let expected: NdArray = leaf(shape, 3);
      const input = toTensor(expected);
      const result = athanor.scope(() => {
        let x = input;
        for (const step of chain) [x, expected] = viewed(x, expected, step);
        // The last step reads through the view, so strides reach a kernel.
        return athanor.mul(x, 2);
      });
      fc.pre(expected.data.length <= 5000);
      expect(result.shape).toEqual(expected.shape);
      expect([...(await result.data())]).toEqual(expected.data.map((value) => 2 * value));
      input.dispose();
      result.dispose();
    }),
    { numRuns: runs, seed },
  );
});

test("live bytes are where they were", () => {
  expect(Object.values(athanor.memory()).reduce((bytes, { inUse }) => bytes + inUse, 0)).toBe(0);
});
