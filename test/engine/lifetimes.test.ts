// Who holds what, and for how long: disposal while work is pending or waiting, loops of every kind that must stay flat,
// finalizers that get their turn, and processes that end by themselves. On the CPU.
// Read next: devices.test.ts for the same with a GPU beside; bindings/graph/node.ts for the counts.
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  AthanorError,
  BackendError,
  defaultEngine,
  evaluate,
  explain,
  grad,
  init,
  jit,
  matmul,
  memory,
  ones,
  outer,
  pad,
  scope,
  tensor,
  valueAndGrad,
  vjp,
  withDevice,
  zeros,
} from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";

const live = (): number => memory().wasm?.inUse ?? -1;
const reserved = (): number => memory().wasm?.reserved ?? -1;

const ramp = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index)),
    { shape },
  );

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

describe("disposal", () => {
  test("twice, and through using's symbol", () => {
    const x = ones([2]);
    x.dispose();
    x.dispose();
    expect(x.isDisposed).toBe(true);
    const y = ones([2]);
    (y as { [Symbol.dispose]?: () => void })[Symbol.dispose]?.();
    expect(() => {
      y.dispose();
    }).not.toThrow();
  });

  test("while a read, an evaluation or an explanation of it waits", async () => {
    const x = ramp(4);
    const reads = [x.add(1), x.mul(2)].map((y) => {
      const data = y.data();
      y.dispose();
      return data;
    });
    const z = x.sub(1);
    const evaluated = evaluate(z, x);
    z.dispose();
    const w = x.exp();
    const explained = explain(w).catch((error: unknown) => error);
    w.dispose();
    x.dispose();
    expect((await Promise.all(reads)).map((data) => data.length)).toEqual([4, 4]);
    await evaluated;
    // Either it was in time or it says what happened.
    const explanation = await explained;
    if (explanation instanceof Error) expect(explanation).toBeInstanceOf(AthanorError);
  });

  test("of the source of a view, pending, read or stored", async () => {
    const x = ramp(2, 3);
    const views = [x.T, x.reshape(6), x.slice([0], [1]), x.expandDims(0), x.broadcastTo([2, 2, 3]), x.flatten()];
    const expected = await Promise.all(views.map((view) => view.data()));
    x.dispose();
    for (const [index, view] of views.entries()) expect(await view.add(0).data()).toEqual(expected[index]);
    const y = ramp(2, 3);
    const view = y.T;
    y.dispose();
    expect(await view.data()).toEqual(expected[0]);
  });

  test("of a result that is its operand does not take the operand", async () => {
    const x = ramp(2, 2);
    for (const same of [x.reshape(2, 2), x.cast("f32"), x.slice([0]), x.broadcastTo([2, 2]), x.permute(0, 1)]) {
      same.dispose();
      expect(x.isDisposed).toBe(false);
    }
    expect((await x.data()).length).toBe(4);
  });

  test("of what jit captured, of donated arguments, of one tensor given twice", async () => {
    const add = jit((a: Tensor, b: Tensor) => [a.add(b), a] as const);
    const x = ramp(3);
    const [sum, same] = add(x, x);
    x.dispose();
    expect(await sum.data()).toEqual((await same.mul(2).data()) as Float32Array);
    const eat = jit((a: Tensor, b: Tensor) => a.mul(b), { donate: [0, 1] });
    const y = tensor([3]);
    expect(await eat(y, y).item()).toBe(9);
    expect(y.isDisposed).toBe(true);
    add.dispose();
    expect(await add(tensor([1]), tensor([2]))[0].item()).toBe(3);
  });

  test("by scopes: results, nested results and results of outer scopes stay", async () => {
    let outer: Tensor | undefined;
    const kept = scope(() => {
      outer = ramp(2);
      const inner = scope(() => ({ deep: [outer?.add(1)], again: outer }));
      return [inner.deep[0], jit((a: Tensor) => scope(() => grad((b: Tensor) => b.square().sum())(a)))(ramp(2))];
    });
    expect(outer?.isDisposed).toBe(true);
    expect(await Promise.all(kept.map(async (t) => (await t?.data())?.length))).toEqual([2, 2]);
  });
});

