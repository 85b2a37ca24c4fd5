// What TypeScript knows of users' ops: names of inputs and attributes, kinds of results. A line that must not compile is marked.
// Nothing here runs but the definitions. Read next: bindings/ops/custom/definition.ts.
import { expect, expectTypeOf, test } from "vitest";
import type { ArrayView, OperandInfo, Tensor, TensorLike } from "../../bindings/index.ts";
import { defineOp } from "../../bindings/index.ts";
import type { Expression } from "../../bindings/expr/expression.ts";

test("an op from an expression", () => {
  const op = defineOp("op", {
    inputs: ["x", "y"],
    attributes: { cap: 30, mode: "soft", weights: [1, 2] },
    expression: (inputs, e, { cap, mode, weights }) => {
      expectTypeOf(inputs).toEqualTypeOf<{ readonly x: Expression; readonly y: Expression }>();
      expectTypeOf(cap).toEqualTypeOf<Expression>();
      expectTypeOf(mode).toEqualTypeOf<string>();
      expectTypeOf(weights).toEqualTypeOf<number[]>();
      return e.add(inputs.x, e.mul(inputs.y, cap));
    },
  });
  expectTypeOf<Parameters<typeof op>>().toExtend<[TensorLike, TensorLike, object?]>();
  expectTypeOf<ReturnType<typeof op>>().toEqualTypeOf<Tensor>();
  const calls = (x: Tensor): unknown[] => [
    op(x, 2),
    op(x, x, { cap: x }),
    op(x, x, { mode: "hard", weights: [3] }),
    // @ts-expect-error one operand too few
    op(x),
    // @ts-expect-error no such attribute
    op(x, x, { caps: 1 }),
    // @ts-expect-error a string is no number
    op(x, x, { cap: "1" }),
    // @ts-expect-error structure is no tensor
    op(x, x, { mode: x }),
  ];
  expect(calls).toBeTypeOf("function");
});

test("an op with kernels", () => {
  const op = defineOp("op", {
    inputs: ["x"],
    attributes: { axis: 0 },
    output: ({ x }, { axis }) => {
      expectTypeOf(x).toEqualTypeOf<OperandInfo>();
      expectTypeOf(axis).toEqualTypeOf<number>();
      return x;
    },
    compute: (inputs, output) => {
      expectTypeOf(inputs).toEqualTypeOf<{ readonly x: ArrayView }>();
      expectTypeOf(output).toEqualTypeOf<ArrayView>();
    },
    gradient: (_, __, { cotangent, wanted }) => {
      expectTypeOf(cotangent).toEqualTypeOf<Tensor>();
      return wanted.x ? { x: cotangent } : {};
    },
  });
  expectTypeOf<ReturnType<typeof op>>().toEqualTypeOf<Tensor>();
  const calls = (x: Tensor): unknown[] => [
    op(x, { axis: 1 }),
    // @ts-expect-error an attribute of such an op is no tensor
    op(x, { axis: x }),
  ];
  expect(calls).toBeTypeOf("function");
});

test("an op with two results", () => {
  const op = defineOp("op", {
    inputs: ["x"],
    output: ({ x }) => [x, { shape: [], dtype: "i32" }],
    compute: (_, outputs) => {
      expectTypeOf(outputs[1]).toEqualTypeOf<ArrayView>();
    },
    gradient: ({ x }, _, { cotangent: [dx] }) => {
      expectTypeOf(dx).toEqualTypeOf<Tensor>();
      return { x: dx.mul(x) };
    },
  });
  expectTypeOf<ReturnType<typeof op>>().toEqualTypeOf<readonly [Tensor, Tensor]>();
  expect(op.name).toBe("op");
  expect(op.definition.inputs).toEqual(["x"]);
});

test("a gradient for what is no input does not compile", () => {
  expect(() =>
    // @ts-expect-error there is no input z
    defineOp("op", {
      inputs: ["x"],
      expression: ({ x }) => x,
      gradient: ({ x }) => ({ z: x }),
    }),
  ).not.toThrow();
});
