// The median: what of many measurements is believed. Knows nothing of what they measure.
// Read next: bindings/engine/dispatch/cost-model.ts, bindings/backends/wasm/company.ts.

/** The middle value, the upper one of two; NaN of none. The list stays as it is. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
