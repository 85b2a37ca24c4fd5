// The example of pictures as principal components, on corners of its photographs: what k directions leave out is the variance that
// they do not keep, files hold what they say, and PNG goes through as it is. Read next: ../bench/examples/principal-components.ts.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPng, writePng } from "../bench/examples/png.ts";
import type { Components, Picture } from "../bench/examples/principal-components.ts";
import {
  componentsOf,
  directionsFor,
  packed,
  rebuilt,
  retained,
  signalToNoise,
  squaredError,
} from "../bench/examples/principal-components.ts";
import { init, shutdown } from "../bindings/index.ts";

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

/** The `height` rows and `width` columns of a photograph from (x, y) on. */
async function corner(name: string, x: number, y: number, width: number, height: number): Promise<Picture> {
  const whole = readPng(await readFile(new URL(`../bench/examples/pictures/${name}.png`, import.meta.url)));
  const { channels } = whole;
  const rows = Array.from({ length: height }, (_, i) => {
    const from = ((y + i) * whole.width + x) * channels;
    return [...whole.data.subarray(from, from + width * channels)];
  });
  return { width, height, channels, data: Uint8Array.from(rows.flat()) };
}

describe.each([
  ["camera", 1, 200, 100],
  ["chelsea", 3, 100, 90],
] as const)("%s", (name, channels, x, y) => {
  let picture: Picture;
  let components: Components;
  beforeAll(async () => {
    picture = await corner(name, x, y, 64, 48);
    components = await componentsOf(picture);
  });

  test("has its channels", () => {
    expect(picture.channels).toBe(channels);
  });

  test("what is left out is the variance that is not kept, and falls with k", async () => {
    const total = components.variances.reduce((all, value) => all + value, 0);
    let before = Infinity;
    for (const k of [0, 1, 2, 5, 10, 20, 47]) {
      const error = await squaredError(components, k);
      const left = components.variances.slice(k).reduce((all, value) => all + value, 0);
      expect(Math.abs(error - left) / total).toBeLessThan(1e-12);
      expect(Math.abs(1 - retained(components, k) - left / total)).toBeLessThan(1e-12);
      expect(error).toBeLessThan(before);
      before = error;
    }
  });

  test("all directions give the picture", async () => {
    const pixels = await rebuilt(components, 48).data();
    picture.data.forEach((value, i) => {
      expect(Math.abs(Number(pixels[i]) - value)).toBeLessThan(1e-9);
    });
  });

  test("the fewest directions for a share keep it, one less does not", () => {
    for (const share of [0.5, 0.95, 0.999]) {
      const k = directionsFor(components, share);
      expect(retained(components, k)).toBeGreaterThanOrEqual(share);
      expect(retained(components, k - 1)).toBeLessThan(share);
    }
  });

  test("a file of k directions has their bytes, and shows what they show", async () => {
    const columns = 64 * channels;
    let before = 0;
    for (const k of [2, 10, 30]) {
      const { file, picture: result } = await packed(components, k);
      expect(file.length).toBe(4 * columns + 8 * k + k * (48 + columns));
      const noise = await signalToNoise(picture, result);
      expect(noise).toBeGreaterThan(before);
      // Bytes instead of numbers, and whole pixels, cost no more than three levels of noise.
      const exact = await squaredError(components, k);
      const found = 10 ** (-noise / 10) * 255 ** 2;
      expect(Math.sqrt(found)).toBeLessThan(Math.sqrt(exact / picture.data.length) + 3);
      before = noise;
    }
  });

  test("goes through a PNG file as it is", () => {
    const again = readPng(writePng(picture));
    expect(again).toEqual(picture);
  });
});
