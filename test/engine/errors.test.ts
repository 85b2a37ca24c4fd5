// Bad input to the public functions: whatever comes, a typed error that names the function called, and an engine that
// goes on. And input that is odd but legal: nothing, NaN, no axes, eight axes. On the CPU.
// Read next: lifetimes.test.ts, devices.test.ts; test/specs/refusals.ts for the exact texts of every op.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import {
  DTypeError,
  DisposedError,
  ParameterError,
  ShapeError,
  arange,
  conv2d,
  evaluate,
  explain,
  grad,
  init,
  jit,
  linalg,
  matmul,
  maxPool2d,
  ones,
  softmax,
  sum,
  tensor,
  zeros,
} from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";

type Loose = (...args: unknown[]) => unknown;
const api = athanor as unknown as Readonly<Record<string, Loose>>;
const call = (name: string, ...args: unknown[]): unknown => api[name]?.(...args);

/** What `body` throws, now or later. */
async function thrown(body: () => unknown): Promise<unknown> {
  try {
    await body();
  } catch (error) {
    return error;
  }
  return undefined;
}

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});

afterEach(async () => {
  expect(athanor.checkGuards()).toBe(0);
  expect(await tensor([1]).add(1).item()).toBe(2);
});

// Functions of one tensor and, if any, options.
const folds = "sum mean prod max min all any variance std norm argMax argMin logSumExp".split(" ");
const alongOne = "cumSum cumProd sort argSort softmax logSoftmax".split(" ");
const shapers = "flatten transpose squeeze flip triu tril diag stopGradient".split(" ");
const withTwo = "matmul dot outer tensordot conv2d depthwiseConv2d convTranspose2d searchSorted".split(" ");
const pools = "maxPool2d avgPool2d globalMaxPool2d globalAveragePool2d".split(" ");
const maps = "add relu exp where atan2 isNaN bitwiseAnd leakyRelu gelu elu swish celu".split(" ");
const lists = "concat stack".split(" ");

const noTensors: readonly unknown[] = [
  undefined,
  null,
  "text",
  {},
  [],
  [1, [2]],
  1n,
  true,
  new Float32Array(2),
  new BigInt64Array(2),
  () => 1,
];

/** Throws unless `error` is one of ours and says who refused. */
function expectTyped(error: unknown, op: string, what: string): void {
  expect(error, what).toBeInstanceOf(athanor.AthanorError);
  expect((error as athanor.AthanorError).op, `${what}: ${String(error)}`).toBe(op);
  expect((error as Error).message.length, what).toBeGreaterThan(op.length + 15);
}

