// The error bounds that docs/accuracy.md publishes for 3 × 3 convolutions, by sums and by Winograd's method, on both CPU builds and the
// GPU, for numbers that round well and for those that round worst. Read next: assembly/convolution/winograd-plan.ts; specs/convolution.ts.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultEngine } from "../bindings/engine/index.ts";
import * as athanor from "../bindings/index.ts";
import { open, sequence } from "./webgpu/segments.ts";

const outputs = 16;
const ulp = 2 ** -23;

type Draw = (next: () => number) => number;
const within =
  (from: number, to: number): Draw =>
  (next) =>
    from + (to - from) * next();
/** A few numbers are a thousand times as large as the others. */
const spiky: Draw = (next) => (next() < 0.02 ? 1000 : 1) * next();

/** What images and filters are made of; several pairs are tried. */
const drawn: Readonly<Record<string, readonly (readonly [images: Draw, filters: Draw])[]>> = {
  "of either sign": [[within(-1, 1), within(-1, 1)]],
  "images ≥ 0, filters of either sign": [[within(0, 1), within(-1, 1)]],
  "of one sign": [
    [within(0, 1), within(0, 1)],
    [within(1, 1.01), within(1, 1.01)],
  ],
  "of any size": [
    [spiky, within(-1, 1)],
    [within(1, 1.1), spiky],
    [within(1, 1.01), within(1, 1.01)],
  ],
};

interface Row {
  readonly numbers: string;
  readonly method: string;
  /** Ulps allowed in windows that lie in the image, and in those partly in the padding. */
  readonly whole: number;
  readonly padded: number;
}

const published: readonly Row[] = readFileSync("docs/accuracy.md", "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, , method = ""]) => /^(sums|Winograd)/.test(method))
  .map(([, numbers = "", method = "", whole, padded]) => ({
    ...{ numbers, method, whole: Number(whole), padded: Number(padded) },
  }));

interface Problem {
  readonly edge: number;
  readonly channels: number;
  readonly images: Float32Array<ArrayBuffer>;
  readonly filters: Float32Array<ArrayBuffer>;
}

/** Edges that are whole tiles and edges that are not; one of the GPU's alone, which has fewer pixels than the CPU's method takes. */
const problems = (numbers: string): readonly Problem[] =>
  (drawn[numbers] ?? []).flatMap(([image, filter], pair) =>
    (
      [
        [7, 64],
        [14, 64],
        [14, 128],
        [28, 64],
      ] as const
    ).map(([edge, channels], index) => {
      const next = sequence(1 + index + 10 * pair);
      // The first numbers of a sequence are alike for seeds that are.
      for (let skipped = 0; skipped < 50; skipped++) next();
      const images = Float32Array.from({ length: edge * edge * channels }, () => image(next));
      return {
        edge,
        channels,
        images,
        filters: Float32Array.from({ length: 9 * channels * outputs }, () => filter(next)),
      };
    }),
  );

interface Expected {
  readonly sums: Float64Array;
  /** Σ|x·w| of every window. */
  readonly magnitudes: Float64Array;
  /** The same as if all its inputs were as large as the largest of the 6 × 6 that its tile reads. */
  readonly tiles: Float64Array;
}

function expectedOf({ edge, channels, images, filters }: Problem): Expected {
  const size = edge * edge * outputs;
  const found = { sums: new Float64Array(size), magnitudes: new Float64Array(size), tiles: new Float64Array(size) };
  const pixel = (y: number, x: number): number =>
    y < 0 || x < 0 || y >= edge || x >= edge ? -1 : (y * edge + x) * channels;
  for (let y = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      const at = (y * edge + x) * outputs;
      for (let channel = 0; channel < channels; channel++) {
        let largest = 0;
        for (let i = 0; i < 36; i++) {
          const from = pixel((y & ~3) - 1 + Math.floor(i / 6), (x & ~3) - 1 + (i % 6));
          if (from >= 0) largest = Math.max(largest, Math.abs(images[from + channel] ?? 0));
        }
        for (let tap = 0; tap < 9; tap++) {
          const from = pixel(y - 1 + Math.floor(tap / 3), x - 1 + (tap % 3));
          const value = from < 0 ? 0 : (images[from + channel] ?? 0);
          const row = (tap * channels + channel) * outputs;
          for (let output = 0; output < outputs; output++) {
            const weight = filters[row + output] ?? 0;
            found.sums[at + output]! += value * weight;
            found.magnitudes[at + output]! += Math.abs(value * weight);
            found.tiles[at + output]! += largest * Math.abs(weight);
          }
        }
      }
    }
  }
  return found;
}

/** Worked out once for all devices. */
const known = new Map<string, readonly (Problem & Expected)[]>();
function solved(numbers: string): readonly (Problem & Expected)[] {
  const found = known.get(numbers) ?? problems(numbers).map((problem) => ({ ...problem, ...expectedOf(problem) }));
  known.set(numbers, found);
  return found;
}

/** The largest errors, in ulps of what the row is about. */
async function errorsOf(
  { numbers, method }: Row,
  device: "wasm" | "webgpu",
): Promise<{ whole: number; padded: number }> {
  const worst = { whole: 0, padded: 0 };
  for (const { edge, channels, images, filters, sums, magnitudes, tiles } of solved(numbers)) {
    using x = athanor.tensor(images, { shape: [1, edge, edge, channels] });
    using w = athanor.tensor(filters, { shape: [3, 3, channels, outputs] });
    const convolved = (): athanor.Tensor => athanor.conv2d(x, w, { padding: 1, strict: method !== "Winograd" });
    using y = athanor.withDevice(device, convolved);
    const units = numbers === "of any size" ? tiles : magnitudes;
    (await y.data()).forEach((value, index) => {
      const place = Math.floor(index / outputs);
      const isPadded = [place % edge, Math.floor(place / edge)].some((i) => i === 0 || i === edge - 1);
      const error = Math.abs(value - (sums[index] ?? 0)) / (ulp * (units[index] ?? 0));
      const part = isPadded ? "padded" : "whole";
      worst[part] = Math.max(worst[part], Number.isNaN(error) ? Infinity : error);
    });
  }
  return worst;
}

test("every kind of numbers is published", () => {
  expect([...new Set(published.map(({ numbers }) => numbers))].sort()).toEqual(Object.keys(drawn).sort());
});

describe.each(["strict", "relaxed", "webgpu"] as const)("%s", (column) => {
  const device = column === "webgpu" ? "webgpu" : "wasm";

  beforeAll(async () => {
    await athanor.init({ simd: column === "webgpu" ? "auto" : column, webgpu: "off", tune: "off", threads: 1 });
    if (column !== "webgpu") return;
    const backend = await open();
    backend.adoptTuned({ "conv2d:*": "winograd 32x32/4x4" });
    defaultEngine().backends.set("webgpu", backend);
    defaultEngine().clearPlans();
  });
  afterAll(() => athanor.shutdown());

  const here = published.filter(({ method }) => !method.endsWith(device === "webgpu" ? "CPU" : "GPU"));
  test.each(here)("$numbers, $method: at most $whole and $padded ulp", async (row) => {
    const found = await errorsOf(row, device);
    expect(found.whole).toBeLessThanOrEqual(row.whole);
    expect(found.padded).toBeLessThanOrEqual(row.padded);
    // Errors so small would be those of sums: the method was not used, or nothing was compared.
    if (row.numbers === "of one sign" && row.method === "Winograd")
      expect(found.padded).toBeGreaterThan(row.padded / 3);
  });
});
