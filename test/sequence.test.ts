// Recurrent layers and attention against PyTorch, long loops, attention at sizes the conformance rows are too slow for, and the
// same training on both devices. Expected numbers are those of torch 1.13 in f64 for parameters and inputs
// filled by `wave`. Read next: ../bindings/nn/recurrent.ts, specs/sequence.ts.
import { beforeAll, describe, expect, test } from "vitest";
import type { Tensor } from "../bindings/index.ts";
import {
  concat,
  grad,
  init,
  jit,
  lstmCell,
  scaledDotProductAttention,
  scan,
  tensor,
  valueAndGrad,
  withDevice,
  zeros,
} from "../bindings/index.ts";
import type { AnyModule } from "../bindings/nn/index.ts";
import { GRU, GRUCell, LSTM, LSTMCell, MultiheadAttention, RNN, RNNCell, withValues } from "../bindings/nn/index.ts";

let hasGpu = false;

beforeAll(async () => {
  const report = await init({ tune: "off" });
  hasGpu = report.devices.some((device) => device.name === "webgpu" && device.used);
  if (process.env.CI !== undefined) expect(hasGpu, "a GPU, software or not, is needed").toBe(true);
});

/** scale · sin(1.7 i + phase) for element i. */
function wave(shape: readonly number[], phase: number, scale = 1): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1.7 * i + phase)),
    { shape },
  );
}

/** Parameter number k becomes a wave of phase k; in torch's order these are the same parameters, weights transposed. */
function filled<M extends AnyModule>(module: M): M {
  module.parameters().forEach((parameter, index) => {
    parameter.value = wave(parameter.shape, index, 0.5);
  });
  return module;
}

async function expectClose(actual: Tensor, shape: readonly number[], expected: readonly number[]): Promise<void> {
  expect(actual.shape).toEqual(shape);
  const got = [...(await actual.data())];
  expect(got.length).toBe(expected.length);
  const far = got.flatMap((value, i) => (Math.abs(value - expected[i]!) < 2e-6 ? [] : [`${i}: ${value}`]));
  expect(far).toEqual([]);
}

/** The gradient of Σ output² by the parameter of that name. */
function gradientOf(module: AnyModule, name: string, output: () => Tensor): Tensor {
  const parameter = module.namedParameters().get(name)!;
  return grad((value: Tensor) => withValues([parameter], [value], () => output().square().sum()))(parameter.value);
}

