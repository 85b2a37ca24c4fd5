// The gradients of attention.ts: of the queries, and of keys and values together. With P = exp(scores - logarithms) and
// dP = dO V^T, the cotangents of the scores are dS = P (dP - delta), delta = sum(dO O) for each query; then dQ = dS K,
// dK = dS^T Q and dV = P^T dO (Dao et al., 2022). All are computed anew in blocks: nothing of queries times keys is stored.
//
// Words: query, key, value, mask, dO, statistics ([batch, queries, 2]: logarithm and delta), the outputs, scratch, and then
// those of attention.ts. dO, statistics and outputs are contiguous and have all axes of the batch.
// Read next: attention-panel.ts; bindings/ops/attention.ts, where the sums over broadcast axes are made.
import { accumulate, addMask, hideLater, multiplyBlock, packed, Panel, Shape, storeTurned } from "./attention-panel";
import { Lanes } from "./lanes";
import { packColumns } from "./matmul-pack";
import { Share, Words } from "./words";

/** slopes = P (slopes - delta), with logarithm and delta of each lane (`statistics`: eight and eight). */
function slopesDown(scores: usize, slopes: usize, count: i32, statistics: usize): void {
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
function slopesAcross(scores: usize, slopes: usize, count: i32, statistics: usize): void {
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

/** dQ. Output 0 is word 6, scratch word 7. */
export function attentionQueryGradient_f32(args: usize, worker: i32, workers: i32): void {
  const base = 8;
  const queries = Shape.queries(args, base);
  const keys = Shape.keys(args, base);
  const depth = Shape.depth(args, base);
  const width = Shape.width(args, base);
  const flags = Shape.flags(args, base);
  const isCausal = (flags & 1) != 0;
  const panels = (queries + Panel.LANES - 1) / Panel.LANES;
  const items = Shape.batch0(args, base) * Shape.batch1(args, base) * panels;
  const keyBytes = Panel.packed(keys, depth);
  const valueBytes = Panel.packed(keys, width);
  const turnedBytes = Panel.packed(depth, keys);
  const depthBytes = Panel.columns(depth);
  const widthBytes = Panel.columns(width);
  const size = keyBytes + valueBytes + turnedBytes + 2 * depthBytes + widthBytes + 3 * Panel.BLOCK + 64;
  const keyRows = Words.pointer(args, 7) + size * (worker as usize);
  const valueRows = keyRows + keyBytes;
  const keyColumns = valueRows + valueBytes;
  const queryPanel = keyColumns + turnedBytes;
  const slopePanel = queryPanel + depthBytes;
  const sums = slopePanel + widthBytes;
  const scores = sums + depthBytes;
  const slopes = scores + Panel.BLOCK;
  const buffer = slopes + Panel.BLOCK;
  const statistics = buffer + Panel.BLOCK;
  let current = -1;
  const end = Share.from(items, worker + 1, workers);
  for (let item = Share.from(items, worker, workers); item < end; item++) {
    const product = item / panels;
    const first = (item - product * panels) * Panel.LANES;
    const valid = min<i32>(Panel.LANES, queries - first);
    if (product != current) {
      current = product;
      const key = Shape.matrix(args, base, 1, product);
      const value = Shape.matrix(args, base, 2, product);
      packed(key, Shape.row(args, base, 1), Shape.column(args, base, 1), keys, depth, keyRows);
      packed(key, Shape.column(args, base, 1), Shape.row(args, base, 1), depth, keys, keyColumns);
      packed(value, Shape.row(args, base, 2), Shape.column(args, base, 2), keys, width, valueRows);
    }
    const row = Shape.row(args, base, 0);
    const query = Shape.matrix(args, base, 0, product) + ((first * row) as usize) * 4;
    const place = (product * queries + first) as usize;
    packColumns<f32>(query, row, Shape.column(args, base, 0), valid, depth, queryPanel);
    packColumns<f32>(Words.pointer(args, 4) + place * (width as usize) * 4, width, 1, valid, width, slopePanel);
    const pairs = Words.pointer(args, 5) + place * 8;
    for (let lane = 0; lane < Panel.LANES; lane++) {
      const from = pairs + (min<i32>(lane, valid - 1) as usize) * 8;
      store<f32>(statistics + ((lane as usize) << 2), load<f32>(from));
      store<f32>(statistics + ((lane as usize) << 2), load<f32>(from, 4), 32);
    }
    const visible = isCausal ? min<i32>(keys, first + valid) : keys;
    if (visible == 0) memory.fill(sums, 0, depthBytes);
    for (let t = 0; t < visible; t += Panel.ROWS) {
      const count = min<i32>(Panel.ROWS, visible - t);
      multiplyBlock(count, depth, keyRows + ((t * depth) as usize) * 4, queryPanel, scores);
      multiplyBlock(count, width, valueRows + ((t * width) as usize) * 4, slopePanel, slopes);
      if (flags & 2) {
        const lane = Shape.row(args, base, 3);
        const step = Shape.column(args, base, 3);
        const mask = Shape.matrix(args, base, 3, product) + ((first * lane + t * step) as usize) * 4;
        addMask(scores, count, mask, (lane as usize) * 4, (step as usize) * 4, valid, buffer);
      }
      if (isCausal && t + count > first + 1) hideLater(scores, count, t - first, true);
      slopesDown(scores, slopes, count, statistics);
      accumulate(depth, keyColumns, keys, t, count, slopes, sums, t == 0);
    }
    storeTurned(sums, depth, valid, Words.pointer(args, 6) + place * (depth as usize) * 4);
  }
}

/** dK and dV. Outputs are words 6 and 7, scratch word 8. */
export function attentionKeyGradient_f32(args: usize, worker: i32, workers: i32): void {
  const base = 9;
  const queries = Shape.queries(args, base);
  const keys = Shape.keys(args, base);
  const depth = Shape.depth(args, base);
  const width = Shape.width(args, base);
  const flags = Shape.flags(args, base);
  const isCausal = (flags & 1) != 0;
  const panels = (keys + Panel.LANES - 1) / Panel.LANES;
  const items = Shape.batch0(args, base) * Shape.batch1(args, base) * panels;
  const queryBytes = Panel.packed(queries, depth);
  const outBytes = Panel.packed(queries, width);
  const turnedQueryBytes = Panel.packed(depth, queries);
  const turnedOutBytes = Panel.packed(width, queries);
  const depthBytes = Panel.columns(depth);
  const widthBytes = Panel.columns(width);
  const packedBytes = queryBytes + outBytes + turnedQueryBytes + turnedOutBytes;
  const size = packedBytes + 2 * depthBytes + 2 * widthBytes + 3 * Panel.BLOCK;
  const queryRows = Words.pointer(args, 8) + size * (worker as usize);
  const outRows = queryRows + queryBytes;
  const queryColumns = outRows + outBytes;
  const outColumns = queryColumns + turnedQueryBytes;
  const keyPanel = outColumns + turnedOutBytes;
  const valuePanel = keyPanel + depthBytes;
  const keySums = valuePanel + widthBytes;
  const valueSums = keySums + depthBytes;
  const scores = valueSums + widthBytes;
  const slopes = scores + Panel.BLOCK;
  const buffer = slopes + Panel.BLOCK;
  let current = -1;
  const end = Share.from(items, worker + 1, workers);
  for (let item = Share.from(items, worker, workers); item < end; item++) {
    const product = item / panels;
    const first = (item - product * panels) * Panel.LANES;
    const valid = min<i32>(Panel.LANES, keys - first);
    const rows = (product * queries) as usize;
    if (product != current) {
      current = product;
      const query = Shape.matrix(args, base, 0, product);
      const out = Words.pointer(args, 4) + rows * (width as usize) * 4;
      packed(query, Shape.row(args, base, 0), Shape.column(args, base, 0), queries, depth, queryRows);
      packed(query, Shape.column(args, base, 0), Shape.row(args, base, 0), depth, queries, queryColumns);
      packed(out, width, 1, queries, width, outRows);
      packed(out, 1, width, width, queries, outColumns);
    }
    const keyRow = Shape.row(args, base, 1);
    const valueRow = Shape.row(args, base, 2);
    const key = Shape.matrix(args, base, 1, product) + ((first * keyRow) as usize) * 4;
    const value = Shape.matrix(args, base, 2, product) + ((first * valueRow) as usize) * 4;
    packColumns<f32>(key, keyRow, Shape.column(args, base, 1), valid, depth, keyPanel);
    packColumns<f32>(value, valueRow, Shape.column(args, base, 2), valid, width, valuePanel);
    // Earlier queries do not see these keys; blocks begin at multiples of their length.
    const from = isCausal ? (min<i32>(first, queries) / Panel.ROWS) * Panel.ROWS : 0;
    if (from >= queries) {
      memory.fill(keySums, 0, depthBytes + widthBytes);
    }
    for (let t = from; t < queries; t += Panel.ROWS) {
      const count = min<i32>(Panel.ROWS, queries - t);
      multiplyBlock(count, depth, queryRows + ((t * depth) as usize) * 4, keyPanel, scores);
      multiplyBlock(count, width, outRows + ((t * width) as usize) * 4, valuePanel, slopes);
      if (flags & 2) {
        const step = Shape.row(args, base, 3);
        const lane = Shape.column(args, base, 3);
        const mask = Shape.matrix(args, base, 3, product) + ((first * lane + t * step) as usize) * 4;
        addMask(scores, count, mask, (lane as usize) * 4, (step as usize) * 4, valid, buffer);
      }
      if (isCausal && t < first + Panel.LANES) hideLater(scores, count, t - first, false);
      slopesAcross(scores, slopes, count, Words.pointer(args, 5) + (rows + (t as usize)) * 8);
      accumulate(depth, queryColumns, queries, t, count, slopes, keySums, t == from);
      accumulate(width, outColumns, queries, t, count, scores, valueSums, t == from);
    }
    const place = (product * keys + first) as usize;
    storeTurned(keySums, depth, valid, Words.pointer(args, 6) + place * (depth as usize) * 4);
    storeTurned(valueSums, width, valid, Words.pointer(args, 7) + place * (width as usize) * 4);
  }
}
