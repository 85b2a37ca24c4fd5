// Threads of the CPU backend: the same bits for any number of them, a worker that stops, processes that end by themselves.
// The conformance suite runs every op on three threads; here is what it cannot see. Read next: ../../bindings/backends/wasm/threads.ts.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { createEngine, useEngine } from "../../bindings/engine/default.ts";
import type { Engine } from "../../bindings/engine/engine.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";

/** An engine on the CPU with this many threads, all there, that shares everything among them. */
async function engineWith(threads: number): Promise<Engine> {
  const engine = createEngine({ threads, webgpu: "off", tune: "off" });
  await engine.ready();
  const wasm = wasmOf(engine);
  expect(await wasm.threads?.joined()).toBeUndefined();
  expect(wasm.threads?.size ?? 1).toBe(threads);
  wasm.shareFrom = 0;
  return engine;
}

function wasmOf(engine: Engine): WasmBackend {
  const wasm = engine.backends.get("wasm");
  if (!(wasm instanceof WasmBackend)) throw new Error("there is no CPU backend");
  return wasm;
}

const counts = [1, 2, 3, 5];
const engines = new Map<number, Engine>();

beforeAll(async () => {
  for (const count of counts) engines.set(count, await engineWith(count));
});

afterAll(async () => {
  useEngine(undefined);
  for (const engine of engines.values()) await engine.shutdown();
});

