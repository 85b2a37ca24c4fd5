// Two devices under one graph: reads in any order, plans that wait, what cannot be read at once, what does not fit, and
// a GPU that goes away in the middle of work. Runs on the software GPU that the test command unpacks.
// Read next: test/webgpu for the backend alone; bindings/engine/run.ts.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  BackendError,
  concat,
  createEngine,
  defaultEngine,
  einsum,
  evaluate,
  explain,
  grad,
  init,
  jit,
  linalg,
  matmul,
  memory,
  ones,
  scope,
  shutdown,
  sin,
  tensor,
  useEngine,
  withDevice,
  zeros,
} from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { watchedGPU } from "./watched-gpu.ts";

const watched = watchedGPU();

const gpu = <T>(body: () => T): T => withDevice("webgpu", body);
const ramp = (): Tensor =>
  tensor(
    Float32Array.from({ length: 64 }, (_, index) => Math.sin(index)),
    { shape: [8, 8] },
  );
const inUse = (): number => (memory().wasm?.inUse ?? 0) + (memory().webgpu?.inUse ?? 0);
const firstOf = async (x: Tensor): Promise<number | undefined> => (await x.data())[1];

/** Waits until the engine has noticed that its device is gone. */
async function lose(): Promise<void> {
  watched.device.destroy();
  await vi.waitFor(() => {
    expect(defaultEngine().backends.has("webgpu")).toBe(false);
  });
}

beforeAll(() => init({ webgpu: "require", tune: "off" }));
afterAll(() => shutdown());

/** Values on both devices that need each other: f32 on the GPU, f64 and an eigenproblem on the CPU. */
function mixture(x: Tensor): Tensor[] {
  const waves = gpu(() => sin(x.mul(2)));
  const sums = waves.cast("f64").sum({ axis: 0 });
  const product = gpu(() => matmul(waves, x));
  const values = linalg.eigvalsh(matmul(product, product.T).cast("f64"));
  return [waves, sums, product, values, values.cast("f32").add(gpu(() => product.sum())), sums.mul(2)];
}

const lists = (arrays: readonly (ArrayLike<number> | undefined)[]): number[][] =>
  arrays.map((array) => Array.from(array ?? []));

describe("mixed graphs", () => {
  test("give the same values in whatever order they are read, together, in one plan or between disposals", async () => {
    const x = ramp();
    const expected = lists(await Promise.all(mixture(x).map((t) => t.data())));
    expect(expected.map((list) => list.length)).toEqual([64, 8, 64, 8, 8, 8]);
    for (const stride of [1, 5]) {
      for (let start = 0; start < 6; start += 2) {
        const tensors = mixture(x);
        const got: ArrayLike<number>[] = [];
        for (let index = 0; index < 6; index++) {
          const at = (start + index * stride) % 6;
          got[at] = (await tensors[at]?.data()) ?? [];
          tensors[at]?.dispose();
        }
        expect(lists(got)).toEqual(expected);
      }
    }
    const together = mixture(x);
    await evaluate(...together);
    const read = together.map((t) => t.data());
    for (const t of together) t.dispose();
    expect(lists(await Promise.all(read))).toEqual(expected);
  });

  test("agree with the CPU alone", async () => {
    const alone = withDevice("wasm", () => linalg.eigvalsh(matmul(sin(ramp().mul(2)), ramp()).cast("f64")));
    const mixed = linalg.eigvalsh(gpu(() => matmul(sin(ramp().mul(2)), ramp())).cast("f64"));
    const [a, b] = lists(await Promise.all([alone.data(), mixed.data()]));
    a?.forEach((value, index) => {
      expect(b?.[index]).toBeCloseTo(value, 4);
    });
  });

  test("dataSync, dispose and new plans while a run waits do not disturb it", async () => {
    // Whole numbers, so that both devices compute the same bits.
    const x = tensor(
      Float32Array.from({ length: 64 }, (_, index) => ((index * 7) % 5) - 2),
      { shape: [8, 8] },
    );
    const once = (): Tensor => linalg.eigvalsh(gpu(() => matmul(x, x.T)).cast("f64")).mul(3);
    const expected = lists([await once().data()]);
    const waiting = once();
    const read = waiting.data();
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    // More plans than the cache holds: the one that waits must not lose its programs.
    for (let size = 1; size < 300; size++) scope(() => ones([size]).add(size).exp().dataSync());
    expect(lists([waiting.dataSync()])).toEqual(expected);
    waiting.dispose();
    x.dispose();
    expect(lists([await read])).toEqual(expected);
  });

  test("an unread chain that has to wait for the GPU goes on growing and is right", async () => {
    const source = gpu(() => ramp().mul(2));
    await evaluate(source);
    let x = source.cast("f64");
    for (let index = 0; index < 1200; index++) x = x.add(1);
    expect(await firstOf(x)).toBeCloseTo(1200 + 2 * Math.sin(1), 4);
  });

  test("explain names both devices and the transfers between them", async () => {
    const text = String(await explain(mixture(ramp())));
    for (const part of ["webgpu", "wasm", "matmul", "eigvalsh", "moved"]) expect(text).toContain(part);
  });
});

