// The same network, the same weights, the same digits on the CPU and on the (software) GPU: the loss curves must agree.
// Read next: bindings/zoo/lenet.ts, conformance.test.ts for single ops.
import { beforeAll, expect, test } from "vitest";
import type { Tensor } from "../bindings/index.ts";
import { init, jit, manualSeed, tensor, valueAndGrad, withDevice } from "../bindings/index.ts";
import * as ops from "../bindings/ops/index.ts";

const steps = 50;
const batch = 4;
const mustHaveAll = process.env.CI !== undefined || process.env.ATHANOR_REQUIRE_ALL !== undefined;
let hasGpu = false;

beforeAll(async () => {
  const report = await init({ tune: "off" });
  hasGpu = report.devices.some((device) => device.name === "webgpu" && device.used);
});

/** Numbers in [−scale, scale] from a fixed formula: no generator takes part. */
const numbers = (count: number, scale: number, phase: number): Float32Array =>
  Float32Array.from(
    { length: count },
    (_, index) => scale * Math.sin(index * 12.9898 + phase * 78.233 + ((index * index) % 97)),
  );

type Weights = Readonly<Record<string, Tensor>>;

/** LeNet-5 on 28 × 28 images, weights from the formula. */
function weights(): Weights {
  const shapes: Readonly<Record<string, readonly number[]>> = {
    conv1: [5, 5, 1, 6],
    bias1: [6],
    conv2: [5, 5, 6, 16],
    bias2: [16],
    full1: [400, 120],
    bias3: [120],
    full2: [120, 84],
    bias4: [84],
    full3: [84, 10],
    bias5: [10],
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], phase) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const scale = shape.length === 1 ? 0.01 : Math.sqrt(3 / (size / (shape.at(-1) ?? 1)));
      return [name, tensor(numbers(size, scale, phase), { shape })];
    }),
  );
}

function loss(w: Weights, images: Tensor, targets: Tensor): Tensor {
  const get = (name: string): Tensor => {
    const found = w[name];
    if (found === undefined) throw new Error(`no weight ${name}`);
    return found;
  };
  let h = ops.conv2d(images, get("conv1"), { padding: "same", bias: get("bias1"), activation: "tanh" });
  h = ops.avgPool2d(h, { window: 2 });
  h = ops.conv2d(h, get("conv2"), { bias: get("bias2"), activation: "relu" });
  h = ops.flatten(ops.maxPool2d(h, { window: 2 }), 1);
  h = ops.matmul(h, get("full1"), { bias: get("bias3"), activation: "relu" });
  h = ops.matmul(h, get("full2"), { bias: get("bias4"), activation: "tanh" });
  const logits = ops.matmul(h, get("full3"), { bias: get("bias5") });
  return ops.neg(ops.mean(ops.sum(ops.mul(ops.logSoftmax(logits), targets), { axis: -1 })));
}

async function curve(device: "wasm" | "webgpu"): Promise<number[]> {
  const step = jit((w: Weights, x: Tensor, t: Tensor) => {
    const [value, gradients] = valueAndGrad(loss)(w, x, t);
    const updated = Object.fromEntries(
      Object.entries(w).map(([name, weight]) => [name, ops.sub(weight, ops.mul(gradients[name] ?? weight, 0.05))]),
    );
    return { value, updated: updated };
  });
  let current = weights();
  const losses: Tensor[] = [];
  for (let index = 0; index < steps; index++) {
    const phase = index % 5;
    const x = tensor(numbers(batch * 784, 1, phase), { shape: [batch, 28, 28, 1] });
    const t = ops.cast(
      ops.equal(
        tensor(
          Float32Array.from({ length: batch }, (_, row) => (row * 3 + phase) % 10),
          { shape: [batch, 1] },
        ),
        tensor(Float32Array.from({ length: 10 }, (_, column) => column)),
      ),
      "f32",
    );
    const { value, updated } = withDevice(device, () => step(current, x, t));
    current = updated;
    losses.push(value);
  }
  return Promise.all(losses.map((value) => value.item()));
}

test("a LeNet trains alike on wasm and on webgpu for 50 steps", async (context) => {
  if (!hasGpu) {
    console.warn("agreement: no GPU here, the curves are not compared");
    expect(mustHaveAll).toBe(false);
    context.skip();
  }
  manualSeed(1);
  const cpu = await curve("wasm");
  const gpu = await curve("webgpu");
  expect(cpu.at(-1) ?? 9).toBeLessThan((cpu[0] ?? 0) * 0.9);
  const worst = Math.max(...cpu.map((value, index) => Math.abs(value - (gpu[index] ?? Number.NaN))));
  expect(worst).toBeLessThan(1e-4);
}, 120_000);