describe("loops stay flat", () => {
  test("10,000 eager ops with dispose, reading now and then", () => {
    const x = ramp(64);
    x.add(1).dataSync();
    const before = live();
    for (let index = 0; index < 10_000; index++) {
      const y = x.add(index);
      if (index % 10 === 0) y.dataSync();
      y.dispose();
    }
    expect(live()).toBe(before);
  });

  test("2,000 compiled training steps with a loss that is read", () => {
    const x = ramp(8, 4);
    const step = jit(
      (w: Tensor, rate: number) => {
        const [loss, dw] = valueAndGrad((v: Tensor) => matmul(x, v).square().mean())(w);
        return [w.sub(dw.mul(rate)), loss] as const;
      },
      { donate: [0] },
    );
    let [w, loss] = step(ramp(4, 2), 0.1);
    const before = live();
    let last = Infinity;
    for (let index = 0; index < 2000; index++) {
      const next = step(w, 0.1 / (1 + index));
      if (index % 500 === 0) {
        const value = next[1].dataSync()[0] ?? Number.NaN;
        expect(value).toBeLessThan(last);
        last = value;
      }
      loss.dispose();
      [w, loss] = next;
    }
    expect(live()).toBe(before);
    expect(step.traces).toBe(1);
  });

  test("ever-new shapes: plans and their memory are bounded", () => {
    const round = (from: number, count: number): void => {
      for (let size = from; size < from + count; size++) {
        const x = ones([size]);
        const y = x.add(size).exp();
        y.dataSync();
        x.dispose();
        y.dispose();
      }
    };
    round(1, 600);
    const [inUse, taken] = [live(), reserved()];
    round(601, 600);
    expect(live()).toBe(inUse);
    // The tensors themselves have grown to 1200 elements; 256 plans stay as they were.
    expect(reserved() - taken).toBeLessThan(128 * 1024);
  });

  test("a chain without reads, in and out of scopes and of transforms, is run on the way", () => {
    const before = live();
    const total = scope(() => {
      let x: Tensor = zeros([16]);
      for (let index = 0; index < 3000; index++) x = x.add(1);
      return x;
    });
    expect(total.dataSync()[15]).toBe(3000);
    const slope = grad((a: Tensor) => {
      let x = a;
      for (let index = 0; index < 700; index++) x = x.mul(1);
      return x.sum();
    })(ones([4]));
    expect([...slope.dataSync()]).toEqual([1, 1, 1, 1]);
    total.dispose();
    slope.dispose();
    expect(live()).toBe(before);
  });

  test("awaiting in a tight loop lets finalizers run: memory stays bounded without dispose", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const x = ramp(25_000);
    await x.data();
    const before = live();
    let most = 0;
    // Each result holds 100 kB. Nothing here lets the event loop turn but the reads themselves.
    for (let index = 0; index < 1500; index++) {
      await x.add(index).data();
      if (index % 100 === 0) collect();
      most = Math.max(most, live() - before);
    }
    expect(most).toBeLessThan(100_000 * 1200);
    collect();
    await new Promise((done) => setTimeout(done, 20));
    collect();
    await new Promise((done) => setTimeout(done, 20));
    expect(live() - before).toBeLessThan(100_000 * 50);
  });
});

describe("more memory than there is", () => {
  test.each<[string, () => Tensor]>([
    ["add", () => zeros([1310720, 1024]).add(1)],
    ["matmul", () => matmul(ones([40_000, 1]), ones([1, 40_000]))],
    ["mul", () => outer(ones([100_000]), ones([100_000]))],
    ["copy", () => tensor([1]).broadcastTo([2 ** 40, 2 ** 40])],
    ["assemble", () => pad(tensor([1]), [[2 ** 31, 0]])],
  ])("%s of gigabytes: refused with the size and a way out, and nothing is kept", async (op, make) => {
    const before = live();
    const big = make();
    for (const read of [() => big.data(), () => big.dataSync(), () => evaluate(big), () => explain(big)]) {
      const error = await thrown(read);
      expect(error).toBeInstanceOf(BackendError);
      expect(String(error)).toMatch(/out of memory on wasm: asked for [\d.]+ [GT]iB.*Dispose tensors/);
      expect(String(error)).toContain(op);
    }
    big.dispose();
    // Constants of the host and the numbers of plans are not tensors; what the run had taken is back.
    expect(live() - before).toBeLessThanOrEqual(64);
  });

  test("one that does not fit does not spoil what is read beside it", async () => {
    const big = zeros([1310720, 1024]).add(1);
    const [lost, kept] = await Promise.allSettled([big.data(), tensor([1, 2]).mul(3).data()]);
    expect(lost.status).toBe("rejected");
    expect(kept).toMatchObject({ status: "fulfilled", value: Float32Array.of(3, 6) });
  });
});

