// From scores to weights and to the cotangents of scores: what the passes of attention's gradient share.
// With P = exp(scores - logarithm) and dP = dO V^T, these are dS = P (dP - delta). Layouts are those of attention-panel.ts.
// Read next: attention-gradient.ts, which says where they come from and go to.
import { addMask, hideLater, Panel, Shape } from "./attention-panel";
import { Lanes } from "../lanes/lanes";

/** Index of the word batch0 in a call of the gradient. */
export const BASE: i32 = 9;

/** slopes = P (slopes - delta), with logarithm and delta of each lane (`statistics`: eight and eight). */
export function slopesDown(scores: usize, slopes: usize, count: i32, statistics: usize): void {
  const logarithmLow = v128.load(statistics);
  const logarithmHigh = v128.load(statistics, 16);
  const deltaLow = v128.load(statistics, 32);
  const deltaHigh = v128.load(statistics, 48);
  const end = scores + (count as usize) * Panel.STEP;
  for (; scores < end; scores += Panel.STEP) {
    const x = Lanes.exp(f32x4.sub(v128.load(scores), logarithmLow));
    const y = Lanes.exp(f32x4.sub(v128.load(scores, 16), logarithmHigh));
    v128.store(slopes, f32x4.mul(x, f32x4.sub(v128.load(slopes), deltaLow)));
    v128.store(slopes, f32x4.mul(y, f32x4.sub(v128.load(slopes, 16), deltaHigh)), 16);
    slopes += Panel.STEP;
  }
}

/** The same with logarithm and delta of each row (pairs), and P itself into `scores`. */
export function slopesAcross(scores: usize, slopes: usize, count: i32, statistics: usize): void {
  const end = scores + (count as usize) * Panel.STEP;
  for (; scores < end; scores += Panel.STEP) {
    const logarithm = v128.load32_splat(statistics);
    const delta = v128.load32_splat(statistics, 4);
    const x = Lanes.exp(f32x4.sub(v128.load(scores), logarithm));
    const y = Lanes.exp(f32x4.sub(v128.load(scores, 16), logarithm));
    v128.store(scores, x);
    v128.store(scores, y, 16);
    v128.store(slopes, f32x4.mul(x, f32x4.sub(v128.load(slopes), delta)));
    v128.store(slopes, f32x4.mul(y, f32x4.sub(v128.load(slopes, 16), delta)), 16);
    slopes += Panel.STEP;
    statistics += 8;
  }
}

/** Mask and order of time for scores whose rows are keys from `key` on and whose lanes are queries from `query` on. */
export function maskDown(
  args: usize,
  product: i32,
  scores: usize,
  count: i32,
  query: i32,
  key: i32,
  valid: i32,
  buffer: usize,
): void {
  const flags = Shape.flags(args, BASE);
  if (flags & 2) {
    const lane = Shape.row(args, BASE, 3);
    const step = Shape.column(args, BASE, 3);
    const mask = Shape.matrix(args, BASE, 3, product) + ((query * lane + key * step) as usize) * 4;
    addMask(scores, count, mask, (lane as usize) * 4, (step as usize) * 4, valid, buffer);
  }
  if (flags & 1 && key + count > query + 1) hideLater(scores, count, key - query, true);
}

/** The same for rows that are queries and lanes that are keys. */
export function maskAcross(
  args: usize,
  product: i32,
  scores: usize,
  count: i32,
  query: i32,
  key: i32,
  valid: i32,
  buffer: usize,
): void {
  const flags = Shape.flags(args, BASE);
  if (flags & 2) {
    const step = Shape.row(args, BASE, 3);
    const lane = Shape.column(args, BASE, 3);
    const mask = Shape.matrix(args, BASE, 3, product) + ((key * lane + query * step) as usize) * 4;
    addMask(scores, count, mask, (lane as usize) * 4, (step as usize) * 4, valid, buffer);
  }
  if (flags & 1 && query < key + Panel.LANES) hideLater(scores, count, query - key, false);
}
