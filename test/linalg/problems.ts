// Matrices with known difficulties, as rows of f64, and naive f64 arithmetic to judge decompositions by: residuals and
// orthogonality in units of n ε. Shares no code with bindings/. Read next: eigh.test.ts.

export type Rows = readonly Float64Array[];

/** Both precisions with their units, the distance from 1 to the next number. */
export const precisions = [
  { dtype: "f32", epsilon: 2 ** -23 },
  { dtype: "f64", epsilon: 2 ** -52 },
] as const;

/** Numbers in [-1, 1) that every run repeats. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

export function fill(m: number, n: number, element: (i: number, j: number) => number): Rows {
  return Array.from({ length: m }, (_, i) => Float64Array.from({ length: n }, (__, j) => element(i, j)));
}

export function random(m: number, n: number, seed = 1): Rows {
  const next = numbers(seed);
  return fill(m, n, () => next());
}

export const transposed = (a: Rows): Rows => fill(a[0]?.length ?? 0, a.length, (i, j) => a[j]![i]!);

export const flat = (a: Rows): number[] => a.flatMap((row) => [...row]);

/** Rows out of row-major elements. */
export function rowsOf(data: ArrayLike<number>, m: number, n: number): Rows {
  return fill(m, n, (i, j) => data[i * n + j]!);
}

/** As the element type stores it. */
export function stored(a: Rows, dtype: "f32" | "f64"): Rows {
  return dtype === "f64" ? a : a.map((row) => row.map(Math.fround));
}

export function times(a: Rows, b: Rows): Rows {
  const turned = transposed(b);
  return fill(a.length, b[0]?.length ?? 0, (i, j) => {
    const [x, y] = [a[i]!, turned[j]!];
    let sum = 0;
    for (let k = 0; k < x.length; k++) sum += x[k]! * y[k]!;
    return sum;
  });
}

export const minus = (a: Rows, b: Rows): Rows => fill(a.length, a[0]?.length ?? 0, (i, j) => a[i]![j]! - b[i]![j]!);

/** Frobenius norm, by way of the largest element. */
export function norm(a: Rows): number {
  const largest = Math.max(0, ...a.map((row) => Math.max(0, ...row.map(Math.abs))));
  if (largest === 0) return 0;
  let sum = 0;
  for (const row of a) for (const x of row) sum += (x / largest) ** 2;
  return largest * Math.sqrt(sum);
}

export const identity = (n: number): Rows => fill(n, n, (i, j) => Number(i === j));

/** ‖VᵀV − I‖ / (n ε), by columns. */
export function orthogonality(v: Rows, epsilon: number): number {
  const n = v[0]?.length ?? 0;
  return norm(minus(times(transposed(v), v), identity(n))) / (Math.max(1, v.length) * epsilon);
}

export const symmetric = (n: number, element: (i: number, j: number) => number): Rows => {
  const a = fill(n, n, (i, j) => (i >= j ? element(i, j) : 0));
  return fill(n, n, (i, j) => a[Math.max(i, j)]![Math.min(i, j)]!);
};

const wilkinson = (n: number): Rows =>
  symmetric(n, (i, j) => (i === j ? Math.abs(i - (n - 1) / 2) : Number(i - j === 1)));

/** Q diag(values) Qᵀ with Q a product of three reflections. */
export function withSpectrum(values: readonly number[], seed: number): Rows {
  const n = values.length;
  const next = numbers(seed);
  let a: Rows = fill(n, n, (i, j) => (i === j ? values[i]! : 0));
  for (let turn = 0; turn < 3; turn++) {
    const v = Float64Array.from({ length: n }, () => next());
    const factor = 2 / v.reduce((sum, x) => sum + x * x, 0);
    const h = fill(n, n, (i, j) => Number(i === j) - factor * v[i]! * v[j]!);
    a = times(times(h, a), h);
  }
  return symmetric(n, (i, j) => (a[i]![j]! + a[j]![i]!) / 2);
}

// Rosser, 1951: eigenvalues ±10√10405, 1020, 510 ± 100√26, 1000 twice, 0.
const rosser = [
  [611, 196, -192, 407, -8, -52, -49, 29],
  [196, 899, 113, -192, -71, -43, -8, -44],
  [-192, 113, 899, 196, 61, 49, 8, 52],
  [407, -192, 196, 611, 8, 44, 59, -23],
  [-8, -71, 61, 8, 411, -599, 208, 208],
  [-52, -43, 49, 44, -599, 411, 208, 208],
  [-49, -8, 8, 59, 208, 208, 99, -911],
  [29, -44, 52, -23, 208, 208, -911, 99],
];