describe("layers against torch", () => {
  test("an LSTM of two layers both ways", async () => {
    const x = wave([4, 2, 3], 0.3);
    const states = [wave([4, 2, 2], 0.7), wave([4, 2, 2], 1.1)] as const;
    const layer = filled(new LSTM(3, 2, { numLayers: 2, bidirectional: true }));
    expect([...layer.namedParameters().keys()].slice(0, 6)).toEqual(
      ["weightIhL0", "weightHhL0", "biasIhL0", "biasHhL0", "weightIhL0Reverse", "weightHhL0Reverse"], //
    );
    const [output, [hidden, cell]] = layer.forward(x, states);
    await expectClose(
      output,
      [4, 2, 4],
      [
        0.2169414, -0.238592, 0.1794771, -0.3909862, -0.4615902, 0.1509984, 0.2120132, -0.2874491, -0.0025447,
        -0.0805263, 0.1795721, -0.4017985, -0.462699, 0.146298, 0.2171531, -0.1626971, -0.1561686, -0.0092118,
        0.1880095, -0.4216424, -0.4580874, 0.1397603, 0.1967457, 0.0522254, -0.2490425, 0.04306, 0.1791493, -0.3997107,
        -0.4527308, 0.131904, 0.1470036, 0.3752855,
      ],
    );
    await expectClose(
      hidden,
      [4, 2, 2],
      [
        0.1739581, -0.2546842, -0.0072089, -0.3177621, 0.1498599, 0.1901035, 0.1198019, 0.176294, -0.2490425, 0.04306,
        -0.4527308, 0.131904, 0.1794771, -0.3909862, 0.2120132, -0.2874491,
      ],
    );
    await expectClose(
      cell,
      [4, 2, 2],
      [
        0.4147148, -0.33812, -0.0121774, -0.4055851, 0.3607189, 0.6902806, 0.5345087, 0.7960284, -0.3722905, 0.1148579,
        -0.7586994, 0.4496851, 0.458754, -0.66284, 0.5535276, -0.4115712,
      ],
    );
    await expectClose(
      gradientOf(layer, "weightHhL0", () => layer.forward(x, states)[0]),
      [2, 8],
      [
        -0.008993, 0.0080852, -0.0342226, 0.0030999, 0.0171863, -0.0114239, -0.0250794, 0.0032353, -0.0068475,
        0.0032964, -0.0162806, 0.0013618, 0.0483506, 0.0002177, -0.0128938, 0.0015381,
      ],
    );
    await expectClose(
      gradientOf(layer, "weightIhL1Reverse", () => layer.forward(x, states)[0]).slice([0, 0], [1, 8]),
      [1, 8],
      [-0.0009894, 0.0009581, -0.001166, 0.063703, 0.0028997, -0.0691416, -0.0119089, 0.0485939],
    );
  });

  test("a GRU with the batch first", async () => {
    const layer = filled(new GRU(3, 2, { batchFirst: true }));
    const sequence = wave([2, 3, 3], 0.3);
    const [output, state] = layer.forward(sequence);
    await expectClose(
      output,
      [2, 3, 2],
      [
        -0.1609618, -0.1081768, -0.1453608, -0.2318259, 0.3081889, -0.3453714, 0.4372005, -0.1717339, 0.4046335,
        -0.106054, 0.1045917, -0.1358777,
      ],
    );
    await expectClose(state, [1, 2, 2], [0.3081889, -0.3453714, 0.1045917, -0.1358777]);
    await expectClose(
      gradientOf(layer, "weightHhL0", () => layer.forward(sequence)[0]),
      [2, 6],
      [
        0.007301, 0.0132463, 0.0300107, 0.0318407, 0.1152043, -0.0489946, 0.0003411, -0.006731, 0.0137162, 0.0251798,
        -0.1184546, 0.0227737,
      ],
    );
    await expectClose(
      gradientOf(layer, "biasHhL0", () => layer.forward(sequence)[0]),
      [6],
      [-0.0157165, 0.0916188, -0.2465832, -0.3321239, 1.0059467, -0.3129428],
    );
  });

  test("an RNN with relu over one sequence without a batch", async () => {
    const [output, state] = filled(new RNN(3, 2, { nonlinearity: "relu" })).forward(wave([3, 3], 0.3));
    await expectClose(output, [3, 2], [0.2781277, 0, 0.6935938, 0, 1.1029404, 0]);
    await expectClose(state, [1, 2], [1.1029404, 0]);
  });

  test("cells", async () => {
    const step = wave([2, 3], 0.3);
    const state = wave([2, 2], 0.7);
    const [hidden, cell] = filled(new LSTMCell(3, 2)).forward(step);
    await expectClose(hidden, [2, 2], [0.1223899, -0.1431887, 0.1455286, -0.1719319]);
    await expectClose(cell, [2, 2], [0.3052543, -0.2208473, 0.3084045, -0.2132639]);
    await expectClose(
      filled(new GRUCell(3, 2)).forward(step, state),
      [2, 2],
      [0.218254, 0.319536, -0.5270435, -0.5162914],
    );
    await expectClose(
      filled(new RNNCell(3, 2)).forward(step, state),
      [2, 2],
      [0.2239273, -0.8257618, 0.4246534, -0.8819556],
    );
  });

  test("attention of two heads with a mask and padding", async () => {
    const layer = filled(new MultiheadAttention(4, 2)).eval();
    const [query, key, value] = [wave([3, 2, 4], 0.3), wave([5, 2, 4], 0.9), wave([5, 2, 4], 2.1)];
    const keyPaddingMask = tensor([
      [false, false, true, false, false],
      [false, false, false, false, true],
    ]);
    await expectClose(
      layer.forward(query, key, value, { keyPaddingMask, attnMask: wave([3, 5], 0.2) }),
      [3, 2, 4],
      [
        0.3185412, -0.4248821, -0.2090538, 0.478753, 0.1552625, -0.4835364, -0.0306605, 0.4914373, 0.2752264,
        -0.4330746, -0.1636279, 0.4752397, 0.1597677, -0.4830113, -0.035301, 0.4921079, 0.1227195, -0.4956307,
        0.0049991, 0.4943425, -0.266662, -0.5803438, 0.4162102, 0.473091,
      ],
    );
    const causal = [
      0.1081307, -0.421575, 0.0005045, 0.421445, 0.3830621, -0.3609969, -0.2900372, 0.4357362, 0.4203026, -0.3676367,
      -0.3255667, 0.4515317, 0.5570193, -0.3461343, -0.4678243, 0.4666875, 0.506688, -0.3685416, -0.4117189, 0.474637,
      0.4815665, -0.3862319, -0.3820388, 0.4846791,
    ];
    await expectClose(layer.forward(query, query, query, { causal: true }), [3, 2, 4], causal);
    const later = tensor([
      [false, true, true],
      [false, false, true],
      [false, false, false],
    ]);
    await expectClose(layer.forward(query, undefined, undefined, { attnMask: later }), [3, 2, 4], causal);
    const first = filled(new MultiheadAttention(4, 2, { batchFirst: true }));
    await expectClose(
      first.forward(query.transpose(0, 1), undefined, undefined, { causal: true }).transpose(0, 1),
      [3, 2, 4],
      causal,
    );
  });

  test("what does not fit is refused by name", () => {
    expect(() => new LSTM(3, 2).forward(zeros([4, 2, 5]))).toThrow(
      "LSTM: expects [steps, batch, features] or [steps, features] with 3 features, got [4, 2, 5]",
    );
    expect(() => new GRU(3, 2).forward(zeros([4, 2, 3]), zeros([2, 2]))).toThrow(
      "GRU: a state must be [1, 2, 2], got [2, 2]",
    );
    expect(() => new MultiheadAttention(6, 4)).toThrow(
      "MultiheadAttention: numHeads must divide embedDim, got 4 for 6",
    );
    expect(() => new MultiheadAttention(4, 2).forward(zeros([3, 4]))).toThrow(
      "MultiheadAttention: query must be [length, batch, features] with 4 features, got [3, 4]",
    );
  });
});

