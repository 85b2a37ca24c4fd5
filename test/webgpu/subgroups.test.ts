// Products whose tiles are shared out among subgroups: quads that tell each other what they read, and subgroup matrices. Against
// sums in f64. Software GPUs have no units for matrices that take f32: functions written here stand in for them, so that all the
// arithmetic around them runs; with the device's own functions the kernels are only compiled, on Dawn's device that computes
// nothing. A device that has them runs them. Read next: shaders/matmulMatrices.wgsl, bindings/backends/webgpu/variants.
import { create } from "webgpu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend, WebGPUOptions } from "../../bindings/backends/webgpu/backend.ts";
import { shaders } from "../../bindings/backends/webgpu/generated/shaders.ts";
import { matmulDispatches } from "../../bindings/backends/webgpu/kernels/matmul-shader.ts";
import type { MatrixConfiguration, MatrixFunctions } from "../../bindings/backends/webgpu/device/matrix-units.ts";
import { configurationsOf, matrixFlags, matrixReport } from "../../bindings/backends/webgpu/device/matrix-units.ts";
import { withExtensions } from "../../bindings/backends/webgpu/run/pipelines.ts";
import { productSegment } from "../../bindings/backends/webgpu/variants/sample.ts";
import { ShaderLibrary } from "../../bindings/backends/webgpu/wgsl/shader-library.ts";
import type { ProductShape } from "../../bindings/backends/webgpu/variants/products.ts";
import {
  bucketOf,
  byRule,
  candidates,
  matrixTiles,
  nameOf,
  suits,
  tiles,
  variantOf,
} from "../../bindings/backends/webgpu/variants/products.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import { explain, init, matmul, shutdown, tensor, withDevice } from "../../bindings/index.ts";
import { open } from "./segments.ts";

beforeAll(() => init({ webgpu: "require", tune: "off", threads: 1 }));
afterAll(() => shutdown());

/** Runs `body` with another GPU in place of the engine's. */
async function on(options: WebGPUOptions, body: (gpu: WebGPUBackend) => Promise<void>): Promise<void> {
  const { backends } = defaultEngine();
  const before = backends.get("webgpu");
  const lone = await open(options);
  backends.set("webgpu", lone);
  defaultEngine().clearPlans();
  try {
    await body(lone);
    await lone.idle();
  } finally {
    if (before !== undefined) backends.set("webgpu", before);
    defaultEngine().clearPlans();
    lone.dispose();
  }
}

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Rows of a larger left operand that come before. */
  readonly skip?: number;
  readonly isBiased?: boolean;
  readonly isOfHalves?: boolean;
}

/** Whole vectors and none, edges on every side, operands of either turn, batches, an offset, an epilogue, long sums. */
const cases: Readonly<Record<string, Case>> = {
  whole: { m: 64, n: 64, k: 32 },
  "edges of all sizes": { m: 67, n: 37, k: 21 },
  "turned left": { m: 72, n: 36, k: 32, transposeA: true },
  "turned right": { m: 36, n: 72, k: 40, transposeB: true },
  "both turned, with edges": { m: 33, n: 35, k: 30, transposeA: true, transposeB: true },
  "a batch": { m: 20, n: 28, k: 24, batch: 3 },
  "an offset": { m: 37, n: 20, k: 16, skip: 3 },
  "a bias and an activation": { m: 130, n: 24, k: 50, isBiased: true },
  "a long sum": { m: 40, n: 24, k: 600, isBiased: true },
};

const halves: Readonly<Record<string, Case>> = {
  "whole halves": { m: 64, n: 64, k: 64, isOfHalves: true },
  "halves with edges, turned": { m: 35, n: 21, k: 45, transposeB: true, isOfHalves: true },
};

/** Numbers with roundings, or for halves such that neither they nor their sums have any. */
function numbers(count: number, seed: number, isOfHalves: boolean): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => {
    const value = Math.sin(at * 1.7 + seed);
    return isOfHalves ? Math.round(value) : value;
  });
}

