// Attention: softmax(Q K^T + mask) V for a batch of heads, in blocks of keys with a running maximum and sum, so that no
// array of queries times keys exists (Milakov and Gimelshein, 2018; Dao et al., FlashAttention, 2022). Beside the result it
// writes log(sum(exp(scores))) of each query, from which the gradients compute the weights anew. A query that sees no
// key gets zeros, and infinity for its logarithm.
//
// Words: query, key, value, mask, out, logarithms, scratch, batch0, batch1, queries, keys, depth, width, flags, then row,
// column, batch0 and batch1 stride of query, key, value and mask. Scores arrive scaled: the host scales the queries.
// Scratch: see attentionScratch in bindings/ops/attention-scratch.ts.
// Read next: attention-panel.ts for the blocks, attention-gradient.ts.
import {
  accumulate,
  addMask,
  hideLater,
  multiplyBlock,
  packed,
  Panel,
  scaleLanes,
  Shape,
  storeTurned,
  whereZero,
} from "./attention-panel";
import { Lanes } from "../lanes/lanes";
import { Vector } from "../lanes/lanes-vector";
import { packColumns } from "../products/matmul-pack";
import { Share, Words } from "../program/words";

const BASE: i32 = 7;
/** The maximum of nothing: below every score that counts, and finite, so that differences to it exist. */
const LOWEST: usize = memory.data<f32>([-3.40282347e38], 16);

/** The larger of the maxima and of all scores of their lane. */
function maxima(scores: usize, count: i32, state: usize): void {
  let low = v128.load(state);
  let high = v128.load(state, 16);
  const end = scores + (count as usize) * Panel.STEP;
  for (; scores < end; scores += Panel.STEP) {
    low = Vector.atLeast(v128.load(scores), low);
    high = Vector.atLeast(v128.load(scores, 16), high);
  }
  v128.store(state, low);
  v128.store(state, high, 16);
}

/** scores = exp(scores - maxima); adds them to the sums behind the maxima. */
function exponentials(scores: usize, count: i32, state: usize): void {
  const maximumLow = v128.load(state);
  const maximumHigh = v128.load(state, 16);
  let low = v128.load(state, 32);
  let high = v128.load(state, 48);
  const end = scores + (count as usize) * Panel.STEP;
  for (; scores < end; scores += Panel.STEP) {
    const x = Lanes.exp(f32x4.sub(v128.load(scores), maximumLow));
    const y = Lanes.exp(f32x4.sub(v128.load(scores, 16), maximumHigh));
    v128.store(scores, x);
    v128.store(scores, y, 16);
    low = f32x4.add(low, x);
    high = f32x4.add(high, y);
  }
  v128.store(state, low, 32);
  v128.store(state, high, 48);
}

/** One block into the running softmax of eight queries. */
function absorb(scores: usize, count: i32, state: usize, sums: usize, width: i32, isFirst: bool): void {
  const oldLow = v128.load(state);
  const oldHigh = v128.load(state, 16);
  maxima(scores, count, state);
  if (!isFirst) {
    const low = Lanes.exp(f32x4.sub(oldLow, v128.load(state)));
    const high = Lanes.exp(f32x4.sub(oldHigh, v128.load(state, 16)));
    scaleLanes(state + 32, 1, low, high);
    scaleLanes(sums, width, low, high);
  }
  exponentials(scores, count, state);
}

/** The result and the logarithms of up to eight queries. */
function finish(state: usize, sums: usize, width: i32, valid: i32, out: usize, logarithms: usize): void {
  const low = v128.load(state, 32);
  const high = v128.load(state, 48);
  const zero = i32x4.splat(0);
  const one = Vector.one();
  scaleLanes(sums, width, whereZero(low, zero, f32x4.div(one, low)), whereZero(high, zero, f32x4.div(one, high)));
  storeTurned(sums, width, valid, out, (width as usize) * 4);
  const infinity = Vector.infinity();
  v128.store(state, whereZero(low, infinity, f32x4.add(v128.load(state), Lanes.log(low))));
  v128.store(state, whereZero(high, infinity, f32x4.add(v128.load(state, 16), Lanes.log(high))), 16);
  memory.copy(logarithms, state, (valid as usize) * 4);
}

