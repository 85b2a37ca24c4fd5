// Convolutions whose groups have few channels, on the GPU: every variant agrees with sums in f64 over odd sizes, strides, dilations and
// paddings, with what follows pasted in, and so do the gradients of the depthwise ones.
// Read next: bindings/backends/webgpu/kernels/depthwise-shader.ts, variants/windows.ts; ../reference/convolution.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { grad } from "../../bindings/autodiff/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import * as reference from "../reference/convolution.ts";
import { eachVariant } from "./each-variant.ts";
import { sequence } from "./segments.ts";

const families = ["conv2d", "conv2dInputGradient", "conv2dFilterGradient"].map((name) => `${name} by windows`);

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
});
afterAll(() => athanor.shutdown());

function numbers(shape: readonly number[], seed: number): NdArray {
  const next = sequence(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape: [...shape], data: Array.from({ length }, () => Math.fround(2 * next() - 1)) };
}

const tensorOf = ({ shape, data }: NdArray): Tensor => athanor.tensor(Float32Array.from(data), { shape });

type Pair = readonly [number, number];
interface Case {
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly window: Pair;
  readonly outputs: number;
  readonly groups: number;
  readonly stride: Pair;
  readonly padding: readonly [Pair, Pair];
  readonly dilation: Pair;
}

const around = (size: number): [Pair, Pair] => [
  [size, size],
  [size, size],
];
const depthwise = (shape: Case["shape"], window: Pair, own: Partial<Case> = {}): Case => ({
  ...{ shape, window, outputs: shape[3], groups: shape[3] },
  ...{ stride: [1, 1], padding: around(0), dilation: [1, 1], ...own },
});

const cases: readonly Case[] = [
  depthwise([2, 7, 9, 8], [3, 3], { padding: around(1) }),
  depthwise([1, 9, 10, 4], [3, 3], { padding: [[0, 1], [1, 0]], stride: [2, 2] }), // prettier-ignore
  depthwise([1, 8, 11, 6], [2, 5], { padding: around(2), stride: [3, 2] }),
  depthwise([2, 9, 8, 5], [3, 2], { dilation: [2, 3], stride: [1, 3], padding: around(1) }),
  depthwise([1, 3, 70, 4], [1, 3], { stride: [1, 3], padding: [[0, 0], [4, 2]] }), // prettier-ignore
  // Of an image with one channel, and of one channel into one.
  { ...depthwise([2, 6, 7, 1], [3, 3]), outputs: 4, groups: 1 },
  { ...depthwise([2, 6, 7, 1], [3, 3], { padding: around(1) }) },
];
/** Groups of few channels: 2 to 4, 3 to 2, 4 to 1, and few channels out of all. */
const grouped: readonly Case[] = [
  { ...depthwise([1, 6, 7, 4], [3, 3], { padding: around(1) }), outputs: 8, groups: 2 },
  { ...depthwise([2, 5, 8, 9], [2, 3], { stride: [2, 1] }), outputs: 6, groups: 3 },
  { ...depthwise([1, 7, 6, 8], [3, 1], { dilation: [2, 1] }), outputs: 2, groups: 2 },
  { ...depthwise([1, 6, 9, 12], [3, 3], { padding: around(1), stride: [1, 2] }), outputs: 3, groups: 1 },
];

/** The gradients of a depthwise convolution for dy, of its images and its filter, by their definition. */
function gradients(
  { shape, window, stride, padding, dilation }: Case,
  x: NdArray,
  w: NdArray,
  dy: NdArray,
): number[][] {
  const [, h, wide, c] = shape;
  const [, oh = 0, ow = 0] = dy.shape;
  const dx = x.data.map(() => 0);
  const dw = w.data.map(() => 0);
  dy.data.forEach((slope, at) => {
    const channel = at % c;
    const [column, row] = [Math.floor(at / c) % ow, Math.floor(at / c / ow) % oh];
    const image = Math.floor(at / c / ow / oh);
    for (let i = 0; i < window[0]; i++) {
      for (let j = 0; j < window[1]; j++) {
        const y = row * stride[0] - padding[0][0] + i * dilation[0];
        const z = column * stride[1] - padding[1][0] + j * dilation[1];
        if (y < 0 || y >= h || z < 0 || z >= wide) continue;
        const [place, tap] = [((image * h + y) * wide + z) * c + channel, (i * window[1] + j) * c + channel];
        dx[place] = (dx[place] ?? 0) + slope * (w.data[tap] ?? 0);
        dw[tap] = (dw[tap] ?? 0) + slope * (x.data[place] ?? 0);
      }
    }
  });
  return [dx, dw];
}