describe("scan", () => {
  test("a long loop runs without jit, forward and backward", async () => {
    const steps = 600;
    const decayed = (factor: Tensor): Tensor =>
      scan((sum: Tensor, x: Tensor) => [sum.mul(factor).add(x), null] as const, zeros([]), tensor(new Float32Array(steps).fill(1)) as never)[0]; // prettier-ignore
    const factor = tensor(0.9);
    // Σ 0.9ᵏ → 1 / (1 − 0.9), and its derivative 1 / (1 − 0.9)².
    expect(await withDevice("wasm", () => decayed(factor)).item()).toBeCloseTo(10, 4);
    expect(await withDevice("wasm", () => grad(decayed)(factor)).item()).toBeCloseTo(100, 2);
  });

  test("trees of states, elements and results, under jit", async () => {
    const run = jit((a: Tensor, b: Tensor, xs: Tensor) =>
      scan(
        ({ a: s, b: t }: { a: Tensor; b: Tensor }, { x }: { x: Tensor }) => [
          { a: t, b: s.add(x) },
          [s, { twice: x.mul(2) }] as const,
        ],
        { a, b },
        { x: xs },
        { reverse: true },
      ),
    );
    const [state, results] = run(tensor(0), tensor(1), tensor([10, 20, 30])) as unknown as [
      { a: Tensor; b: Tensor },
      [Tensor, { twice: Tensor }],
    ];
    expect([await state.a.item(), await state.b.item()]).toEqual([21, 40]);
    expect([...(await results[0].data())]).toEqual([30, 1, 0]);
    expect([...(await results[1].twice.data())]).toEqual([20, 40, 60]);
  });

  test("steps are counted where there are no elements", async () => {
    const [last, powers] = scan((x: Tensor) => [x.mul(2), x] as const, tensor(1), undefined as never, { length: 5 });
    expect(await last.item()).toBe(32);
    expect([...(await powers.data())]).toEqual([1, 2, 4, 8, 16]);
  });
});

