// A picture as its principal components: rows of pixels are the observations, what they have in common is the mean, and k directions
// with a score a row for each stand for the rest. Knows no file but the one it packs. Read next: pictures.ts, which prints and draws.
import type { TypedArray } from "../../bindings/core/dtype.ts";
import { tensor } from "../../bindings/engine/creation.ts";
import { evaluate } from "../../bindings/engine/index.ts";
import * as linalg from "../../bindings/linalg/index.ts";
import { abs, add, matmul, max, mean, mul, round, slice, square, sub, sum } from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";

/** Bytes of a picture, row by row, the channels of a pixel beside each other: one for grey, three for colour. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** What a picture is made of; all f64. A row of pixels is a row of numbers, width · channels of them. */
export interface Components {
  readonly picture: Picture;
  /** [1, columns] */
  readonly mean: Tensor;
  /** [height, most]: how much of each direction a row has, the directions with most variance first. */
  readonly scores: Tensor;
  /** [most, columns], orthonormal. */
  readonly directions: Tensor;
  /** The squares of each direction's scores, added up: its share of all variance, up to a factor. Descending. */
  readonly variances: Float64Array;
}

/** Analyses a picture, without ever forming its covariance. */
export async function componentsOf(picture: Picture): Promise<Components> {
  const shape = [picture.height, picture.width * picture.channels];
  const rows = tensor(Float64Array.from(picture.data), { shape, dtype: "f64" });
  const common = mean(rows, { axis: 0, keepDims: true });
  const { u, s, vt } = linalg.svd(sub(rows, common));
  const [scores, variances] = [mul(u, s), square(s)];
  await evaluate(common, scores, vt, variances);
  return {
    picture,
    mean: common,
    scores,
    directions: vt,
    variances: Float64Array.from(await variances.data(), Number),
  };
}

/** The share of all variance that k directions keep. */
export function retained({ variances }: Components, k: number): number {
  const total = variances.reduce((all, x) => all + x, 0);
  return total === 0 ? 1 : variances.slice(0, k).reduce((all, x) => all + x, 0) / total;
}

/** The fewest directions that keep at least this share. */
export function directionsFor(components: Components, share: number): number {
  let k = 0;
  while (k < components.variances.length && retained(components, k) < share) k++;
  return k;
}

/** The first k scores and directions. */
function first({ scores, directions }: Components, k: number): readonly [scores: Tensor, directions: Tensor] {
  return [slice(scores, [0, 0], [scores.shape[0], k]), slice(directions, [0, 0], [k, directions.shape[1]])];
}

/** The picture that the first k directions make, not rounded: [height, columns]. */
export function rebuilt(components: Components, k: number): Tensor {
  const [scores, directions] = first(components, k);
  return add(matmul(scores, directions), components.mean);
}

/** Whole numbers in [-127, 127] and the factor of each column or row, along `axis`, that makes them what they were. */
async function inBytes(x: Tensor, axis: 0 | 1): Promise<{ readonly bytes: Int8Array; readonly factors: Float32Array }> {
  const factors = mul(max(abs(x), { axis, keepDims: true }), 1 / 127);
  const scaled = Float32Array.from(await factors.data(), (factor) => factor || 1);
  const used = tensor(Float64Array.from(scaled), { shape: factors.shape, dtype: "f64" });
  return { bytes: Int8Array.from(await round(x.div(used)).data(), Number), factors: scaled };
}

/** A picture packed into a file: the mean in f32, scores and directions in a byte each, a factor in f32 for each of them. */
export interface Packed {
  readonly file: Uint8Array;
  readonly picture: Picture;
}

/** Packs the first k directions, and unpacks them again: what is lost on the way is seen in the picture. */
export async function packed(components: Components, k: number): Promise<Packed> {
  const [scores, directions] = first(components, k);
  const common = Float32Array.from(await components.mean.data(), Number);
  const [left, right] = [await inBytes(scores, 0), await inBytes(directions, 1)];
  const parts = [common, left.factors, right.factors, left.bytes, right.bytes];
  const file = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    file.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  const opened = ({ bytes, factors }: typeof left, shape: readonly number[], factorShape: readonly number[]): Tensor =>
    mul(
      tensor(Float64Array.from(bytes), { shape, dtype: "f64" }),
      tensor(Float64Array.from(factors), { shape: factorShape, dtype: "f64" }),
    );
  const product = matmul(opened(left, scores.shape, [1, k]), opened(right, directions.shape, [k, 1]));
  const pixels = add(product, tensor(Float64Array.from(common), { shape: [1, common.length], dtype: "f64" }));
  return { file, picture: { ...components.picture, data: inPixels(await pixels.data()) } };
}

/** The nearest values that a pixel can have. */
const inPixels = (values: TypedArray): Uint8Array => new Uint8Array(Uint8ClampedArray.from(values, Number).buffer);

/** Peak signal to noise in dB: 10 log₁₀ (255² / mean square of the differences). */
export async function signalToNoise(a: Picture, b: Picture): Promise<number> {
  const put = ({ data }: Picture): Tensor => tensor(Float64Array.from(data), { dtype: "f64" });
  const error = await mean(square(sub(put(a), put(b)))).item();
  return 10 * Math.log10(255 ** 2 / error);
}

/** ‖picture − rebuilt‖²: what the directions that were left out would have added. */
export async function squaredError(components: Components, k: number): Promise<number> {
  const { data } = components.picture;
  const { shape } = rebuilt(components, 0);
  const original = tensor(Float64Array.from(data), { shape, dtype: "f64" });
  return sum(square(sub(original, rebuilt(components, k)))).item();
}