describe("arguments of wrong types", () => {
  const unary = [...folds, ...alongOne, ...shapers, ...pools, "maxout", "cast", "clip"];

  test.each([...unary, ...withTwo, ...maps])("%s refuses what is no tensor", async (name) => {
    const good = ones([2, 2]);
    for (const bad of noTensors) {
      const options = unary.includes(name) || pools.includes(name) ? { window: 1, groups: 1, min: 0 } : good;
      expectTyped(await thrown(() => call(name, bad, options, good)), name, `${name}(${typeof bad})`);
      if (withTwo.includes(name)) expectTyped(await thrown(() => call(name, good, bad)), name, `${name}(x, bad)`);
    }
  });

  test.each([...folds, ...alongOne, "zeros", "ones", "concat"])("%s refuses options that are none", (name) => {
    const first = name === "concat" ? [ones([2])] : name === "zeros" || name === "ones" ? [2] : ones([2, 2]);
    // The axis as a second argument is the common slip.
    for (const bad of [0, null, "axis", [0], true]) expect(() => call(name, first, bad)).toThrow(ParameterError);
  });

  test.each([...folds, ...alongOne])("%s refuses axes that do not exist", async (name) => {
    const x = ones([2, 3]);
    for (const axis of [2, -3, 0.5, Number.NaN, Infinity, 1e20]) {
      const error = await thrown(() => call(name, x, { axis }));
      expect(error, `${name} axis ${String(axis)}`).toBeInstanceOf(ShapeError);
      expect(String(error)).toContain(String(axis));
      expectTyped(error, name, name);
    }
    for (const axis of ["0", null, {}, 1n, true])
      expectTyped(await thrown(() => call(name, x, { axis })), name, `${name} axis ${typeof axis}`);
    if (!folds.includes(name) || name.startsWith("arg")) return;
    expect(() => call(name, x, { axis: [0, -2] })).toThrow(/an axis is named twice/);
    expectTyped(await thrown(() => call(name, x, { axis: [0, undefined] })), name, name);
  });

  test("options by the names of other libraries are not passed over", () => {
    const x = tensor([[1, 2]]);
    expect(() => sum(x, { dim: 0 } as never)).toThrow("sum: there is no option dim. It is called axis");
    expect(() => softmax(x, { keepdim: true } as never)).toThrow(
      "softmax: there is no option keepdim. It is called keepDims",
    );
    expect(() => maxPool2d(x, 2 as never)).toThrow(
      "maxPool2d: options must be an object of names and values, got number",
    );
  });

  test("the options of arange may follow any of its numbers", async () => {
    for (const x of [arange(3, { dtype: "i32" }), arange(0, 3, { dtype: "i32" }), arange(0, 3, 1, { dtype: "i32" })])
      expect([x.dtype, await x.toArray()]).toEqual(["i32", [0, 1, 2]]);
    expect(() => arange(3, [] as never)).toThrow("arange: options must be an object of names and values, got an array");
  });

  test("convolutions tell the type they were given", () => {
    const x = ones([1, 3, 3, 1], { dtype: "i32" });
    expect(() => conv2d(x, ones([2, 2, 1, 1]))).toThrow(
      'conv2d: x must be f16 or f32, got i32. Convert it: cast(x, "f32")',
    );
  });

  test("numbers only: there is no tensor to take the type from", () => {
    expect(() => athanor.add(1, 2)).toThrow("add: expects a tensor, got 1, 2. Wrap the value: tensor(value)");
    expect(() => athanor.where(1, 2, 3)).toThrow(ParameterError);
  });

  test("missing and surplus operands", () => {
    expect(() => call("add", tensor([1]))).toThrow("add: expects 2 operands (x, y), got 1");
    expect(() => call("relu", tensor([1]), tensor([1]))).toThrow(ParameterError);
  });

  test.each(lists)("%s wants a list of tensors without holes", async (name) => {
    const x = ones([2]);
    const sparse = new Array<Tensor>(3);
    sparse[0] = x;
    for (const bad of [undefined, null, x, "x", [], [x, 1], [x, [1, 2]], [x, undefined], sparse])
      expectTyped(await thrown(() => call(name, bad)), name, name);
  });

  test("lists where lists belong", async () => {
    const x = ones([2, 2]);
    const cases: readonly (readonly [string, ...unknown[]])[] = [
      ["reshape", x, 4],
      ["reshape", x, [5]],
      ["reshape", x, [-1, -1]],
      ["reshape", x, [Number.NaN]],
      ["permute", x, 0],
      ["permute", x, [0, 0]],
      ["permute", x, [0]],
      ["slice", x, 0],
      ["slice", x, [0.5]],
      ["slice", x, [0], [1], [0]],
      ["tile", x, 2],
      ["tile", x, [-1]],
      ["pad", x, 1],
      ["pad", x, [1, 1]],
      ["pad", x, [[-1, 0], [0, 0]]], // prettier-ignore
      ["split", x, 3],
      ["split", x, "2"],
      ["split", x, [1, 2]],
      ["take", x, "0"],
      ["take", x, [0.5]],
      ["take", x, x],
      ["tensordot", x, x, "1"],
      ["tensordot", x, x, [0, 1]],
      ["tensordot", x, x, 3],
      ["einsum", x, x],
      ["einsum", "ij,jk->il", x, x],
      ["broadcastTo", x, 4],
      ["broadcastTo", x, [3, 2]],
      ["expandDims", x, 4],
      ["roll", x, 0.5],
      ["repeat", x, -1],
      ["oneHot", tensor(new Int32Array(2)), 0],
      ["oneHot", tensor(new Int32Array(2)), 2, { dtype: "x" }],
      ["meshGrid", tensor([1]), 3, 4],
      ["gather", x, 0, ones([2, 2])],
      ["cast", x, "float32"],
    ];
    for (const [name, ...args] of cases)
      expectTyped(await thrown(() => call(name, ...args)), name, `${name}(${args.slice(1).map(String).join(", ")})`);
  });

  test("functions where functions belong", () => {
    for (const name of ["scope", "jit"]) expect(() => call(name, 3)).toThrow(`${name}: expects a function`);
    expect(() => call("withDevice", "wasm", 3)).toThrow(ParameterError);
    expect(() => call("withDevice", "tpu", () => 1)).toThrow(ParameterError);
  });
});