export const rosserMatrix: Rows = rosser.map((row) => Float64Array.from(row));
export const rosserValues: readonly number[] = [
  -10 * Math.sqrt(10405),
  0,
  510 - 100 * Math.sqrt(26),
  1000,
  1000,
  1020,
  510 + 100 * Math.sqrt(26),
  10 * Math.sqrt(10405),
].sort((x, y) => x - y);

const steps = (count: number, of: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i));
const randomSymmetric = (n: number, scale = 1): Rows => {
  const next = numbers(n);
  return symmetric(n, () => scale * next());
};

/** Symmetric matrices that eigensolvers have stumbled over, by name. */
export const symmetricProblems: Readonly<Record<string, Rows>> = {
  "one by one": symmetric(1, () => -3),
  "two by two": symmetric(2, (i, j) => [2, 1, -1][i + j]!),
  "two by two, diagonal": symmetric(2, (i, j) => (i === j ? 2 - i : 0)),
  "two equal": symmetric(2, (i, j) => Number(i === j)),
  zeros: symmetric(50, () => 0),
  identity: symmetric(70, (i, j) => Number(i === j)),
  "minus identity": symmetric(33, (i, j) => -Number(i === j)),
  ones: symmetric(80, () => 1),
  "diagonal, descending": symmetric(60, (i, j) => (i === j ? 60 - i : 0)),
  "diagonal, both signs": symmetric(90, (i, j) => (i === j ? Math.sin(3 * i) : 0)),
  "diagonal with one coupling": symmetric(40, (i, j) => (i === j ? i : Number(i === 39 && j === 0))),
  "wilkinson 21": wilkinson(21),
  "wilkinson 101": wilkinson(101),
  "glued wilkinson": symmetric(84, (i, j) => {
    if (i === j) return Math.abs((i % 21) - 10);
    return i - j === 1 ? (i % 21 === 0 ? 1e-8 : 1) : 0;
  }),
  rosser: rosserMatrix,
  "hilbert 12": symmetric(12, (i, j) => 1 / (i + j + 1)),
  "hilbert 60": symmetric(60, (i, j) => 1 / (i + j + 1)),
  "second difference": symmetric(120, (i, j) => (i === j ? 2 : -Number(i - j === 1))),
  "off-diagonal only": symmetric(65, (i, j) => Number(i - j === 1)),
  "tridiagonal, graded": symmetric(70, (i, j) => (i === j ? 10 ** (-i / 7) : i - j === 1 ? 10 ** (-i / 6) : 0)),
  "graded down": symmetric(64, (i, j) => 10 ** (-(i + j) / 10)),
  "graded up": symmetric(64, (i, j) => 10 ** (-(126 - i - j) / 10)),
  clustered: withSpectrum(
    steps(75, (i) => 1 + 1e-9 * i),
    3,
  ),
  "clusters of ten": withSpectrum(
    steps(100, (i) => Math.floor(i / 10) + 1e-12 * i),
    4,
  ),
  "all equal but one": withSpectrum(
    steps(66, (i) => (i === 0 ? -1 : 1)),
    5,
  ),
  "three values": withSpectrum(
    steps(99, (i) => (i % 3) - 1),
    6,
  ),
  "rank one": symmetric(48, (i, j) => Math.cos(i) * Math.cos(j)),
  "rank two": symmetric(77, (i, j) => Math.cos(i) * Math.cos(j) - Math.sin(2 * i) * Math.sin(2 * j)),
  "condition 1e10": withSpectrum(
    steps(64, (i) => 10 ** (-10 * (i / 63))),
    7,
  ),
  "one large": withSpectrum(
    steps(50, (i) => (i === 0 ? 1e6 : i / 50)),
    8,
  ),
  "pairs of both signs": withSpectrum(
    steps(88, (i) => (i % 2 === 0 ? 1 : -1) * Math.ceil((i + 1) / 2)),
    9,
  ),
  arrow: symmetric(64, (i, j) => (i === j ? i + 1 : j === 0 ? 1 : 0)),
  bordered: symmetric(64, (i, j) => (i === j ? i + 1 : i === 63 ? 1 : 0)),
  "scaled by 1e30": randomSymmetric(52, 1e30),
  "scaled by 1e-30": randomSymmetric(53, 1e-30),
  "subnormal in f32": randomSymmetric(20, 1e-39),
  "random 31": randomSymmetric(31),
  "random 32": randomSymmetric(32),
  "random 33": randomSymmetric(33),
  "random 64": randomSymmetric(64),
  "random 65": randomSymmetric(65),
  "random 100": randomSymmetric(100),
  "random 257": randomSymmetric(257),
};
