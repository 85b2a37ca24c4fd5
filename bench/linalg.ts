// Dense linear algebra that no peer is raced at: decompositions in f64, and some more in f32. Milliseconds of a
// compiled call, and the share of this machine's peak by the operations that textbooks count (Golub and Van Loan). The f32
// decompositions are work of their own. Read next: measurements.ts, sample.ts, work/work.ts.
import { tensor } from "../bindings/engine/creation.ts";
import { init, jit, shutdown, tensorsOf } from "../bindings/engine/index.ts";
import * as linalg from "../bindings/linalg/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Measurement } from "./measurements.ts";
import { simd, threads } from "./options.ts";
import { Peak } from "./peak.ts";
import type { Row } from "./row.ts";
import { sample } from "./sample.ts";

type Precision = "f32" | "f64";

interface Problem {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** symmetric: as eigh needs it; positive: diagonally dominant as well. */
  readonly kind: "general" | "symmetric" | "positive";
  readonly flops: number;
  readonly long: boolean;
  /** Measured in these. */
  readonly dtypes: readonly Precision[];
  readonly compute: (a: Tensor) => unknown;
}

const square = (
  op: string,
  size: number,
  kind: Problem["kind"],
  flops: number,
  compute: Problem["compute"],
  dtypes: Problem["dtypes"] = ["f64"],
): Problem => ({
  name: `linalg/${op}-${size}`,
  rows: size,
  columns: size,
  kind,
  flops: flops * size ** 3,
  long: size > 512,
  dtypes,
  compute,
});

const problems: readonly Problem[] = [
  ...[32, 64, 128, 256, 512].map((n) => square("eigh", n, "symmetric", 9, (a) => linalg.eigh(a))),
  square("eigh", 1024, "symmetric", 9, (a) => linalg.eigh(a), ["f32", "f64"]),
  ...[512, 1024].map((n) => square("eigvalsh", n, "symmetric", 4 / 3, (a) => linalg.eigvalsh(a), ["f32", "f64"])),
  {
    name: "linalg/svd-512x256",
    rows: 512,
    columns: 256,
    kind: "general",
    flops: 4 * 512 * 256 ** 2 + 22 * 256 ** 3,
    long: false,
    dtypes: ["f64"],
    compute: (a) => linalg.svd(a),
  },
  square("qr", 512, "general", 8 / 3, (a) => linalg.qr(a)),
  square("lu", 512, "general", 2 / 3, (a) => linalg.lu(a), ["f32", "f64"]),
  square("cholesky", 512, "positive", 1 / 3, (a) => linalg.cholesky(a)),
  ...[512, 1024].flatMap((n) => {
    const column = (a: Tensor): Tensor => a.slice([0, 0], [n, 1]);
    return [
      square("solve", n, "general", 2 / 3, (a) => linalg.solve(a, column(a))),
      // The same answers from factors in f32: what it gains is the difference to the row before.
      square("solve-refined", n, "general", 2 / 3, (a) => linalg.solve(a, column(a), { refine: true })),
    ];
  }),
  square("inv", 512, "general", 2, (a) => linalg.inv(a), ["f32", "f64"]),
  square("eig", 128, "general", 25, (a) => linalg.eig(a)),
  ...[1024, 1000, 1009].map((n): Problem => ({
    name: `linalg/fft-1024x${String(n)}`,
    rows: 1024,
    columns: n,
    kind: "general",
    flops: 5 * 1024 * n * Math.log2(n),
    long: false,
    dtypes: ["f32", "f64"],
    compute: (a) => linalg.fft(a),
  })),
];

/** The same numbers in every run. */
function elements({ rows, columns, kind }: Problem): Float64Array {
  let state = 1;
  const values = Float64Array.from({ length: rows * columns }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  if (kind === "general") return values;
  return values.map((_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const value = values[Math.min(row, column) * columns + Math.max(row, column)] ?? 0;
    return kind === "positive" && row === column ? value + rows : value;
  });
}

const nameOf = (problem: Problem, dtype: Precision): string => `${problem.name}${dtype === "f64" ? "-f64" : ""}`;

let peak: Peak | undefined;

async function measure(problem: Problem, dtype: Precision, count: number): Promise<Row> {
  peak ??= new Peak();
  await init({ webgpu: "off", tune: "off", threads: count, simd: simd[0] ?? "auto" });
  const a = tensor(elements(problem), { shape: [problem.rows, problem.columns], dtype });
  const compiled = jit((x: Tensor) => tensorsOf(problem.compute(x)));
  let last: readonly Tensor[] = [];
  const name = nameOf(problem, dtype);
  const run = (): void => {
    for (const old of last) old.dispose();
    last = compiled(a);
  };
  const seconds = await sample({ run, result: () => [], dispose: () => undefined }, name);
  compiled.dispose();
  await shutdown();
  const limit = dtype === "f64" ? peak.flops() / 2 : peak.flops();
  const ratio = problem.flops / seconds / limit / count;
  return { name, backend: "wasm", threads: count, value: 1000 * seconds, unit: "ms", versus: "peak", ratio };
}

/** A row for each number of threads that was asked for, and how many times as fast as on one they are. */
async function measureAll(problem: Problem, dtype: Precision): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const count of threads) rows.push(await measure(problem, dtype, count));
  const single = rows.find((row) => row.threads === 1);
  return rows.flatMap((row) => {
    if (row.threads === 1 || !row.value || !single?.value) return [row];
    return [row, { ...row, versus: "1 thread", ratio: single.value / row.value }];
  });
}

export const linalgMeasurements: readonly Measurement[] = problems.flatMap((problem) =>
  problem.dtypes.map((dtype): Measurement => ({
    name: `${problem.name} ${dtype}`,
    long: problem.long,
    measure: () => measureAll(problem, dtype),
  })),
);