function expectClose(found: ArrayLike<number>, expected: readonly number[], told: string): void {
  expect(found.length, told).toBe(expected.length);
  const most = expected.reduce((error, value, index) => Math.max(error, Math.abs((found[index] ?? NaN) - value)), 0);
  expect(most, told).toBeLessThan(4e-6);
}

const chosen = [
  "plain",
  "4 channels 1 pixels",
  "1 channels 1 pixels",
  "4 channels 4 pixels",
  "2 channels 2 pixels",
  "1 channels 8 pixels",
];
/** Texts of several pixels are made for a window each, and compile slowly in software: these take turns. */
const ofTurn = <T>(all: readonly T[], variant: string): T[] => {
  const turn = chosen.indexOf(variant);
  return turn < 3 ? [...all] : all.filter((_, at) => at % 3 === turn % 3);
};

test("every variant of a convolution, and of the gradients of a depthwise one", async () => {
  const all = [...cases, ...grouped].map((own) => {
    const { shape, window, outputs, groups, stride, padding, dilation } = own;
    const x = numbers(shape, 1);
    const w = numbers([...window, shape[3] / groups, outputs], 2);
    const y = reference.conv2d(x, w, { stride, padding, dilation, groups });
    const dy = numbers(y.shape, 3);
    const isDepthwise = groups === shape[3] && outputs === groups;
    return { own, x, w, y, dy, slopes: isDepthwise ? gradients(own, x, w, dy) : undefined };
  });
  await eachVariant(families, chosen, async (_, variant) => {
    for (const { own, x, w, y, dy, slopes } of ofTurn(all, variant)) {
      const told = `${variant} of ${JSON.stringify(own)}`;
      const { stride, padding, dilation, groups } = own;
      const options = { stride, padding, dilation, groups } as athanor.Conv2dOptions;
      const results = athanor.withDevice("webgpu", () => {
        const [images, filter, by] = [tensorOf(x), tensorOf(w), tensorOf(dy)];
        const convolved = (a: Tensor, b: Tensor): Tensor => athanor.conv2d(a, b, options);
        const slope = grad((a: Tensor, b: Tensor) => convolved(a, b).mul(by).sum(), { argnums: [0, 1] });
        return [convolved(images, filter), ...(slopes === undefined ? [] : slope(images, filter))];
      });
      const [first, ...others] = await Promise.all(results.map((result) => result.data()));
      expectClose(first ?? [], y.data, told);
      others.forEach((found, at) => expectClose(found, slopes?.[at] ?? [], `${told}, gradient ${String(at)}`));
    }
  });
});

test("what follows is done as results are stored, or after it", async () => {
  const [x, w, bias] = [numbers([1, 9, 9, 8], 1), numbers([3, 3, 8, 1], 2), numbers([8], 3)];
  const relu = (): Tensor =>
    athanor.depthwiseConv2d(tensorOf(x), tensorOf(w), { padding: 1, bias: tensorOf(bias), activation: "relu" });
  const large = (): Tensor => athanor.greater(athanor.depthwiseConv2d(tensorOf(x), tensorOf(w), { padding: 1 }), 0.25);
  await eachVariant(families, ["4 channels 4 pixels", "2 channels 1 pixels"], async (backend) => {
    for (const [call, launches] of [
      [relu, 1],
      [large, 2],
    ] as const) {
      const before = backend.counts.dispatches;
      const here = await athanor.withDevice("webgpu", call).data();
      expect(backend.counts.dispatches - before).toBe(launches);
      const there = await athanor.withDevice("wasm", call).data();
      expectClose(here, [...there], "what follows");
    }
  });
});

test("the gradient of a filter is summed in slices of a large image", async () => {
  const own = depthwise([2, 40, 70, 4], [3, 3], { padding: around(1) });
  const [x, w, dy] = [numbers(own.shape, 1), numbers([3, 3, 1, 4], 2), numbers([2, 40, 70, 4], 3)];
  const [, expected = []] = gradients(own, x, w, dy);
  await eachVariant(families, ["4 channels 4 pixels"], async () => {
    const slope = athanor.withDevice("webgpu", () => {
      const [images, by] = [tensorOf(x), tensorOf(dy)];
      return grad((b: Tensor) => athanor.conv2d(images, b, { padding: 1, groups: 4 }).mul(by).sum())(tensorOf(w));
    });
    const found = await slope.data();
    expected.forEach((value, at) => {
      // 5600 products of up to one.
      expect(Math.abs((found[at] ?? NaN) - value)).toBeLessThan(1e-4);
    });
  });
});
