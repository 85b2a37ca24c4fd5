// The engine as users meet it: reading, memory, scopes, jit, errors. One default engine, on the CPU.
// Read next: bindings/engine/engine.ts.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import {
  createEngine,
  defaultEngine,
  grad,
  init,
  jit,
  matmul,
  memory,
  ParameterError,
  scope,
  tensor,
  useEngine,
  valueAndGrad,
  zeros,
} from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";

const live = (): number => memory().wasm?.inUse ?? -1;

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});

afterEach(() => {
  expect(athanor.checkGuards()).toBe(0);
});

describe("reading", () => {
  test("results that share work may be read in any order", async () => {
    const build = (): Tensor[] => {
      const h = matmul(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        tensor([
          [1, 1],
          [0, 1],
        ]),
      );
      return [h.sum(), h.mul(2), h.T.add(h), h.max()];
    };
    const forward = await Promise.all(build().map((t) => t.toArray()));
    const list = build();
    const backward: unknown[] = [];
    for (const index of [3, 1, 0, 2]) backward[index] = await list[index]?.toArray();
    expect(backward).toEqual(forward);
    expect(forward[0]).toBe(14);
  });

  test("a matmul that two results need runs once", async () => {
    const h = matmul(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([
        [1, 1],
        [0, 1],
      ]),
    );
    await h.sum().data();
    expect(defaultEngine().valueOf(h, "test").isStored).toBe(true);
  });

  test("dataSync reads at once on the CPU", () => {
    expect([...tensor([1, 2, 3]).mul(2).dataSync()]).toEqual([2, 4, 6]);
  });

  test("zero-size tensors flow through", async () => {
    expect(await zeros([0, 3]).add(1).toArray()).toEqual([]);
    expect(await zeros([0, 3]).sum({ axis: 0 }).toArray()).toEqual([0, 0, 0]);
    expect(await matmul(zeros([2, 0]), zeros([0, 3])).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

describe("memory", () => {
  test("10,000 ops in a synchronous loop, disposed with scope, leave nothing behind", () => {
    const x = tensor(new Float32Array(256));
    x.add(1).dataSync();
    const before = live();
    for (let index = 0; index < 2500; index++) scope(() => x.add(1).mul(2).sub(3).relu().sum().dataSync());
    expect(live()).toBe(before);
  });

  test("a loop that never reads stays small", () => {
    let x = tensor(new Float32Array(256));
    x.add(1).dataSync();
    const before = live();
    for (let index = 0; index < 10_000; index++) {
      const next = x.add(1);
      x.dispose();
      x = next;
    }
    expect(x.dataSync()[0]).toBe(10_000);
    expect(live() - before).toBeLessThanOrEqual(1024);
    x.dispose();
  });

  test("a training loop by jit and grad is flat", () => {
    const loss = (w: Tensor, x: Tensor): Tensor => matmul(x, w).square().mean();
    const step = jit((w: Tensor, x: Tensor) => w.sub(grad(loss)(w, x).mul(0.01)), { donate: [0] });
    const x = tensor(
      Float32Array.from({ length: 32 }, (_, index) => Math.sin(index)),
      { shape: [8, 4] },
    );
    let w = step(
      tensor(
        Float32Array.from({ length: 8 }, (_, index) => index / 8),
        { shape: [4, 2] },
      ),
      x,
    );
    const before = live();
    for (let index = 0; index < 2000; index++) w = step(w, x);
    expect(live()).toBe(before);
    expect(step.traces).toBe(1);
  });

  test("eager training steps in a scope are flat", () => {
    const x = tensor(
      Float32Array.from({ length: 32 }, (_, index) => Math.sin(index)),
      { shape: [8, 4] },
    );
    let w = tensor(
      Float32Array.from({ length: 8 }, (_, index) => index / 8),
      { shape: [4, 2] },
    );
    const round = (): void => {
      const next = scope(() => {
        const [value, dw] = valueAndGrad((v: Tensor) => matmul(x, v).square().mean())(w);
        const updated = w.sub(dw.mul(0.01));
        updated.dataSync();
        value.dataSync();
        return updated;
      });
      w.dispose();
      w = next;
    };
    round();
    const before = live();
    for (let index = 0; index < 300; index++) round();
    expect(live()).toBe(before);
  });
});

describe("scope and disposal", () => {
  test("keeps what is returned and frees the rest", async () => {
    let inner: Tensor | undefined;
    const kept = scope(() => {
      inner = tensor([1, 2]);
      return { y: inner.add(1) };
    });
    expect(await kept.y.toArray()).toEqual([2, 3]);
    expect(inner?.isDisposed).toBe(true);
  });

  test("refuses a promise", () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow("scope: the function returned a promise");
  });

  test("a disposed tensor names the op that met it; the engine goes on", async () => {
    const x = tensor([1, 2]);
    x.dispose();
    expect(() => x.add(1)).toThrow("add: tensor [2] f32 was disposed");
    expect(() => x.dataSync()).toThrow(athanor.DisposedError);
    expect(await tensor([1]).add(1).item()).toBe(2);
  });

  test("disposing an operand does not take it from pending work", async () => {
    const x = tensor([1, 2]);
    const y = x.mul(3);
    x.dispose();
    expect(await y.toArray()).toEqual([3, 6]);
  });
});

describe("bad input", () => {
  test("five gigabytes are refused with the size and advice, and the engine goes on", async () => {
    await expect(zeros([1310720, 1024]).add(1).data()).rejects.toThrow(/out of memory on wasm: asked for 5\.0 GiB/);
    expect(await tensor([1]).add(1).item()).toBe(2);
  });

  test("shapes that do not broadcast", () => {
    expect(() => tensor([1, 2]).add(tensor([1, 2, 3]))).toThrow("add: shapes [2] and [3] do not broadcast");
  });

  test("ragged nesting", () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(athanor.ShapeError);
  });

  test("grad of a function that is no scalar", () => {
    expect(() => grad((x: Tensor) => x.mul(2))(tensor([1, 2]))).toThrow(
      "grad: the function must return a scalar, got shape [2]",
    );
  });

  test("options after the start", async () => {
    await expect(init({ webgpu: "off" })).rejects.toThrow("init: the engine is already started");
  });

  test("a shutdown waits for reads under way", async () => {
    const engine = createEngine({ webgpu: "off", tune: "off", threads: 1 });
    const before = useEngine(engine);
    const read = tensor([1, 2]).add(1).toArray();
    await engine.shutdown();
    useEngine(before);
    expect(await read).toEqual([2, 3]);
  });

  test.each<readonly [options: unknown, message: string]>([
    [3, "init: options must be an object such as { threads: 2 }, got 3"],
    [null, "init: options must be an object such as { threads: 2 }, got null"],
    [["wasm"], 'init: options must be an object such as { threads: 2 }, got ["wasm"]'],
    [{ thread: 2 }, "init: there is no option thread. It has threads, webgpu, subgroupMatrices, simd, tune"],
    [{ webgpu: true }, 'init: webgpu must be "auto" or "off" or "require", got true'],
  ])("options that are none: %j", async (options, message) => {
    await expect(init(options as never)).rejects.toThrow(new ParameterError("init", message.slice("init: ".length)));
  });
});

describe("jit", () => {
  test("numbers are data: no retrace, no baked value", async () => {
    const f = jit((x: Tensor, s: number) => x.mul(s));
    const x = tensor([1, 2]);
    expect(await f(x, 2).toArray()).toEqual([2, 4]);
    expect(await f(x, 5).toArray()).toEqual([5, 10]);
    expect(f.traces).toBe(1);
  });

  test("trees go in and come out; a new shape is a new trace", async () => {
    const f = jit(({ a, b }: { a: Tensor; b: Tensor[] }) => ({ sum: a.add(b[0] ?? a), same: a }));
    const one = f({ a: tensor([1]), b: [tensor([2])] });
    expect([await one.sum.toArray(), await one.same.toArray()]).toEqual([[3], [1]]);
    f({ a: tensor([1, 1]), b: [tensor([2, 2])] });
    expect(f.traces).toBe(2);
  });

  test("gives what the plain function gives, gradients included", async () => {
    const loss = (w: Tensor): Tensor => matmul(w, w.T).tanh().sum();
    const w = tensor([
      [0.1, -0.2],
      [0.3, 0.4],
    ]);
    expect(await jit(grad(loss))(w).toArray()).toEqual(await grad(loss)(w).toArray());
  });

  test("captures tensors around it and survives their disposal", async () => {
    const c = tensor([10, 20]);
    const f = jit((x: Tensor) => x.add(c));
    await f(tensor([1, 2])).data();
    c.dispose();
    expect(await f(tensor([3, 4])).toArray()).toEqual([13, 24]);
    f.dispose();
  });
});