describe("stacks stay clean", () => {
  test("an exception inside scope, grad, jit and withDevice leaves no trace", async () => {
    const x = ones([4]);
    x.add(1).dataSync();
    const before = live();
    const mine = new Error("mine");
    const fail = (): never => {
      throw mine;
    };
    const bodies: readonly (() => unknown)[] = [
      () => scope(() => (x.add(1).dataSync(), fail())),
      () => grad((a: Tensor) => (a.mul(2), fail()))(x),
      () => jit((a: Tensor) => (a.mul(2), fail()))(x),
      () => withDevice("wasm", fail),
      () => scope(() => grad((a: Tensor) => jit((b: Tensor) => (b.exp(), fail()))(a))(x)),
      () => vjp((a: Tensor) => (a.mul(2), fail()), x),
    ];
    for (const body of bodies) expect(body).toThrow(mine);
    const engine = defaultEngine();
    expect([engine.isTransforming, engine.scopes.isOpen, engine.trace, engine.preferred]).toEqual([false, false, undefined, undefined]); // prettier-ignore
    expect(live()).toBe(before);
    expect(await grad((a: Tensor) => a.square().sum())(x).toArray()).toEqual([2, 2, 2, 2]);
  });
});

describe("a process that used the engine", () => {
  const folder = resolve("node_modules/.cache/athanor/tests", `lifetimes-${String(process.pid)}`);
  const run = promisify(execFile);

  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
    await build({
      entryPoints: [resolve("bindings/index.ts")],
      outfile: resolve(folder, "athanor.mjs"),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      logLevel: "error",
    });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs a program beside the bundle; with `gpu: false`, where Node's WebGPU finds no driver. */
  async function program(body: string, gpu: boolean): Promise<string> {
    const env = { ...process.env };
    if (!gpu) {
      for (const name of ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]) env[name] = "/nowhere.json";
    }
    const source = `import * as athanor from ${JSON.stringify(resolve(folder, "athanor.mjs"))};\n${body}`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", source], { env, timeout: 30_000 });
    return stdout.trim();
  }

  const use = "console.log(await athanor.tensor([1, 2]).add(1).sum().item());";

  test.each([
    ["without a GPU", use, false],
    ["without a GPU, after shutdown", `${use} await athanor.shutdown();`, false],
    ["with a GPU", `await athanor.init({ tune: "off" }); ${use}`, true],
    ["with a GPU, after shutdown", `await athanor.init({ tune: "off" }); ${use} await athanor.shutdown();`, true],
    [
      "after shutdown and a second start",
      `${use} await athanor.shutdown(); ${use.replace("console.log", "void ")}`,
      false,
    ],
  ])("ends by itself %s", async (_, body, gpu) => {
    expect(await program(body, gpu)).toBe("5");
  });

  test("init({ webgpu: 'require' }) without an adapter is refused, and the next init works", async () => {
    const body = `
      try { await athanor.init({ webgpu: "require", tune: "off" }); }
      catch (error) { console.log(error instanceof athanor.BackendError, error.message); }
      await athanor.init({ webgpu: "auto", tune: "off" });
      try { athanor.withDevice("webgpu", () => 1); }
      catch (error) { console.log(error instanceof athanor.BackendError, error.message); }
      ${use}`;
    const lines = (await program(body, false)).split("\n");
    expect(lines[0]).toMatch(
      /^true init: no WebGPU device: .+ Use init\(\{ webgpu: "auto" \}\) to run on the CPU instead$/,
    );
    expect(lines[1]).toMatch(/^true withDevice: webgpu is not in use here/);
    expect(lines[2]).toBe("5");
  });
});