async function check(options: Case): Promise<void> {
  const { m, n, k, batch = 1, transposeA = false, transposeB = false, skip = 0, isBiased = false } = options;
  const isOfHalves = options.isOfHalves === true;
  const a = numbers(batch * (m + skip) * k, 1, isOfHalves);
  const b = numbers(batch * k * n, 2, isOfHalves);
  const bias = numbers(n, 3, false);
  const made = withDevice("webgpu", () => {
    const own = (values: Float32Array, shape: readonly number[]): ReturnType<typeof tensor> =>
      isOfHalves ? tensor(values, { shape }).cast("f16") : tensor(values, { shape });
    const whole = own(a, transposeA ? [batch, k, m] : [batch, m + skip, k]);
    const left = skip === 0 ? whole : whole.slice([0, skip, 0], [batch, m + skip, k]);
    const right = own(b, transposeB ? [batch, n, k] : [batch, k, n]);
    const fused = isBiased ? ({ bias: tensor(bias), activation: "relu" } as const) : {};
    return matmul(left, right, { transposeA, transposeB, ...fused });
  });
  const found = await made.data();
  expect(found.length).toBe(batch * m * n);
  let worst = 0;
  for (let at = 0; at < found.length; at++) {
    const [matrix, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    let sum = 0;
    let magnitude = 0;
    for (let step = 0; step < k; step++) {
      const x = a[matrix * (m + skip) * k + (transposeA ? step * m + row : (row + skip) * k + step)] ?? NaN;
      const y = b[matrix * k * n + (transposeB ? column * k + step : step * n + column)] ?? NaN;
      sum += x * y;
      magnitude += Math.abs(x * y);
    }
    const wanted = isBiased ? Math.max(0, sum + (bias[column] ?? NaN)) : sum;
    // What a sum in f32 may be off by, in any order.
    worst = Math.max(worst, Math.abs((found[at] ?? NaN) - wanted) / ((k + 2) * 2 ** -24 * (magnitude + 1)));
  }
  expect(worst).toBeLessThanOrEqual(1);
}

async function checkAll(gpu: WebGPUBackend, variant: string, all: Readonly<Record<string, Case>>): Promise<void> {
  gpu.adoptTuned({ "matmul:*": variant });
  defaultEngine().clearPlans();
  for (const options of Object.values(all)) {
    const before = gpu.counts.dispatches;
    await check(options);
    expect(gpu.counts.dispatches).toBeGreaterThan(before);
  }
}

/** A software GPU takes long to compile large tiles: those that differ from others in numbers only do with some of them. */
function some(...names: readonly string[]): Readonly<Record<string, Case>> {
  return Object.fromEntries(Object.entries({ ...cases, ...halves }).filter(([name]) => names.includes(name)));
}

describe("quads", () => {
  test.each([
    ["32x32/4x4 with subgroups", some("edges of all sizes", "turned left", "a batch", "an offset", "whole")],
    ["32x32/4x4*4 with subgroups", some("a long sum")],
    ["64x64/8x8 with subgroups", some("edges of all sizes")],
  ])("%s", (variant, all) =>
    on({}, async (gpu) => {
      expect(gpu.limits.minSubgroupSize).toBeGreaterThanOrEqual(4);
      await checkAll(gpu, variant, all);
    }),
  );
  test("where the language has no numbers of subgroups", () =>
    on({ features: ["subgroups"] }, (gpu) => checkAll(gpu, "32x32/4x4 with subgroups", some("edges of all sizes"))));
});

/** Each invocation of a subgroup has every so many elements of a result, and reads operands where they were staged. */
const emulated: MatrixFunctions = {
  members: "\n  @builtin(subgroup_invocation_id) member: u32,\n  @builtin(subgroup_size) members: u32,",
  begin: "  own = vec2<i32>(i32(member), i32(members));",
  text: ({ rows, columns, depth }) => {
    const elements = rows * columns;
    return `
var<private> own: vec2<i32>;
alias Left = i32;
alias Right = i32;
alias Result = array<f32, ${String(elements / 4)}>;
fn load_left(at: i32) -> Left { return at; }
fn load_right(at: i32) -> Right { return at; }
fn accumulate(left: Left, right: Right, sum: Result) -> Result {
  var sums = sum;
  for (var i = 0; own.x + i * own.y < ${String(elements)}; i++) {
    let element = own.x + i * own.y;
    for (var k = 0; k < ${String(depth)}; k++) {
      let x = leftTile[left + k * TILE_M + element / ${String(columns)}];
      let y = rightTile[right + k * TILE_N + element % ${String(columns)}];
      sums[i] += f32(x) * f32(y);
    }
  }
  return sums;
}
fn store_result(at: i32, sum: Result) {
  var sums = sum;
  for (var i = 0; own.x + i * own.y < ${String(elements)}; i++) {
    results[at + own.x + i * own.y] = sums[i];
  }
}`;
  },
};

const square: MatrixConfiguration = { component: "f32", rows: 8, columns: 8, depth: 8 };
const oblong: MatrixConfiguration = { component: "f32", rows: 8, columns: 16, depth: 4 };

describe("matrices, with functions that stand in for the device's", () => {
  test.each(Object.keys({ ...cases, ...halves }))("matrices 32x32, %s", (name) =>
    on({ limits: { matrices: [square] }, matrixFunctions: emulated }, (gpu) =>
      checkAll(gpu, "matrices 32x32", some(name)),
    ),
  );

  test.each([
    ["matrices 32x32*4", square, some("a long sum")],
    ["matrices 32x32", oblong, some("edges of all sizes", "both turned, with edges")],
    ["matrices 64x64", oblong, some("a bias and an activation")],
  ] as const)("%s, %o", (variant, configuration, all) =>
    on({ limits: { matrices: [configuration] }, matrixFunctions: emulated }, (gpu) => checkAll(gpu, variant, all)),
  );

  test.each([
    ["more subgroups than parts", 4],
    ["fewer subgroups than parts: several turns", 1 / 4],
    ["turns that the parts do not fill", 3 / 4],
  ])("%s", async (_, factor) => {
    const { limits } = defaultEngine().backends.get("webgpu") as WebGPUBackend;
    const size = limits.maxSubgroupSize * factor;
    const claimed = { minSubgroupSize: size, maxSubgroupSize: size, matrices: [square] };
    await on({ limits: claimed, matrixFunctions: emulated }, (gpu) =>
      checkAll(gpu, "matrices 32x32", some("edges of all sizes")),
    );
  });
});

test("matrices of the device itself, where it has them", () =>
  on({ subgroupMatrices: true }, async (gpu) => {
    const { configurations, missing, isWanted } = gpu.subgroupMatrices;
    expect(isWanted).toBe(true);
    expect(gpu.limits.matrices).toEqual(configurations);
    expect(configurations.length === 0).toBe(missing !== "");
    const has = (type: string): boolean => configurations.some(({ component }) => component === type);
    for (const name of Object.keys(matrixTiles)) {
      if (has("f32")) await checkAll(gpu, name, cases);
      if (has("f16")) await checkAll(gpu, name, halves);
    }
  }));

describe("on Dawn's device that computes nothing", () => {
  const f16 = (rows: number, columns: number, depth: number): MatrixConfiguration => {
    return { component: "f16", rows, columns, depth };
  };
  test.each([
    ["f32", square],
    ["f16", square],
    ["f16", f16(8, 8, 8)],
    ["f16", f16(16, 16, 16)],
    ["f16", f16(8, 16, 16)],
    ["f16", f16(16, 8, 16)],
  ] as const)("operands of %s are multiplied without a word by %o", async (components, configuration) => {
    const gpu = create(["backend=null", ...matrixFlags]);
    const adapter = await gpu.requestAdapter();
    const requiredFeatures = ["chromium-experimental-subgroup-matrix", "subgroups", "shader-f16"] as GPUFeatureName[];
    const device = await adapter?.requestDevice({ requiredFeatures });
    if (device === undefined) throw new Error("Dawn has no such device");
    const library = new ShaderLibrary(shaders, ["subgroup_id"]);
    const base = { maxStorageBuffers: 8, maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
    const limits = {
      ...({ ...base, maxWorkgroupsPerDimension: 65535, maxWorkgroupStorage: 16384, uniformAlignment: 256 } as const),
      ...({ minSubgroupSize: 4, maxSubgroupSize: 128, matrices: [configuration] } as const),
    };
    const seen = new Set<string>();
    for (const shape of [
      { batches: 1, m: 64, n: 64, k: 64, components },
      { batches: 2, m: 33, n: 35, k: 37, isAlong: true, components },
    ]) {
      const { steps, slots } = productSegment(shape);
      const [step] = steps;
      if (step?.kind !== "kernel") throw new Error("the sample is not a kernel");
      for (const variant of candidates(shape, limits)) {
        const choose = (() => variant) as unknown as Parameters<typeof matmulDispatches>[2]["choose"];
        const temporary = (): number => 2;
        for (const { text, entry } of matmulDispatches(step, slots, { library, limits, temporary, choose })) {
          if (!/subgroup|quad[A-Z]/.test(text)) continue;
          seen.add(nameOf(variant));
          device.pushErrorScope("validation");
          const module = device.createShaderModule({ code: withExtensions(text) });
          const { messages } = await module.getCompilationInfo();
          expect(messages.map(({ message, lineNum }) => `${String(lineNum)}: ${message}`)).toEqual([]);
          device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: entry } });
          expect((await device.popErrorScope())?.message).toBeUndefined();
        }
      }
    }
    device.destroy();
    expect([...seen]).toEqual(
      expect.arrayContaining(["64x64/8x8 with subgroups", "matrices 32x32", "matrices 64x64"]) as unknown,
    );
  });
});