export function attention_f32(args: usize, worker: i32, workers: i32): void {
  const queries = Shape.queries(args, BASE);
  const keys = Shape.keys(args, BASE);
  const depth = Shape.depth(args, BASE);
  const width = Shape.width(args, BASE);
  const flags = Shape.flags(args, BASE);
  const isCausal = (flags & 1) != 0;
  const panels = (queries + Panel.LANES - 1) / Panel.LANES;
  const items = Shape.batch0(args, BASE) * Shape.batch1(args, BASE) * panels;
  const packedKeys = Panel.packed(keys, depth);
  const packedValues = Panel.packed(width, keys);
  const panelBytes = Panel.columns(depth);
  const sumBytes = Panel.columns(width);
  const size = packedKeys + packedValues + panelBytes + sumBytes + 2 * Panel.BLOCK + 64;
  const keyRows = Words.pointer(args, 6) + size * (worker as usize);
  const valueColumns = keyRows + packedKeys;
  const panel = valueColumns + packedValues;
  const sums = panel + panelBytes;
  const scores = sums + sumBytes;
  const buffer = scores + Panel.BLOCK;
  const state = buffer + Panel.BLOCK;
  let current = -1;
  const end = Share.from(items, worker + 1, workers);
  for (let item = Share.from(items, worker, workers); item < end; item++) {
    const product = item / panels;
    const first = (item - product * panels) * Panel.LANES;
    const valid = min<i32>(Panel.LANES, queries - first);
    if (product != current) {
      current = product;
      const key = Shape.matrix(args, BASE, 1, product);
      const value = Shape.matrix(args, BASE, 2, product);
      packed(key, Shape.row(args, BASE, 1), Shape.column(args, BASE, 1), keys, depth, keyRows);
      packed(value, Shape.column(args, BASE, 2), Shape.row(args, BASE, 2), width, keys, valueColumns);
    }
    const row = Shape.row(args, BASE, 0);
    const query = Shape.matrix(args, BASE, 0, product) + ((first * row) as usize) * 4;
    packColumns<f32>(query, row, Shape.column(args, BASE, 0), valid, depth, panel);
    const lowest = Vector.at(LOWEST, 0);
    v128.store(state, lowest);
    v128.store(state, lowest, 16);
    v128.store(state, i32x4.splat(0), 32);
    v128.store(state, i32x4.splat(0), 48);
    const visible = isCausal ? min<i32>(keys, first + valid) : keys;
    if (visible == 0) memory.fill(sums, 0, sumBytes);
    for (let t = 0; t < visible; t += Panel.ROWS) {
      const count = min<i32>(Panel.ROWS, visible - t);
      multiplyBlock(count, depth, keyRows + ((t * depth) as usize) * 4, panel, scores);
      if (flags & 2) {
        const lane = Shape.row(args, BASE, 3);
        const step = Shape.column(args, BASE, 3);
        const mask = Shape.matrix(args, BASE, 3, product) + ((first * lane + t * step) as usize) * 4;
        addMask(scores, count, mask, (lane as usize) * 4, (step as usize) * 4, valid, buffer);
      }
      if (isCausal && t + count > first + 1) hideLater(scores, count, t - first, true);
      absorb(scores, count, state, sums, width, t == 0);
      accumulate(width, valueColumns, keys, t, count, scores, sums, t == 0);
    }
    const place = ((product * queries + first) as usize) * 4;
    finish(
      state,
      sums,
      width,
      valid,
      Words.pointer(args, 4) + place * (width as usize),
      Words.pointer(args, 5) + place,
    );
  }
}