describe("creation", () => {
  test.each(["zeros", "ones", "rand", "randn"])("%s refuses sizes that are none", async (name) => {
    for (const shape of [[-1], [1.5], [Number.NaN], [Infinity], ["2"], [2n], 3, null, undefined, new Array(1)]) {
      const error = await thrown(() => call(name, shape));
      expect(error, `${name}(${String(shape)})`).toBeInstanceOf(ShapeError);
      expectTyped(error, name, name);
    }
  });

  test("tensor: ragged, sparse, textual, 64-bit and mistaken data", async () => {
    const bad = [[[1], [1, 2]], [1, [2]], [[1], 2], "12", [1, "2"], [null], null, undefined, {}, new Array(3), [1n]];
    for (const data of bad)
      expectTyped(await thrown(() => call("tensor", data)), "tensor", JSON.stringify(typeof data));
    expect(() => call("tensor", new BigInt64Array(2))).toThrow(DTypeError);
    expect(() => call("tensor", new DataView(new ArrayBuffer(8)))).toThrow(DTypeError);
    expect(() => call("tensor", [1, 2], { shape: [3] })).toThrow("tensor: 2 elements do not fill shape [3]");
    expect(() => call("tensor", [1], { dtype: "f8" })).toThrow(DTypeError);
    expect(() => call("tensor", [1], null)).toThrow(ParameterError);
    expect(() => call("tensor", ones([1]))).toThrow("the data is a tensor already");
  });

  test("sequences that never end or never fit", () => {
    for (const args of [[0, 1, 0], [0, Infinity], [Number.NaN], ["3"]])
      // prettier-ignore
      expect(() => call("arange", ...args)).toThrow(ParameterError);
    expect(() => call("linspace", 0, 1, -1)).toThrow(ParameterError);
    for (const body of [
      () => athanor.arange(2 ** 40),
      () => athanor.linspace(0, 1, 2 ** 40),
      () => athanor.eye(2 ** 20),
    ])
      expect(body).toThrow(/needs .* GiB, and a tensor can have at most 4\.0 GiB/);
  });
});

describe("disposed tensors", () => {
  const gone = (): Tensor => {
    const x = ones([2, 2]);
    x.dispose();
    x.dispose();
    return x;
  };

  test("every way to use a disposed tensor says so under its own name", async () => {
    const x = ones([2, 2]);
    const uses: readonly (readonly [string, (d: Tensor) => unknown])[] = [
      ...[...folds, ...alongOne, ...shapers].map((name) => [name, (d: Tensor) => call(name, d)] as const),
      ["add", (d) => x.add(d)],
      ["matmul", (d) => matmul(x, d)],
      ["concat", (d) => athanor.concat([x, d])],
      ["where", (d) => athanor.where(x.greater(0), d, 1)],
      ["take", (d) => athanor.take(x, d)],
      ["einsum", (d) => athanor.einsum("ij,jk", x, d)],
      ["eigh", (d) => linalg.eigh(d)],
      ["onesLike", (d) => athanor.onesLike(d)],
      ["data", (d) => d.data()],
      ["data", (d) => d.toArray()],
      ["dataSync", (d) => d.dataSync()],
      ["evaluate", (d) => evaluate(x, d)],
      ["explain", (d) => explain([x.add(1), d])],
      ["jit", (d) => jit((a: Tensor) => a.add(1))(d)],
      ["mul", (d) => grad((a: Tensor) => a.mul(d).sum())(x)],
    ];
    for (const [name, use] of uses) {
      const error = await thrown(() => use(gone()));
      expect(error, `${name}: ${String(error)}`).toBeInstanceOf(DisposedError);
      expectTyped(error, name, name);
      expect(String(error)).toContain("was disposed. Keep it");
    }
    expect(await thrown(() => grad((a: Tensor) => a.sum())(gone()))).toBeInstanceOf(DisposedError);
    expect(await thrown(() => gone().item())).toBeInstanceOf(athanor.AthanorError);
  });
});

