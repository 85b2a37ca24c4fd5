// What the page measures: names, sizes and what one run amounts to. Plain data: the page shows it without loading an engine.
// Read next: computations.ts, which turns an entry and a size into tensors.

export type WorkName = "matmul" | "conv2d" | "maxPool2d" | "eigh" | "elementwise" | "training";

export interface Work {
  readonly name: WorkName;
  readonly title: string;
  /** One sentence: what is computed, on what. */
  readonly about: string;
  /** What a size is. */
  readonly sizeName: string;
  readonly sizes: readonly number[];
  /** A size as people write it. */
  readonly show: (size: number) => string;
  /** The same on an axis. */
  readonly tick: (size: number) => string;
  readonly unit: "GFLOP/s" | "GB/s" | "images/s";
  /** Units of one run: 10⁹ operations, 10⁹ bytes, or one image. */
  readonly amount: (size: number) => number;
  /** How much longer a size takes than another, roughly: the ratio of their costs. */
  readonly cost: (size: number) => number;
}

const doubling = (from: number, to: number): number[] => {
  const sizes: number[] = [];
  for (let size = from; size <= to; size *= 2) sizes.push(size);
  return sizes;
};

/** Powers of two as 64 Ki, 4 Mi. */
const binary = (n: number): string => (n < 1 << 20 ? `${n >> 10} Ki` : `${n >> 20} Mi`);

export const channels = 64;
export const poolingChannels = 32;
export const matrices = 16;

export const works: readonly Work[] = [
  {
    name: "matmul",
    title: "Matrix product",
    about: "C = A · B of two n × n matrices of 32-bit floats.",
    sizeName: "n",
    sizes: doubling(16, 4096),
    show: (n) => `${n} × ${n}`,
    tick: String,
    unit: "GFLOP/s",
    amount: (n) => 2e-9 * n ** 3,
    cost: (n) => n ** 3,
  },
  {
    name: "conv2d",
    title: "Convolution",
    about: `3 × 3, ${channels} → ${channels} channels, on one image of n × n, padded to the same size. Operations are counted as direct ones.`,
    sizeName: "n (edge of the image)",
    sizes: [7, 14, 28, 56, 112, 224],
    show: (n) => `${n} × ${n}`,
    tick: String,
    unit: "GFLOP/s",
    amount: (n) => 2e-9 * n * n * 9 * channels * channels,
    cost: (n) => n ** 2,
  },
  {
    name: "maxPool2d",
    title: "Max pooling",
    about: `2 × 2, ${poolingChannels} channels, on one image of n × n. Bytes are those read and written once.`,
    sizeName: "n (edge of the image)",
    sizes: [14, 28, 56, 112, 224, 448, 896],
    show: (n) => `${n} × ${n}`,
    tick: String,
    unit: "GB/s",
    amount: (n) => 5e-9 * n * n * poolingChannels,
    cost: (n) => n ** 2,
  },
  {
    name: "elementwise",
    title: "Elementwise",
    about:
      "gelu(x · y + z) of n elements, fused into one kernel. Bytes are three operands read and one result written.",
    sizeName: "n (elements)",
    sizes: [1, 4, 16, 64, 256, 1024, 4096, 16384].map((thousand) => 1024 * thousand),
    show: binary,
    tick: binary,
    unit: "GB/s",
    amount: (n) => 16e-9 * n,
    cost: (n) => n,
  },
  {
    name: "eigh",
    title: "Eigenvalues",
    about: `Values and vectors of ${matrices} symmetric n × n matrices. Operations are counted as 9 n³ a matrix; the GPU's kernel goes up to n = 32.`,
    sizeName: "n",
    sizes: [4, 8, 16, 32, 64, 128, 256],
    show: (n) => `${n} × ${n}`,
    tick: String,
    unit: "GFLOP/s",
    amount: (n) => 9e-9 * matrices * n ** 3,
    cost: (n) => n ** 3,
  },
  {
    name: "training",
    title: "LeNet-5 training",
    about: "One step on n images of 28 × 28: forward, backward and Adam's update. The weights stay where they are.",
    sizeName: "n (images a step)",
    sizes: [1, 4, 16, 64, 256, 1024],
    show: (n) => (n === 1 ? "1 image" : `${n} images`),
    tick: String,
    unit: "images/s",
    amount: (n) => n,
    cost: (n) => n + 8,
  },
];

export function workNamed(name: WorkName): Work {
  const work = works.find((entry) => entry.name === name);
  if (work === undefined) throw new RangeError(`there is no work named ${name}`);
  return work;
}