describe("attention", () => {
  /** Largest difference between f32 and f64 (which goes through all scores), by the largest number. */
  async function error(shapes: readonly (readonly number[])[], causal: boolean, masked: boolean): Promise<number> {
    const operands = shapes.map((shape, index) => wave(shape, index, 1.5));
    const [queries = 0, keys = 0] = [shapes[0]!.at(-2), shapes[1]!.at(-2)];
    const mask = wave([queries, keys], 3).greater(-0.8);
    const loss = (q: Tensor, k: Tensor, v: Tensor): Tensor => {
      const y = scaledDotProductAttention(q, k, v, { causal, ...(masked && { mask }) });
      return y.mul(wave(y.shape, 5).cast(y.dtype)).sum();
    };
    const compute = (dtype: "f32" | "f64"): Tensor[] => {
      const [q, k, v] = operands.map((operand) => operand.cast(dtype)) as [Tensor, Tensor, Tensor];
      const gradients = grad(loss, { argnums: [0, 1, 2] })(q, k, v);
      return [scaledDotProductAttention(q, k, v, { causal, ...(masked && { mask }) }), ...gradients];
    };
    let worst = 0;
    const exact = withDevice("wasm", () => compute("f64"));
    for (const [index, result] of withDevice("wasm", () => compute("f32")).entries()) {
      const [got, want] = [await result.data(), [...(await exact[index]!.data())]];
      const largest = Math.max(...want.map(Math.abs));
      got.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - want[i]!) / largest)));
    }
    return worst;
  }

  test("blocks of scores add up, forward and backward", async () => {
    const cases: readonly [shapes: readonly (readonly number[])[], causal: boolean, masked: boolean][] = [
      [[[3, 250, 10], [3, 250, 10], [3, 250, 10]], false, false], // prettier-ignore
      [[[2, 1, 251, 9], [3, 263, 9], [2, 3, 263, 35]], false, true], // prettier-ignore
      [[[500, 8], [500, 8], [500, 4]], true, false], // prettier-ignore
      [[[2, 270, 4], [2, 77, 4], [2, 77, 4]], true, true], // prettier-ignore
      [[[2, 77, 4], [2, 270, 4], [2, 270, 4]], true, true], // prettier-ignore
    ];
    for (const [shapes, causal, masked] of cases) expect(await error(shapes, causal, masked)).toBeLessThan(2e-5);
  });
});

describe("agreement of the devices", () => {
  /** Losses of an LSTM under attention that learns to repeat the first element. */
  async function curve(device: "wasm" | "webgpu"): Promise<number[]> {
    const [steps, batch, inputs, hidden] = [5, 3, 2, 8];
    const x = wave([steps, batch, inputs], 0.2);
    const target = x.slice([0, 0, 0], [1, batch, inputs]).squeeze(0);
    const net = ([w, u, b, out]: readonly Tensor[]): Tensor => {
      const [, hs] = scan(
        ([h, c]: readonly [Tensor, Tensor], element: Tensor) => {
          const next = lstmCell(element, [h, c], { inputWeight: w!, hiddenWeight: u!, inputBias: b! });
          return [next, next[0]] as const;
        },
        [zeros([batch, hidden]), zeros([batch, hidden])] as readonly [Tensor, Tensor],
        x as never,
      ) as unknown as [unknown, Tensor];
      const sequence = hs.transpose(0, 1);
      const attended = scaledDotProductAttention(sequence, sequence, sequence, { causal: true });
      return concat([attended, sequence], { axis: -1 }).slice([0, steps - 1, 0], [batch, steps, 2 * hidden]).squeeze(1).matmul(out!); // prettier-ignore
    };
    const step = jit((values: readonly Tensor[]) => {
      const [loss, gradients] = valueAndGrad((p: readonly Tensor[]) => net(p).sub(target).square().mean())(values);
      return { loss, values: values.map((value, index) => value.sub(gradients[index]!.mul(0.5))) };
    });
    let values: readonly Tensor[] = [
      wave([inputs, 4 * hidden], 1, 0.5),
      wave([hidden, 4 * hidden], 2, 0.3),
      wave([4 * hidden], 3, 0.1),
      wave([2 * hidden, inputs], 4, 0.3),
    ];
    const losses: number[] = [];
    for (let count = 0; count < 12; count++) {
      const result = withDevice(device, () => step(values));
      values = result.values;
      losses.push(await result.loss.item());
    }
    return losses;
  }

  test("the same training on the CPU and on the GPU", async (context) => {
    if (!hasGpu) context.skip();
    const [cpu, gpu] = [await curve("wasm"), await curve("webgpu")];
    expect(cpu.at(-1)!).toBeLessThan(0.9 * cpu[0]!);
    gpu.forEach((loss, index) => {
      expect(Math.abs(loss - cpu[index]!)).toBeLessThan(1e-4 * cpu[0]!);
    });
  });
});