/** Work with odd sizes, so that shares are uneven, among them sizes for which workers get nothing. */
const works: Readonly<Record<string, (random: (shape: number[]) => Tensor) => Tensor>> = {
  "matmul, many rows": (random) => athanor.matmul(random([67, 33]), random([33, 21])),
  "matmul, one row more than a tile": (random) => athanor.matmul(random([7, 300]), random([300, 19])),
  "matmul, few columns, one row left over": (random) => athanor.matmul(random([13, 300]), random([5, 300]).T),
  "matmul, one row": (random) => athanor.matmul(random([1, 300]), random([300, 37])),
  "matmul, one column": (random) => athanor.matmul(random([41, 300]), random([300, 1])),
  "matmul, turned": (random) => athanor.matmul(random([300, 7]).T, random([19, 300]).T),
  "matmul, batches": (random) => athanor.matmul(random([2, 9, 12]), random([2, 12, 5])),
  "matmul, one batch of many": (random) => athanor.matmul(random([4, 3, 12]), random([12, 5])),
  "a chain": (random) => random([13, 1001]).mul(2).add(1).exp().sum({ axis: 1 }),
  "a chain over short rows": (random) =>
    random([301, 5])
      .add(random([5]))
      .tanh(),
  "a sum of everything": (random) => random([100_003]).sum(),
  "sums of columns": (random) => random([501, 77]).sum({ axis: 0 }),
  "a mean of squares": (random) => random([77, 501]).square().mean(),
  softmax: (random) => random([33, 101]).softmax(),
  variance: (random) => athanor.variance(random([33, 101]), { axis: 1 }),
  cumSum: (random) => athanor.cumSum(random([17, 203]), { axis: 1 }),
  "convolution 3×3, Winograd": (random) => athanor.conv2d(random([2, 15, 13, 16]), random([3, 3, 16, 20])),
  "convolution 5×5": (random) => athanor.conv2d(random([3, 11, 9, 3]), random([5, 5, 3, 6]), { padding: "same" }),
  "convolution 1×1": (random) => athanor.conv2d(random([2, 5, 7, 12]), random([1, 1, 12, 18])),
  "depthwise convolution": (random) =>
    athanor.conv2d(random([2, 9, 11, 12]), random([3, 3, 1, 12]), { groups: 12, padding: "same" }),
  "gradients of a convolution": (random) => {
    const filter = random([5, 5, 3, 6]);
    const loss = (w: Tensor, x: Tensor): Tensor => athanor.conv2d(x, w).square().mean();
    return athanor.concat(
      athanor
        .grad(loss, { argnums: [0, 1] })(filter, random([3, 11, 9, 3]))
        .map((g) => athanor.flatten(g)),
    );
  },
  "attention and its gradients": (random) => {
    const [query, key, value] = [random([3, 70, 12]), random([3, 50, 12]), random([3, 50, 9])];
    const loss = (q: Tensor, k: Tensor, v: Tensor): Tensor => athanor.scaledDotProductAttention(q, k, v).square().sum();
    return athanor.concat(
      athanor
        .grad(loss, { argnums: [0, 1, 2] })(query, key, value)
        .map((g) => athanor.flatten(g)),
    );
  },
  "one sequence's attention": (random) =>
    athanor.scaledDotProductAttention(random([150, 16]), random([131, 16]), random([131, 16])),
  "eigenvalues of a batch": (random) => {
    const a = random([7, 21, 21]);
    return athanor.linalg.eigvalsh(athanor.add(a, athanor.transpose(a)));
  },
  "eigenvectors of one matrix": (random) => {
    const a = random([90, 90]);
    return athanor.linalg.eigh(a.add(a.T)).vectors;
  },
  "eigenvectors of a large matrix": (random) => {
    const a = random([203, 203]);
    return athanor.linalg.eigh(a.add(a.T)).vectors;
  },
  "eigenvectors of two large matrices": (random) => {
    const a = random([2, 150, 150]);
    return athanor.linalg.eigh(athanor.add(a, athanor.transpose(a))).vectors;
  },
  "eigenvalues of a large matrix": (random) => {
    const a = random([150, 150]);
    return athanor.linalg.eigvalsh(a.add(a.T));
  },
  "eigenvectors that are mostly deflated": (random) => {
    const a = random([3, 160]);
    return athanor.linalg.eigh(athanor.matmul(a.T, a)).vectors;
  },
  "factors of a large matrix": (random) => {
    const a = random([203, 150]);
    const { lower, upper } = athanor.linalg.lu(a);
    const { q, r } = athanor.linalg.qr(a);
    const l = athanor.linalg.cholesky(athanor.matmul(a.T, a).add(athanor.eye(150)));
    return athanor.concat([lower, upper, q, r, l].map((x) => athanor.flatten(x)));
  },
  "singular vectors of a large matrix": (random) => {
    const { u, s, vt } = athanor.linalg.svd(random([203, 150]));
    return athanor.concat([u, s, vt].map((x) => athanor.flatten(x)));
  },
  "singular vectors of a large matrix of low rank": (random) => {
    const { u, s, vt } = athanor.linalg.svd(athanor.matmul(random([140, 9]), random([9, 150])), { full: true });
    return athanor.concat([u, s, vt].map((x) => athanor.flatten(x)));
  },
  "systems with a large matrix": (random) => {
    const [a, b] = [random([150, 150]), random([150, 21])];
    const positive = athanor.matmul(a.T, a).add(athanor.eye(150));
    return athanor.concat(
      [
        athanor.linalg.solve(a, b),
        athanor.linalg.inv(a),
        athanor.linalg.det(a.mul(0.1)).reshape(1),
        athanor.linalg.solveTriangular(positive, b),
        athanor.linalg.solve(a, b, { refine: true }).cast("f32"),
        athanor.linalg.solve(positive, b, { refine: true, assume: "positive" }).cast("f32"),
        athanor.linalg.solve(positive, b.slice([0, 0], [150, 1]), { refine: true }).cast("f32"),
        athanor.linalg.solve(a, b.slice([0, 0], [150, 1])),
        athanor.linalg.solveTriangular(positive, b.slice([0, 0], [150, 1]), { transposed: true }),
      ].map((x) => athanor.flatten(x)),
    );
  },
  "Fourier transforms": (random) => {
    const { real, imag } = athanor.linalg.fft(random([13, 60]));
    const other = athanor.linalg.fft(random([2, 64]));
    return athanor.concat([real, imag, other.real, other.imag].map((x) => athanor.flatten(x)));
  },
  "a layer norm": (random) => {
    const x = random([257, 300]);
    const centred = x.sub(x.mean({ axis: 1, keepDims: true }));
    return centred.div(centred.square().mean({ axis: 1, keepDims: true }).add(1e-5).sqrt());
  },
  "pooling and its gradient": (random) =>
    athanor.grad((x: Tensor) => athanor.maxPool2d(x, { window: 3, stride: 2 }).square().sum())(random([2, 13, 11, 7])),
};