describe("jit on two devices", () => {
  test("a plan that must wait, arguments only on the GPU, and pending arguments that wait", async () => {
    const x = ramp();
    const f = jit((a: Tensor) =>
      linalg
        .eigvalsh(gpu(() => matmul(a, a.T)).cast("f64"))
        .cast("f32")
        .add(a.sum()),
    );
    const plain = lists([await linalg.eigvalsh(matmul(x, x.T)).add(x.sum()).data()]);
    for (let round = 0; round < 2; round++) {
      const [got] = lists([await f(x).data()]);
      plain[0]?.forEach((value, index) => {
        expect(got?.[index]).toBeCloseTo(value, 3);
      });
    }
    const double = jit((a: Tensor) => a.cast("f64").mul(2));
    const far = gpu(() => x.mul(3));
    await evaluate(far);
    expect(await firstOf(double(far))).toBeCloseTo(6 * Math.sin(1), 5);
    expect(await firstOf(double(gpu(() => far.add(1))))).toBeCloseTo(6 * Math.sin(1) + 2, 5);
    const pending = linalg.eigvalsh(gpu(() => matmul(far, far.T)).cast("f64"));
    const expected = await firstOf(linalg.eigvalsh(gpu(() => matmul(far, far.T)).cast("f64")));
    expect(await firstOf(double(pending))).toBeCloseTo(2 * (expected ?? Number.NaN), 5);
  });

  test("grad inside jit inside grad, on the GPU", async () => {
    const cube = (a: Tensor): Tensor => gpu(() => a.square().mul(a).sum());
    const slope = jit((a: Tensor) => grad(cube)(a));
    const x = tensor([1, 2, 3]);
    expect(lists([await slope(x).data()])).toEqual([[3, 12, 27]]);
    expect(lists([await grad((a: Tensor) => slope(a).sum())(x).data()])).toEqual([[6, 12, 18]]);
  });
});

describe("the limits of a GPU", () => {
  test("it cannot be read at once: the error says what to do", async () => {
    const x = gpu(() => ramp().mul(2));
    expect(x.dataSync().length).toBe(64); // pending work with its inputs on the host is done on the CPU
    const far = gpu(() => ramp().mul(2));
    await evaluate(far);
    expect(() => far.dataSync()).toThrow(BackendError);
    expect(() => far.dataSync()).toThrow("dataSync: the tensor lives on webgpu, which cannot be read without waiting");
    expect(() => far.add(1).dataSync()).toThrow("dataSync: an operand lives on webgpu");
    expect((await far.data()).length).toBe(64);
  });

  test("five gigabytes are refused with name, size and advice; nothing is kept and the engine goes on", async () => {
    const before = inUse();
    const big = [gpu(() => zeros([1310720, 1024]).add(1)), gpu(() => matmul(ones([40_000, 1]), ones([1, 40_000])))];
    for (const [index, name] of ["add", "matmul"].entries()) {
      const error = await big[index]?.data().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BackendError);
      expect(String(error)).toMatch(/a buffer of [\d.]+ GiB is more than this GPU allows.*withDevice\("wasm"/);
      expect(String(error)).toContain(name);
      big[index]?.dispose();
    }
    expect(inUse()).toBeLessThanOrEqual(before);
    expect(await firstOf(gpu(() => ramp().add(1)))).toBeCloseTo(1 + Math.sin(1), 5);
  });

  test("tensors beyond all measure are refused without being cut into pieces first", async () => {
    for (const shape of [
      [2 ** 30, 2 ** 30, 2 ** 30],
      [10 ** 6, 10 ** 6],
    ]) {
      const big = gpu(() => ones(shape).mul(2));
      await expect(big.data()).rejects.toThrow(/^mul: a buffer of .* is more than this GPU allows/);
      big.dispose();
    }
  });

  test("a fold over more elements than a shader counts is done by the CPU", async () => {
    const total = gpu(() => ones([2 ** 31]).sum());
    const { kernels } = await explain(total);
    expect(kernels.map(({ device, fallback }) => [device, fallback])).toEqual([
      ["wasm", "a shader counts 2146435072 elements at most, these are 2147483648"],
    ]);
    expect(await total.data()).toEqual(Float32Array.of(2 ** 31));
  });

  test("500 reads are flat", async () => {
    const x = ramp();
    const round = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const y = gpu(() => x.add(index));
        await y.data();
        y.dispose();
      }
    };
    await round(5);
    const [before, reserved] = [memory().webgpu?.inUse, memory().webgpu?.reserved];
    await round(500);
    // Finalizers of earlier tests may have made it less.
    expect(memory().webgpu?.inUse).toBeLessThanOrEqual(before ?? -1);
    expect(memory().webgpu?.reserved).toBe(reserved);
  });
});