describe("ranks", () => {
  test("nine axes are refused, eight work in every family", async () => {
    const nine = new Array<number>(9).fill(1);
    const x = ones([2, 1, 2, 1, 2, 1, 2, 1]);
    for (const body of [
      () => zeros(nine),
      () => x.reshape(...nine, 16),
      () => x.expandDims(0),
      () => athanor.stack([x, x]),
      () => athanor.tile(x, nine),
      () => x.broadcastTo(nine),
      () => athanor.take(x, tensor(new Int32Array(4), { shape: [2, 2] })),
      () => tensor([[[[[[[[[1]]]]]]]]]),
    ])
      expect(body).toThrow(/at most 8 axes are supported/);
    expect(
      await x
        .add(x.permute(7, 6, 5, 4, 3, 2, 1, 0))
        .sum()
        .item(),
    ).toBe(512);
    expect(await x.cast("i32").max({ axis: [0, 2, 5] }).data()).toEqual(new Int32Array(4).fill(1)); // prettier-ignore
    expect(await matmul(x, x.T).sum().item()).toBe(32);
    expect((await athanor.concat([x, x], { axis: 7 }).data()).length).toBe(32);
    expect((await grad((a: Tensor) => athanor.softmax(a, { axis: 2 }).square().sum())(x).data()).length).toBe(16);
  });
});

