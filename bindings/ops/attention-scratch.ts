// Bytes of working memory of the attention kernels: the sums at the heads of the loops in assembly/attention/attention.ts and
// attention-gradient.ts, as functions of the lengths. Too little here is memory corruption there.
// Knows nothing of tensors. Read next: assembly/attention/attention-panel.ts; scratch.ts for the other kernels.

/** The lengths that scratch depends on. */
export interface AttentionLengths {
  readonly queries: number;
  readonly keys: number;
  /** Length of a query and a key. */
  readonly depth: number;
  /** Length of a value. */
  readonly width: number;
}

const padded = (rows: number): number => Math.ceil(rows / 30) * 30;
const packed = (rows: number, depth: number): number => Math.ceil((padded(rows) * depth * 4) / 64) * 64;
const columns = (depth: number): number => padded(depth) * 32;
const block = 7680;

export function attentionScratch({ keys, depth, width }: AttentionLengths): (workers: number) => number {
  const bytes = packed(keys, depth) + packed(width, keys) + columns(depth) + columns(width) + 2 * block + 64;
  return (workers) => workers * bytes;
}

/** Panels of keys that the gradient takes at once. */
const group = 8;

export function attentionGradientScratch({
  queries,
  keys,
  depth,
  width,
}: AttentionLengths): (workers: number) => number {
  const ofQueries = packed(queries, depth) + packed(queries, width) + packed(depth, queries) + packed(width, queries);
  const ofKeys = packed(keys, depth) + packed(keys, width) + packed(depth, keys);
  const operands = Math.max(ofQueries + columns(keys) * Math.ceil(depth / 8), ofKeys);
  const bytes = operands + 2 * (columns(depth) + columns(width)) * group + (3 + group) * block + 256;
  return (workers) => workers * bytes;
}
