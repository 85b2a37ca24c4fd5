// Where one line of a chart goes below another for good. Pure functions. Read next: size-chart.ts.

/** Milliseconds of both at one size; undefined where one was not measured. */
export interface Pair {
  readonly size: number;
  readonly cpu: number | undefined;
  readonly gpu: number | undefined;
}

/**
 * The size from which the GPU takes less time at every larger size that was measured on both: on the straight line between two
 * points of a logarithmic chart. Infinity if the CPU is ahead at the largest, the smallest size if the GPU always is;
 * undefined if there is no size with both.
 */
export function crossover(pairs: readonly Pair[]): number | undefined {
  const both = pairs
    .flatMap(({ size, cpu, gpu }) =>
      cpu === undefined || gpu === undefined ? [] : [{ size, lead: Math.log(gpu / cpu) }],
    )
    .sort((a, b) => a.size - b.size);
  const last = both.map(({ lead }) => lead >= 0).lastIndexOf(true);
  const before = both[last];
  const after = both[last + 1];
  if (after === undefined) return both.length === 0 ? undefined : Infinity;
  if (before === undefined) return after.size;
  const share = before.lead / (before.lead - after.lead);
  return before.size * (after.size / before.size) ** share;
}