describe("odd but legal values", () => {
  test("NaN and infinities through every reduction, as NumPy has it", async () => {
    const x = tensor([
      [1, Number.NaN, -2],
      [Infinity, 1, -Infinity],
      [Infinity, 2, 3],
    ]);
    const { NaN: n, POSITIVE_INFINITY: i } = Number;
    const expected: Readonly<Record<string, readonly number[]>> = {
      sum: [n, n, i],
      mean: [n, n, i],
      prod: [n, -i, i],
      max: [n, i, i],
      min: [n, -i, 2],
      variance: [n, n, n],
      std: [n, n, n],
      norm: [n, i, i],
      logSumExp: [n, i, i],
      argMax: [1, 0, 0],
      argMin: [1, 2, 1],
      all: [1, 1, 1],
      any: [1, 1, 1],
    };
    for (const [name, values] of Object.entries(expected)) {
      const data = await (call(name, x, { axis: 1 }) as Tensor).data();
      expect(Array.from(data), name).toEqual(values);
    }
    expect(await x.sum().item()).toBeNaN();
    expect(await (call("argMax", x) as Tensor).item()).toBe(1);
  });

  test("no elements: the neutral element where there is one, a ShapeError where there is none", async () => {
    const x = zeros([0, 3]);
    const neutral: Readonly<Record<string, number>> = { sum: 0, prod: 1, mean: Number.NaN, all: 1, any: 0, norm: 0, logSumExp: -Infinity, variance: Number.NaN }; // prettier-ignore
    for (const [name, value] of Object.entries(neutral)) {
      expect(Array.from(await (call(name, x, { axis: 0 }) as Tensor).data()), name).toEqual([value, value, value]);
      expect((await (call(name, x, { axis: 1 }) as Tensor).data()).length, name).toBe(0);
    }
    for (const name of ["max", "min", "argMax", "argMin"]) {
      expect(() => call(name, x, { axis: 0 }), name).toThrow(ShapeError);
      expect((await (call(name, x, { axis: 1 }) as Tensor).data()).length, name).toBe(0);
    }
  });

  test("no elements in every family: an empty result or a typed error", async () => {
    const x = zeros([0, 3]);
    const images = zeros([0, 4, 4, 2]);
    const results: readonly (readonly [() => Tensor, readonly number[]])[] = [
      [() => athanor.concat([x, ones([2, 3])]), [2, 3]],
      [() => athanor.stack([x, x]), [2, 0, 3]],
      [() => x.T, [3, 0]],
      [() => x.reshape(3, -1), [3, 0]],
      [() => athanor.pad(x, [[1, 1], [0, 0]]), [2, 3]], // prettier-ignore
      [() => athanor.tile(x, [2, 2]), [0, 6]],
      [() => athanor.repeat(x, 3, { axis: 1 }), [0, 9]],
      [() => athanor.roll(x, 1), [0, 3]],
      [() => athanor.flip(x), [0, 3]],
      [() => athanor.cumSum(x), [0, 3]],
      [() => athanor.softmax(x), [0, 3]],
      [() => athanor.softmax(x, { axis: 0 }), [0, 3]],
      [() => athanor.take(ones([3]), []), [0]],
      [() => matmul(x, ones([3, 2])), [0, 2]],
      [() => matmul(x.T, x), [3, 3]],
      [() => athanor.einsum("ij,ik->jk", x, x), [3, 3]],
      [() => athanor.outer(zeros([0]), ones([2])), [0, 2]],
      [() => athanor.conv2d(images, ones([3, 3, 2, 5])), [0, 2, 2, 5]],
      [() => athanor.maxPool2d(images, { window: 2 }), [0, 2, 2, 2]],
      [() => athanor.globalAveragePool2d(images), [0, 2]],
      [() => athanor.triu(x), [0, 3]],
      [() => athanor.diag(zeros([0])), [0, 0]],
      [() => linalg.eigh(zeros([0, 2, 2])).values, [0, 2]],
      [() => linalg.eigh(zeros([0, 0])).vectors, [0, 0]],
      [() => athanor.oneHot(tensor(new Int32Array(0)), 4), [0, 4]],
      [() => athanor.searchSorted(ones([3]), zeros([0])), [0]],
      [() => athanor.randn([0, 2]), [0, 2]],
      [() => grad((a: Tensor) => matmul(a, ones([3, 2])).sum())(x), [0, 3]],
      [() => grad((a: Tensor) => athanor.conv2d(images, a).sum())(ones([3, 3, 2, 5])), [3, 3, 2, 5]],
      [() => jit((a: Tensor) => a.add(1).sum({ axis: 0 }))(x), [3]],
    ];
    for (const [make, shape] of results) {
      const result = make();
      expect(result.shape, String(make)).toEqual(shape);
      expect((await result.data()).length, String(make)).toBe(result.size);
    }
    expect(await zeros([0]).toArray()).toEqual([]);
    expect(await thrown(() => zeros([0]).item())).toBeInstanceOf(ShapeError);
  });

  test("scalars have no axes but everything else", async () => {
    const x = tensor(3);
    expect(await x.item()).toBe(3);
    expect(await x.sum().item()).toBe(3);
    expect(x.reshape(1, 1).shape).toEqual([1, 1]);
    expect(x.T).toBe(x);
    expect(() => x.sum({ axis: 0 })).toThrow("axis 0 does not exist in a tensor of 0 axes: a scalar has no axes");
    expect(() => matmul(x, x)).toThrow("matmul: a is a scalar");
    expect(await grad((a: Tensor) => a.square())(x).item()).toBe(6);
  });

  test("eigenvalues of NaN are refused at the read", async () => {
    const { values } = linalg.eigh(athanor.full([3, 3], Number.NaN));
    await expect(values.data()).rejects.toThrow(
      new athanor.LinAlgError("eigh", "the matrix holds NaN or infinity. isFinite(a) shows where"),
    );
    expect(await tensor([1, 2]).sum().item()).toBe(3);
  });
});
