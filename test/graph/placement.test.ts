// Placement and planning with synthetic devices: no kernel runs here, only decisions are checked.
// Read next: bindings/graph/place.ts.
import { describe, expect, test } from "vitest";
import type { Costs, Device } from "../../bindings/graph/place.ts";
import type { DeviceName } from "../../bindings/graph/node.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { makePlan } from "../../bindings/graph/plan.ts";
import { planMemory } from "../../bindings/graph/memory.ts";
import { foldAxes } from "../../bindings/graph/fold-axes.ts";
import { createEngine } from "../../bindings/engine/default.ts";
import type { Engine } from "../../bindings/engine/engine.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";
import * as ops from "../../bindings/ops/index.ts";

interface Machine {
  readonly launch: number;
  readonly flops: number;
  readonly latency: number;
}

/** Costs of a CPU of 40 GFLOP/s and a GPU as described; transfers run at 10 GB/s. */
function costsOf(gpu: Machine): Costs {
  const rates: Record<DeviceName, Machine> = { wasm: { launch: 0.3, flops: 40_000, latency: 0 }, webgpu: gpu };
  return {
    compute: (device, { flops, bytes }) => rates[device].launch + Math.max(flops / rates[device].flops, bytes / 50_000),
    transfer: (from, to, bytes) =>
      from === to || (from !== "webgpu" && to !== "webgpu") ? 1 : gpu.latency + bytes / 10_000,
  };
}

const discrete: Machine = { launch: 5, flops: 5_000_000, latency: 50 };
const software: Machine = { launch: 30, flops: 500, latency: 100 };

const device = (name: DeviceName): Device & { readonly workers: number } => ({
  name,
  workers: 1,
  refusesDType: (dtype) => (name === "webgpu" && dtype === "f64" ? "f64 is not on webgpu" : undefined),
  hasKernel: () => true,
});
const both = [device("wasm"), device("webgpu")];

function planOf(engine: Engine, result: Tensor, costs: Costs, devices = both): ReturnType<typeof makePlan> {
  const captured = capture([engine.valueOf(result, "test")]);
  return makePlan(captured, devices, costs, { residence: captured.inputs.map(() => ["host"]), readBack: true });
}

const host = (engine: Engine, shape: readonly number[], dtype: "f32" | "f64" = "f32"): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return engine.fromArray(dtype === "f64" ? new Float64Array(size) : new Float32Array(size), shape, dtype);
};

const engine = createEngine({ webgpu: "off" });
const devicesOf = (plan: ReturnType<typeof makePlan>): string =>
  [...new Set(plan.placements.map((placement) => placement.device))].join();

describe("placement", () => {
  test("a small matmul stays on the CPU, a large one goes to a fast GPU, neither to a software GPU", () => {
    const small = ops.matmul(host(engine, [32, 32]), host(engine, [32, 32]));
    const large = (): Tensor => ops.matmul(host(engine, [1024, 1024]), host(engine, [1024, 1024]));
    expect(devicesOf(planOf(engine, small, costsOf(discrete)))).toBe("wasm");
    expect(devicesOf(planOf(engine, large(), costsOf(discrete)))).toBe("webgpu");
    expect(devicesOf(planOf(engine, large(), costsOf(software)))).toBe("wasm");
  });

  test("what a device cannot do goes to the other, with the reason", () => {
    const plan = planOf(
      engine,
      ops.matmul(host(engine, [1024, 1024], "f64"), host(engine, [1024, 1024], "f64")),
      costsOf(discrete),
    );
    expect(plan.placements.map(({ device, reason }) => ({ device, reason }))).toEqual([
      { device: "wasm", reason: "f64 is not on webgpu" },
    ]);
  });

  test("without a GPU everything runs on the CPU", () => {
    const plan = planOf(engine, ops.matmul(host(engine, [1024, 1024]), host(engine, [1024, 1024])), costsOf(discrete), [
      device("wasm"),
    ]);
    expect(plan.placements[0]?.reason).toBe("no GPU in use");
  });

  test("a graph that mixes devices is cut into segments and says that it waits for the GPU", () => {
    const product = ops.matmul(host(engine, [1024, 1024]), host(engine, [1024, 1024]));
    const { values } = ops.eigh(product);
    const plan = planOf(engine, values, costsOf(discrete));
    expect(plan.segments.map((segment) => segment.device)).toEqual(["webgpu", "wasm"]);
    expect(plan.waits).toBe(true);
  });
});

describe("fusion", () => {
  const kernels = (result: Tensor): string[] =>
    planOf(engine, result, costsOf(software), [device("wasm")]).fused.groups.map((group) => group.label);

  test("an elementwise chain is one kernel", () => {
    const x = host(engine, [8]);
    expect(kernels(engine.scopes.run("test", () => ops.relu(ops.add(ops.mul(x, 2), 1))))).toEqual(["mul+add+relu"]);
  });

  test("views cost no kernel", () => {
    const x = host(engine, [4, 6]);
    const y = engine.scopes.run("test", () =>
      ops.add(ops.permute(ops.reshape(ops.permute(x, [1, 0]), [2, 3, 4]), [2, 0, 1]), 1),
    );
    expect(kernels(y)).toEqual(["add"]);
  });

  test("bias and activation follow a matmul inside its kernel", () => {
    const [a, b, bias] = [host(engine, [4, 5]), host(engine, [5, 6]), host(engine, [6])];
    expect(kernels(ops.matmul(a, b, { bias, activation: "relu" }))).toEqual(["matmul+add+relu"]);
  });

  test("a result with two readers is computed once, also behind a view", () => {
    const [a, b] = [host(engine, [4, 5]), host(engine, [5, 6])];
    const y = engine.scopes.run("test", () => {
      const flat = ops.reshape(ops.matmul(a, b), [24]);
      return ops.mul(ops.exp(flat), ops.sum(flat));
    });
    expect(kernels(y).filter((label) => label.includes("matmul"))).toEqual(["matmul"]);
  });
});

describe("pieces", () => {
  test("temporaries that do not overlap share memory", () => {
    const plan = planMemory([
      { bytes: 100, first: 0, last: 1 },
      { bytes: 50, first: 1, last: 2 },
      { bytes: 80, first: 2, last: 3 },
    ]);
    expect(plan.assignment[0]).toBe(plan.assignment[2]);
    expect(plan.assignment[0]).not.toBe(plan.assignment[1]);
    expect(plan.buffers.reduce((a, b) => a + b, 0)).toBe(150);
  });

  test("axes that stand together fold in place, others are moved to the end", () => {
    expect(foldAxes([2, 3, 4], [1])).toEqual({ order: [0, 1, 2], outer: 2, length: 3, inner: 4 });
    expect(foldAxes([2, 3, 4], [0, 1])).toEqual({ order: [0, 1, 2], outer: 1, length: 6, inner: 4 });
    expect(foldAxes([2, 3, 4], [0, 2])).toEqual({ order: [1, 0, 2], outer: 3, length: 8, inner: 1 });
    expect(foldAxes([2, 1, 4], [0, 2])).toEqual({ order: [0, 1, 2], outer: 1, length: 8, inner: 1 });
    expect(foldAxes([], [])).toEqual({ order: [], outer: 1, length: 1, inner: 1 });
  });
});
