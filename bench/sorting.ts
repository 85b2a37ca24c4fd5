// Sorting against what JavaScript has for it, in the same run: typed arrays sort their values natively, and positions by a
// comparator. Milliseconds of a compiled call on vectors of random numbers; ratio is theirs ÷ ours, on one thread of theirs.
// Read next: measurements.ts, sample.ts.
import { tensor } from "../bindings/engine/creation.ts";
import { init, jit, shutdown, tensorsOf } from "../bindings/engine/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Measurement } from "./measurements.ts";
import { simd, threads } from "./options.ts";
import type { Row } from "./row.ts";
import { sample } from "./sample.ts";
import { generator } from "./work/operands.ts";

interface Contest {
  readonly name: string;
  readonly versus: string;
  readonly ours: (x: Tensor) => unknown;
  readonly theirs: (data: Float32Array) => unknown;
}

const positionsOf = (data: Float32Array): Uint32Array =>
  Uint32Array.from(data.keys()).sort((i, j) => (data[i] ?? 0) - (data[j] ?? 0));

const contests: readonly Contest[] = [
  { name: "sort", versus: "Float32Array.sort", ours: (x) => ops.sort(x), theirs: (data) => data.slice().sort() },
  { name: "argSort", versus: "comparator", ours: (x) => ops.argSort(x), theirs: positionsOf },
  {
    name: "topK-10",
    versus: "Float32Array.sort",
    ours: (x) => ops.topK(x, 10),
    theirs: (data) => data.slice().sort().subarray(-10),
  },
  {
    name: "searchSorted",
    versus: "bisection",
    ours: (x) => ops.searchSorted(x, x),
    theirs: (data) => Int32Array.from(data, (value) => bisect(data, value)),
  },
];

function bisect(sorted: Float32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const secondsOf = (name: string, run: () => unknown): Promise<number> =>
  sample({ run, result: () => [], dispose: () => undefined }, name);

async function measure({ name, versus, ours, theirs }: Contest, count: number, used: number): Promise<Row> {
  await init({ webgpu: "off", tune: "off", threads: used, simd: simd[0] ?? "auto" });
  const next = generator();
  const data = Float32Array.from({ length: count }, next);
  if (name === "searchSorted") data.sort();
  const x = tensor(data);
  const compiled = jit((operand: Tensor) => tensorsOf(ours(operand)));
  let last: readonly Tensor[] = [];
  const full = `${name}/${count}`;
  const mine = await secondsOf(full, () => {
    for (const old of last) old.dispose();
    last = compiled(x);
  });
  const other = await secondsOf(`${full} (${versus})`, () => void theirs(data));
  compiled.dispose();
  await shutdown();
  return { name: full, backend: "wasm", threads: used, value: 1000 * mine, unit: "ms", versus, ratio: other / mine };
}

export const sortingMeasurements: readonly Measurement[] = contests.flatMap((contest) =>
  [1000, 1_000_000].map((count): Measurement => ({
    name: `${contest.name}/${count}`,
    long: count > 1000,
    measure: async () => {
      const rows: Row[] = [];
      for (const used of threads) rows.push(await measure(contest, count, used));
      return rows;
    },
  })),
);
