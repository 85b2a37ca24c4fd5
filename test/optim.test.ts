// Update rules against their published formulas, followed by hand in f64; schedules and clipping against closed forms.
// Read next: ../bindings/optim/README.md.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tensor } from "../bindings/engine/creation.ts";
import { init, memory, shutdown } from "../bindings/engine/index.ts";
import { Parameter } from "../bindings/nn/index.ts";
import type { Rule } from "../bindings/optim/index.ts";
import {
  adam,
  adamW,
  Adam,
  clipGradients,
  cosine,
  globalNorm,
  SGD,
  sgd,
  stepDecay,
  warmup,
} from "../bindings/optim/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";

// Devices that are measured in the background have memory of their own meanwhile.
beforeAll(() => init({ tune: "off" }));
afterAll(() => shutdown());

const start = [1, -2, 0.5];
const gradientsAt = (step: number): number[] => [0.3 * step, -0.1, 2 - step];

/** Runs a rule on tensors. */
async function run(rule: Rule, rate: number, steps: number): Promise<number[]> {
  let values: readonly Tensor[] = [tensor(start)];
  let state = rule.initialState(values);
  for (let step = 1; step <= steps; step++) {
    const next = rule.update(values, [tensor(gradientsAt(step))], state, rate);
    values = next.parameters as readonly Tensor[];
    state = next.state;
  }
  return Array.from(await values[0]!.data());
}

function close(actual: readonly number[], expected: readonly number[], digits = 5): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index]!, digits);
  });
}

describe("sgd", () => {
  test("plain, with weight decay", async () => {
    const expected = start.map((first, index) => {
      let p = first;
      for (let t = 1; t <= 3; t++) p -= 0.1 * (gradientsAt(t)[index]! + 0.01 * p);
      return p;
    });
    close(await run(sgd({ weightDecay: 0.01 }), 0.1, 3), expected);
  });

  test.each([
    ["momentum", { momentum: 0.9 }],
    ["nesterov", { momentum: 0.9, nesterov: true }],
    ["dampening", { momentum: 0.9, dampening: 0.5 }],
  ] as const)("%s", async (_, options) => {
    const { momentum, dampening, nesterov } = { dampening: 0, nesterov: false, ...options };
    const expected = start.map((first, index) => {
      let p = first;
      let b = 0;
      for (let t = 1; t <= 4; t++) {
        const g = gradientsAt(t)[index]!;
        b = t === 1 ? g : momentum * b + (1 - dampening) * g;
        p -= 0.05 * (nesterov ? g + momentum * b : b);
      }
      return p;
    });
    close(await run(sgd(options), 0.05, 4), expected);
  });

  test("refuses nesterov without momentum", () => {
    expect(() => sgd({ nesterov: true })).toThrow("sgd: nesterov needs momentum > 0 and dampening 0, got 0 and 0");
  });
});

describe("adam", () => {
  test.each([
    ["adam", adam({ weightDecay: 0.1 }), 0.1, 0],
    ["adamW", adamW({ weightDecay: 0.1 }), 0, 0.1],
  ] as const)("%s", async (_, rule, coupled, decoupled) => {
    const rate = 0.01;
    const expected = start.map((first, index) => {
      let [p, m, v] = [first, 0, 0];
      for (let t = 1; t <= 5; t++) {
        p *= 1 - rate * decoupled;
        const g = gradientsAt(t)[index]! + coupled * p;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= (rate * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
      }
      return p;
    });
    close(await run(rule, rate, 5), expected, 6);
  });

  test("the first step has the length of the learning rate, whatever the gradient", async () => {
    const [moved] = [await run(adam(), 1e-3, 1)];
    close(
      moved.map((value, index) => Math.abs(value - start[index]!)),
      [1e-3, 1e-3, 1e-3],
      6,
    );
  });
});

describe("optimisers", () => {
  test("step follows the gradient of the loss and counts", async () => {
    const p = new Parameter(tensor([3, -1]));
    const optimizer = new SGD([p], { lr: 0.25 });
    const loss = optimizer.step(() => p.value.square().sum());
    expect(await loss.item()).toBe(10);
    close(Array.from(await p.value.data()), [1.5, -0.5]);
    expect(optimizer.steps).toBe(1);
  });

  test("Adam finds the minimum of a parabola", async () => {
    const p = new Parameter(tensor([3, -1]));
    const optimizer = new Adam([p], { lr: cosine(0.3, { steps: 120 }) });
    for (let step = 0; step < 120; step++) optimizer.step(() => p.value.sub(1).square().sum());
    close(Array.from(await p.value.data()), [1, 1], 1);
  });

  test("a loop that only steps and reads keeps its memory", async () => {
    // An engine of its own: what the tests before have dropped is collected at any time, and would count.
    await shutdown();
    await init({ tune: "off" });
    const p = new Parameter(tensor(new Float32Array(1000)));
    const optimizer = new Adam([p]);
    const step = async (): Promise<void> => {
      const loss = optimizer.step(() => p.value.sub(1).square().mul(2).sum());
      await loss.item();
      loss.dispose();
    };
    for (let count = 0; count < 3; count++) await step();
    const before = memory().wasm?.inUse;
    for (let count = 0; count < 50; count++) await step();
    expect(memory().wasm?.inUse).toBe(before);
  });

  test("frozen parameters are left out", () => {
    const frozen = new Parameter(tensor([1]), { trainable: false });
    expect(() => new Adam([frozen])).toThrow("adam: there are no trainable parameters. Pass model.parameters()");
  });
});

describe("clipping and schedules", () => {
  test("gradients above the norm are scaled to it, others are left", async () => {
    const gradients = { a: tensor([3, 0]), b: [tensor([[4]])] };
    expect(await globalNorm(gradients).item()).toBeCloseTo(5, 5);
    const clipped = clipGradients(gradients, 1) as typeof gradients;
    close(Array.from(await clipped.a.data()), [0.6, 0]);
    const kept = clipGradients(gradients, 10) as typeof gradients;
    close(Array.from(await kept.b[0]!.data()), [4]);
  });

  test("schedules", () => {
    expect(stepDecay(1, { every: 10, factor: 0.5 })(25)).toBe(0.25);
    expect(cosine(1, { steps: 10 })(5)).toBeCloseTo(0.5, 12);
    expect(cosine(1, { steps: 10, floor: 0.1 })(99)).toBeCloseTo(0.1, 12);
    const rising = warmup(4, cosine(1, { steps: 10 }));
    expect([0, 1, 3, 4].map(rising)).toEqual([0.25, 0.5, 1, 1]);
  });
});