describe("the choice", () => {
  const none = { maxWorkgroupStorage: 16384, minSubgroupSize: 32, maxSubgroupSize: 32, matrices: [] };
  const limitsWith = (...matrices: readonly MatrixConfiguration[]): WebGPUBackend["limits"] => {
    return { ...none, matrices } as unknown as WebGPUBackend["limits"];
  };
  const large: ProductShape = { batches: 1, m: 1024, n: 1024, k: 1024, components: "f32" };
  const ofHalves: MatrixConfiguration = { component: "f16", rows: 16, columns: 16, depth: 16 };
  const names = (shape: ProductShape, limits: WebGPUBackend["limits"]): string[] =>
    candidates(shape, limits)
      .map(nameOf)
      .filter((name) => name.startsWith("matrices"));

  test("never multiplies f32 in halves", () => {
    expect(names(large, limitsWith(ofHalves))).toEqual([]);
    expect(nameOf(byRule(large, limitsWith(ofHalves)))).toBe("128x64/8x8");
    expect(names({ ...large, components: "f16" }, limitsWith(ofHalves))).toContain("matrices 64x64");
    expect(names({ ...large, components: "f16" }, limitsWith(square))).toContain("matrices 64x64");
    expect(names({ ...large, components: undefined }, limitsWith(square, ofHalves))).toEqual([]);
  });

  test("takes matrices that were asked for, large tiles where there are many, rows as before", () => {
    expect(nameOf(byRule(large, limitsWith(square)))).toBe("matrices 128x64");
    expect(nameOf(byRule({ ...large, m: 64, n: 64, k: 256 }, limitsWith(square)))).toBe("matrices 32x32");
    expect(nameOf(byRule({ ...large, m: 1 }, limitsWith(square)))).toBe("rows");
  });

  test("leaves out what a device has no room for, and sizes that do not fit", () => {
    const small = { ...limitsWith(square), maxWorkgroupStorage: 8192 };
    expect(names(large, small)).toEqual(["matrices 32x32"]);
    expect(names(large, limitsWith({ component: "f32", rows: 24, columns: 8, depth: 8 }))).toEqual([]);
    const wide = { ...limitsWith(square), minSubgroupSize: 128, maxSubgroupSize: 128 };
    expect(names(large, wide)).toEqual([]);
  });

  test("has a name for each, and a bucket of their own for halves", () => {
    const all = [...Object.keys(matrixTiles), ...Object.keys(tiles).map((name) => `${name} with subgroups`)];
    for (const name of all) expect(nameOf(variantOf(name) ?? { tile: "rows", slices: 1 })).toBe(name);
    for (const name of ["matrices 32x32 with subgroups", "winograd matrices 32x32", "matrices 9x9"])
      expect(variantOf(name)).toBeUndefined();
    expect(bucketOf("matmul", { ...large, components: "f16" })).not.toBe(bucketOf("matmul", large));
    const withoutSubgroups = { ...limitsWith(), minSubgroupSize: 0, maxSubgroupSize: 0 };
    expect(suits({ tile: "64x64/8x8", slices: 1, usesSubgroups: true }, large, withoutSubgroups)).toBe(false);
  });
});