describe("two engines", () => {
  test("tensors of two engines do not mix, under the name of the op", async () => {
    const x = ones([2, 2]);
    const other = createEngine({ webgpu: "off", tune: "off" });
    const before = useEngine(other);
    const y = ones([2, 2]);
    useEngine(before);
    const mixes: readonly (readonly [string, () => unknown])[] = [
      ["add", () => x.add(y)],
      ["matmul", () => matmul(x, y)],
      ["concat", () => concat([x, y])],
      ["einsum", () => einsum("ij,jk", x, y)],
      ["evaluate", () => evaluate(x, y)],
      ["explain", () => explain([x.add(1), y])],
      ["jit", () => jit((a: Tensor, b: Tensor) => a.add(b))(x, y)],
      ["mul", () => grad((a: Tensor) => a.mul(y).sum())(x)],
    ];
    for (const [name, mix] of mixes) {
      const error = await Promise.resolve(null)
        .then(mix)
        .catch((reason: unknown) => reason);
      expect(error, name).toBeInstanceOf(BackendError);
      expect(String(error)).toContain(`${name}: a tensor belongs to another engine. Copy it`);
    }
    expect(await y.add(1).sum().item()).toBe(8);
    await other.shutdown();
  });
});

describe("two engines on GPUs", () => {
  test("have a device each: one goes on after the other was shut down", async () => {
    const own = watched.device;
    const other = createEngine({ webgpu: "require", tune: "off" });
    const before = useEngine(other);
    await other.ready();
    watched.device = own;
    const there = gpu(() => ramp().mul(2));
    const theirs = await there.data();
    useEngine(before);
    const here = gpu(() => ramp().mul(2));
    expect(await here.data()).toEqual(theirs);
    expect(other.backends.get("webgpu")).not.toBe(before?.backends.get("webgpu"));
    await other.shutdown();
    expect(await gpu(() => here.add(1)).data()).toEqual(theirs.map((value) => value + 1));
  });
});

describe("a lost GPU", () => {
  test("takes what was only there with it; everything else goes on, on the CPU", async () => {
    const x = ramp();
    const only = gpu(() => x.mul(5));
    await evaluate(only);
    const below = gpu(() => only.add(1));
    const waiting = gpu(() => x.add(7));
    const plain = jit((a: Tensor) => a.mul(2).add(1));
    const hinted = jit((a: Tensor) => gpu(() => a.mul(2)));
    for (const f of [plain, hinted]) await f(x).data();
    const holding = jit((a: Tensor) => a.add(only));
    await holding(x).data();

    const flying = [only.data(), gpu(() => only.mul(2)).data(), x.mul(3).data()].map((read) =>
      read.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    watched.device.destroy();
    for (const outcome of await Promise.all(flying)) {
      if (outcome !== undefined) expect(outcome).toBeInstanceOf(BackendError);
    }
    await lose();

    for (const gone of [
      () => only.data(),
      () => below.data(),
      () => only.add(2).data(),
      () => evaluate(only.exp()),
      () => explain(only.exp()),
      () => grad((a: Tensor) => a.square().sum())(only).data(),
      () => plain(only).data(),
    ])
      // prettier-ignore
      await expect(gone()).rejects.toThrow(/was lost/);
    expect(() => only.dataSync()).toThrow("dataSync: the data was on webgpu, which was lost");
    expect(() => below.dataSync()).toThrow("was lost");

    const one = Math.sin(1);
    expect(await firstOf(waiting)).toBeCloseTo(one + 7, 5);
    expect(await firstOf(x.add(1))).toBeCloseTo(one + 1, 5);
    expect(await firstOf(plain(x))).toBeCloseTo(2 * one + 1, 5);
    expect(await firstOf(hinted(x))).toBeCloseTo(2 * one, 5);
    expect(() => gpu(() => x.add(1))).toThrow("withDevice: webgpu is not in use here");
    expect(Object.keys(memory())).toEqual(["wasm"]);
    const report = await init();
    expect(report.devices.find(({ name }) => name === "webgpu")).toMatchObject({ used: false });
    expect(String(report)).toContain("lost while it was in use");
    for (const t of [only, below, waiting]) t.dispose();

    await shutdown();
    expect((await init({ webgpu: "require", tune: "off" })).devices.every(({ used }) => used)).toBe(true);
    expect(await firstOf(gpu(() => ramp().add(1)))).toBeCloseTo(one + 1, 5);
    await expect(x.add(1).data()).rejects.toThrow("the engine of this tensor was shut down");
  });
});
