// Decisions that hang on how work is counted, on machines that are made up: what the kernels of a device really do against what
// was said of them before: every element looked up by itself, tiles and barriers for nothing, a byte for a truth value on the bus.
// No kernel runs. Read next: bindings/backends/webgpu/kernels/method.ts, bench/dispatch/machines.ts.
import { describe, expect, test } from "vitest";
import type { Setting } from "../../bench/dispatch/decisions.ts";
import { decideGraph, planned } from "../../bench/dispatch/decisions.ts";
import type { MachineName } from "../../bench/dispatch/machines.ts";
import { machines } from "../../bench/dispatch/machines.ts";
import { grad } from "../../bindings/autodiff/index.ts";
import type { PlannedDevice } from "../../bindings/graph/plan.ts";
import type { KernelCall, Method } from "../../bindings/ops/descriptor.ts";
import * as ops from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";

/** Elements looked up, counted as before: sixteen operations for each. */
const looked = (looks: number): Method => ({ work: "indexed", flops: 16 * looks });

/** A GPU that is said to do as the method tells, and to store an element in the bytes of an array. */
const said = (methodOf: (call: KernelCall) => Method | undefined): PlannedDevice => {
  const gpu = planned("webgpu");
  return {
    name: "webgpu",
    workers: 1,
    refusesDType: (dtype) => gpu.refusesDType(dtype),
    hasKernel: () => true,
    methodOf,
  };
};

interface Case {
  readonly machine: MachineName;
  readonly setting: Setting;
  readonly shapes: readonly (readonly number[])[];
  readonly compute: (...operands: [Tensor, Tensor, Tensor]) => Tensor;
  /** What was said of its kernels. */
  readonly before: (call: KernelCall) => Method | undefined;
  /** What was decided then, and now. */
  readonly devices: readonly ["wasm" | "webgpu", "wasm" | "webgpu"];
}

const cases: Readonly<Record<string, Case>> = {
  "the gradient of a maximum finds each maximum once, not anew for each pixel under its window": {
    ...{ machine: "integrated", setting: "resident", shapes: [[8, 112, 112, 64]] },
    compute: (x) => grad((y: Tensor) => ops.maxPool2d(y, { window: 3, stride: 2 }).sum())(x),
    // 56 by 56 windows of nine elements, of which each pixel is in two and a quarter.
    before: ({ kernel, words: [batch = 0, height = 0, width = 0, channels = 0] }) =>
      kernel === "maxPool2dScatter" ? looked(batch * height * width * channels * 2.25 * 9) : undefined,
    devices: ["wasm", "webgpu"],
  },
  "a depthwise convolution reads an element once for several pixels, in vectors": {
    ...{
      machine: "integrated",
      setting: "resident",
      shapes: [
        [8, 56, 56, 64],
        [5, 5, 64, 1],
      ],
    },
    compute: (x, filter) => ops.depthwiseConv2d(x, filter, { padding: "same" }),
    before: ({ kernel }) => (kernel === "conv2d" ? looked(8 * 56 * 56 * 64 * 25) : undefined),
    devices: ["wasm", "webgpu"],
  },
  "attention on a GPU has no tiles": {
    ...{
      machine: "integrated",
      setting: "resident",
      shapes: [
        [8, 512, 64],
        [8, 512, 64],
        [8, 512, 64],
      ],
    },
    compute: (query, key, value) => ops.scaledDotProductAttention(query, key, value),
    before: () => undefined,
    devices: ["webgpu", "wasm"],
  },
  "256 invocations that look for the largest of 64 elements mostly wait for each other": {
    ...{ machine: "integrated", setting: "resident", shapes: [[65536, 64]] },
    compute: (x) => ops.argMax(x, { axis: -1 }),
    before: () => undefined,
    devices: ["webgpu", "wasm"],
  },
  "truth values cross the bus as words": {
    ...{
      machine: "discrete",
      setting: "read",
      shapes: [
        [1024, 1024],
        [1024, 1024],
      ],
    },
    compute: (x, y) => ops.greater(ops.exp(x), y),
    before: () => undefined,
    devices: ["webgpu", "wasm"],
  },
};

describe("a decision that was wrong is right by what kernels do", () => {
  test.each(Object.entries(cases))("%s", (_, { machine, setting, shapes, compute, before, devices }) => {
    const decided = (gpu: PlannedDevice): string =>
      decideGraph(
        machines[machine],
        (operand) => [compute(...(shapes.map((shape) => operand(shape, "f32")) as [Tensor, Tensor, Tensor]))],
        setting,
        [planned("wasm"), gpu],
      ).device;
    expect([decided(said(before)), decided(planned("webgpu"))]).toEqual(devices);
  });
});