test("init and explain say whether matrices that were asked for are there", async () => {
  expect((await init()).subgroupMatrices).toMatchObject({
    used: false,
    detail: expect.stringMatching(/not asked/) as string,
  });
  await shutdown();
  try {
    const wrong = { subgroupMatrices: true } as unknown as Parameters<typeof init>[0];
    await expect(init(wrong)).rejects.toThrow(/subgroupMatrices must be "off" or "on", got true/);
    const { subgroupMatrices: found } = await init({
      subgroupMatrices: "on",
      webgpu: "require",
      tune: "off",
      threads: 1,
    });
    const told = await explain(() => withDevice("webgpu", () => matmul(tensor([[1, 2]]), tensor([[3], [4]]))));
    expect(told.kernels).toHaveLength(1);
    // Most GPUs have none; one that does is told by its configurations.
    expect(found.detail).toMatch(found.used ? /^f\d\d \d+x\d+x\d+/ : /\S/);
    expect(told.missing).toEqual(found.used ? [] : [`subgroup matrices are not used: ${found.detail}`]);
    for (const line of told.missing) expect(String(told)).toContain(line);
  } finally {
    await shutdown();
    await init({ webgpu: "require", tune: "off", threads: 1 });
  }
});

describe("what an adapter says", () => {
  const entry = (componentType: string, resultComponentType: string): object => {
    return { componentType, resultComponentType, M: 16, N: 8, K: 4 };
  };
  const info = {
    subgroupMatrixConfigs: [entry("f16", "f16"), entry("f16", "f32"), entry("i8", "i32"), entry("f32", "f32")],
  };
  const all = ["chromium-experimental-subgroup-matrix", "subgroups", "subgroup_id", "shader-f16"];

  test("is read where sums are in f32, and halves where they are in use", () => {
    const components = (features: readonly string[]): string[] =>
      configurationsOf(info, features).map(({ component }) => component);
    expect(components(all)).toEqual(["f16", "f32"]);
    expect(components([])).toEqual(["f32"]);
    expect(configurationsOf(info, [])).toEqual([{ component: "f32", rows: 16, columns: 8, depth: 4 }]);
    expect(configurationsOf({}, all)).toEqual([]);
  });

  test("or what is missing, and what would change it", () => {
    expect(matrixReport(true, info, all)).toMatchObject({ isWanted: true, missing: "" });
    expect(matrixReport(false, info, all).missing).toMatch(/init\(\{ subgroupMatrices: "on" \}\)/);
    expect(matrixReport(true, info, ["subgroups"]).missing).toMatch(/subgroup-matrix.*--enable-unsafe-webgpu/);
    expect(matrixReport(true, {}, all).missing).toMatch(/none that takes f32 or f16/);
  });
});
