// The gradient of attention by workers that share a product: first dQ, eight queries at a time, then dK and dV, eight keys at a
// time. Both make the scores anew. They write different outputs, so no worker waits for another.
// Words and scratch are those of attention-gradient.ts. Read next: attention-panel.ts.
import { accumulate, multiplyBlock, packed, Panel, Shape, storeTurned } from "./attention-panel";
import { BASE, maskAcross, maskDown, slopesAcross, slopesDown } from "./attention-slopes";
import { packColumns } from "../products/matmul-pack";
import { Share, Words } from "../program/words";

/** dQ, of this worker's share of all panels of queries. */
export function queryPass(args: usize, scratch: usize, worker: i32, workers: i32): void {
  const queries = Shape.queries(args, BASE);
  const keys = Shape.keys(args, BASE);
  const depth = Shape.depth(args, BASE);
  const width = Shape.width(args, BASE);
  const isCausal = (Shape.flags(args, BASE) & 1) != 0;
  const panels = (queries + Panel.LANES - 1) / Panel.LANES;
  const items = Shape.batch0(args, BASE) * Shape.batch1(args, BASE) * panels;
  const keyBytes = Panel.packed(keys, depth);
  const valueBytes = Panel.packed(keys, width);
  const turnedBytes = Panel.packed(depth, keys);
  const depthBytes = Panel.columns(depth);
  const widthBytes = Panel.columns(width);
  const keyRows = scratch;
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
      const key = Shape.matrix(args, BASE, 1, product);
      const value = Shape.matrix(args, BASE, 2, product);
      packed(key, Shape.row(args, BASE, 1), Shape.column(args, BASE, 1), keys, depth, keyRows);
      packed(key, Shape.column(args, BASE, 1), Shape.row(args, BASE, 1), depth, keys, keyColumns);
      packed(value, Shape.row(args, BASE, 2), Shape.column(args, BASE, 2), keys, width, valueRows);
    }
    const row = Shape.row(args, BASE, 0);
    const query = Shape.matrix(args, BASE, 0, product) + ((first * row) as usize) * 4;
    const place = (product * queries + first) as usize;
    packColumns<f32>(query, row, Shape.column(args, BASE, 0), valid, depth, queryPanel);
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
      maskDown(args, product, scores, count, first, t, valid, buffer);
      slopesDown(scores, slopes, count, statistics);
      accumulate(depth, keyColumns, keys, t, count, slopes, sums, t == 0);
    }
    storeTurned(sums, depth, valid, Words.pointer(args, 6) + place * (depth as usize) * 4, (depth as usize) * 4);
  }
}

/** dK and dV, of this worker's share of all panels of keys. */
export function keyPass(args: usize, scratch: usize, worker: i32, workers: i32): void {
  const queries = Shape.queries(args, BASE);
  const keys = Shape.keys(args, BASE);
  const depth = Shape.depth(args, BASE);
  const width = Shape.width(args, BASE);
  const isCausal = (Shape.flags(args, BASE) & 1) != 0;
  const panels = (keys + Panel.LANES - 1) / Panel.LANES;
  const items = Shape.batch0(args, BASE) * Shape.batch1(args, BASE) * panels;
  const queryBytes = Panel.packed(queries, depth);
  const outBytes = Panel.packed(queries, width);
  const turnedQueryBytes = Panel.packed(depth, queries);
  const turnedOutBytes = Panel.packed(width, queries);
  const depthBytes = Panel.columns(depth);
  const widthBytes = Panel.columns(width);
  const queryRows = scratch;
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
      const query = Shape.matrix(args, BASE, 0, product);
      const out = Words.pointer(args, 4) + rows * (width as usize) * 4;
      packed(query, Shape.row(args, BASE, 0), Shape.column(args, BASE, 0), queries, depth, queryRows);
      packed(query, Shape.column(args, BASE, 0), Shape.row(args, BASE, 0), depth, queries, queryColumns);
      packed(out, width, 1, queries, width, outRows);
      packed(out, 1, width, width, queries, outColumns);
    }
    const keyRow = Shape.row(args, BASE, 1);
    const valueRow = Shape.row(args, BASE, 2);
    const key = Shape.matrix(args, BASE, 1, product) + ((first * keyRow) as usize) * 4;
    const value = Shape.matrix(args, BASE, 2, product) + ((first * valueRow) as usize) * 4;
    packColumns<f32>(key, keyRow, Shape.column(args, BASE, 1), valid, depth, keyPanel);
    packColumns<f32>(value, valueRow, Shape.column(args, BASE, 2), valid, width, valuePanel);
    // Earlier queries do not see these keys; blocks begin at multiples of their length.
    const from = isCausal ? (min<i32>(first, queries) / Panel.ROWS) * Panel.ROWS : 0;
    if (from >= queries) {
      memory.fill(keySums, 0, depthBytes + widthBytes);
    }
    for (let t = from; t < queries; t += Panel.ROWS) {
      const count = min<i32>(Panel.ROWS, queries - t);
      multiplyBlock(count, depth, queryRows + ((t * depth) as usize) * 4, keyPanel, scores);
      multiplyBlock(count, width, outRows + ((t * width) as usize) * 4, valuePanel, slopes);
      maskAcross(args, product, scores, count, t, first, valid, buffer);
      slopesAcross(scores, slopes, count, Words.pointer(args, 5) + (rows + (t as usize)) * 8);
      accumulate(depth, queryColumns, queries, t, count, slopes, keySums, t == from);
      accumulate(width, outColumns, queries, t, count, scores, valueSums, t == from);
    }
    const step = ((depth + width) as usize) * 4;
    const place = Words.pointer(args, 7) + ((product * keys + first) as usize) * step;
    storeTurned(keySums, depth, valid, place, step);
    storeTurned(valueSums, width, valid, place + (depth as usize) * 4, step);
  }
}