describe("the bits do not depend on the number of threads", () => {
  test.for(Object.entries(works))("%s", async ([, work]) => {
    const results: unknown[] = [];
    for (const count of counts) {
      useEngine(engines.get(count));
      athanor.manualSeed(5);
      const result = work((shape) => athanor.randn(shape));
      results.push(await result.toArray());
      result.dispose();
    }
    expect(results.length).toBe(counts.length);
    for (const other of results.slice(1)) expect(other).toEqual(results[0]);
  });
});

describe("workers", () => {
  test("kernels that are made later reach workers that wait", async () => {
    useEngine(engines.get(3));
    for (let round = 1; round <= 5; round++) {
      // Nothing happens for longer than workers spin, then an expression that is new.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const x = athanor
        .arange(5000)
        .mul(round)
        .add(1 / round);
      const chain = Array.from({ length: round }).reduce<Tensor>((sum) => sum.square().add(0.5).sqrt(), x);
      const data = await chain.data();
      expect(data[4999]).toBeCloseTo(Math.sqrt((4999 * round + 1 / round) ** 2 + round / 2), 0);
    }
  });

  test("a worker that stops is an error once, and then one thread goes on", async () => {
    const engine = await engineWith(2);
    useEngine(engine);
    const wasm = wasmOf(engine);
    // A table entry that no worker can make: the one there stops while this thread waits for it.
    wasm.threads?.log.append([], new Uint8Array([1, 2, 3]));
    const x = athanor.arange(10_000);
    await expect(x.mul(3).data()).rejects.toThrow("a worker thread stopped in the middle of a program");
    expect(wasm.threads?.size).toBe(1);
    expect((await x.mul(3).data())[9999]).toBe(29_997);
    await engine.shutdown();
    useEngine(undefined);
  });

  test("a worker that ends while it waits is not waited for", async () => {
    const engine = await engineWith(3);
    useEngine(engine);
    const wasm = wasmOf(engine);
    const { members } = wasm.threads as unknown as { readonly members: readonly { terminate(): Promise<unknown> }[] };
    await members[1]?.terminate();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(wasm.threads?.size).toBe(1);
    expect((await athanor.arange(10_000).mul(3).data())[9999]).toBe(29_997);
    await engine.shutdown();
    useEngine(undefined);
  });

  test("a host without shared memory runs on one thread and says why", async () => {
    const own = globalThis.SharedArrayBuffer;
    Object.assign(globalThis, { SharedArrayBuffer: undefined });
    try {
      useEngine(undefined);
      const { threads } = await athanor.init({ threads: 2, webgpu: "off" });
      expect(threads.used).toBe(1);
      expect(threads.detail).toContain("not cross-origin isolated");
      expect((await athanor.arange(100_000).add(1).data())[99_999]).toBe(100_000);
    } finally {
      Object.assign(globalThis, { SharedArrayBuffer: own });
      await athanor.shutdown();
    }
  });
});

describe("a process ends by itself", () => {
  const run = async (code: string): Promise<{ output: string; status: number | null }> => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { output: output.trim(), status };
  };
  const face = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
  const work = "const y = await matmul(ones([256, 256]), ones([256, 256])).data(); console.log(y[0]);";

  test.each([
    ["after init", `await init({ threads: 3, webgpu: "off" });`],
    ["without init", ""],
  ])("%s", async (_, begin) => {
    const { output, status } = await run(`import { init, matmul, ones } from ${face}; ${begin} ${work}`);
    expect([output, status]).toEqual(["256", 0]);
  });
});
