// The gradients of attention.ts. With P = exp(scores - logarithms) and dP = dO V^T, the cotangents of the scores are
// dS = P (dP - delta), delta = sum(dO O) for each query; then dQ = dS K, dK = dS^T Q and dV = P^T dO (Dao et al., 2022).
// All are computed anew in blocks: nothing of queries times keys is stored.
//
// Words: query, key, value, mask, dO, statistics ([batch, queries, 2]: logarithm and delta), dQ, [dK, dV] side by side,
// scratch, and then those of attention.ts. dO, statistics and outputs are contiguous and have all axes of the batch.
// Where there are products for all workers, one pass over a product makes all three (this file). Where there are fewer,
// the workers share the queries of dQ, then the keys of dK and dV, which makes scores twice: attention-gradient-shared.ts.
import { queryPass, keyPass } from "./attention-gradient-shared";
import { accumulate, multiplyBlock, packed, Panel, Shape, storeTurned } from "./attention-panel";
import { BASE, maskAcross, slopesAcross } from "./attention-slopes";
import { interleaveRows, packColumns } from "../products/matmul-pack";
import { multiplyPanels, Tile } from "../products/matmul-tile";
import { Share, Words } from "../program/words";

/** Panels of keys whose slopes are collected before they meet the keys: a product of depth 64. */
const GROUP: i32 = 8;

/** Slopes [count][8] as the columns from `lane` on of packed rows of depth `depth`. */
function collect(slopes: usize, count: i32, depth: i32, lane: i32, target: usize): void {
  const tileRows = Tile.rows<f32>();
  const step = (tileRows as usize) * (depth as usize) * 4;
  target += (lane as usize) * (tileRows as usize) * 4;
  const lanes = min<i32>(Panel.LANES, depth - lane);
  for (let i = 0; i < count; i += tileRows) {
    // Rows past the last are whatever the block holds there; nobody stores what the tile makes of them.
    const r = slopes + (i as usize) * Panel.STEP;
    interleaveRows<f32>(r, r + 32, r + 64, r + 96, r + 128, r + 160, lanes, target);
    target += step;
  }
}

/** All gradients of one product. `scratch` is the worker's own. */
function wholePass(args: usize, product: i32, scratch: usize): void {
  const queries = Shape.queries(args, BASE);
  const keys = Shape.keys(args, BASE);
  const depth = Shape.depth(args, BASE);
  const width = Shape.width(args, BASE);
  const isCausal = (Shape.flags(args, BASE) & 1) != 0;
  const depthBytes = Panel.columns(depth);
  const widthBytes = Panel.columns(width);
  const queryRows = scratch;
  const outRows = queryRows + Panel.packed(queries, depth);
  const queryColumns = outRows + Panel.packed(queries, width);
  const outColumns = queryColumns + Panel.packed(depth, queries);
  const keyColumns = outColumns + Panel.packed(width, queries);
  const keyPanels = keyColumns + Panel.columns(keys) * (((depth + 7) >> 3) as usize);
  const valuePanels = keyPanels + depthBytes * GROUP;
  const keySums = valuePanels + widthBytes * GROUP;
  const valueSums = keySums + depthBytes * GROUP;
  const scores = valueSums + widthBytes * GROUP;
  const slopes = scores + Panel.BLOCK;
  const buffer = slopes + Panel.BLOCK;
  const collected = buffer + Panel.BLOCK;
  const edge = collected + Panel.BLOCK * GROUP;
  const rows = (product * queries) as usize;
  const query = Shape.matrix(args, BASE, 0, product);
  const key = Shape.matrix(args, BASE, 1, product);
  const value = Shape.matrix(args, BASE, 2, product);
  const out = Words.pointer(args, 4) + rows * (width as usize) * 4;
  const statistics = Words.pointer(args, 5) + rows * 8;
  const queryGradient = Words.pointer(args, 6) + rows * (depth as usize) * 4;
  const step = ((depth + width) as usize) * 4;
  const gradient = Words.pointer(args, 7) + ((product * keys) as usize) * step;
  packed(query, Shape.row(args, BASE, 0), Shape.column(args, BASE, 0), queries, depth, queryRows);
  packed(query, Shape.column(args, BASE, 0), Shape.row(args, BASE, 0), depth, queries, queryColumns);
  packed(out, width, 1, queries, width, outRows);
  packed(out, 1, width, width, queries, outColumns);
  if (keys > 0 && depth > 0) {
    packColumns<f32>(key, Shape.column(args, BASE, 1), Shape.row(args, BASE, 1), depth, keys, keyColumns);
  } else {
    memory.fill(queryGradient, 0, ((queries * depth) as usize) * 4);
  }
  const keyRow = Shape.row(args, BASE, 1);
  const valueRow = Shape.row(args, BASE, 2);
  for (let group = 0; group < keys; group += GROUP * Panel.LANES) {
    const inGroup = min<i32>(GROUP * Panel.LANES, keys - group);
    const panels = (inGroup + Panel.LANES - 1) / Panel.LANES;
    for (let p = 0; p < panels; p++) {
      const first = group + p * Panel.LANES;
      const valid = min<i32>(Panel.LANES, keys - first);
      const k = key + ((first * keyRow) as usize) * 4;
      const v = value + ((first * valueRow) as usize) * 4;
      packColumns<f32>(k, keyRow, Shape.column(args, BASE, 1), valid, depth, keyPanels + depthBytes * (p as usize));
      packColumns<f32>(v, valueRow, Shape.column(args, BASE, 2), valid, width, valuePanels + widthBytes * (p as usize));
    }
    // Earlier queries do not see these keys; blocks begin at multiples of their length.
    const from = isCausal ? (min<i32>(group, queries) / Panel.ROWS) * Panel.ROWS : 0;
    if (from >= queries) memory.fill(keySums, 0, (depthBytes + widthBytes) * GROUP);
    for (let t = from; t < queries; t += Panel.ROWS) {
      const count = min<i32>(Panel.ROWS, queries - t);
      for (let p = 0; p < panels; p++) {
        const first = group + p * Panel.LANES;
        const valid = min<i32>(Panel.LANES, keys - first);
        const forKey = depthBytes * (p as usize);
        const forValue = widthBytes * (p as usize);
        multiplyBlock(count, depth, queryRows + ((t * depth) as usize) * 4, keyPanels + forKey, scores);
        multiplyBlock(count, width, outRows + ((t * width) as usize) * 4, valuePanels + forValue, slopes);
        maskAcross(args, product, scores, count, t, first, valid, buffer);
        slopesAcross(scores, slopes, count, statistics + (t as usize) * 8);
        accumulate(depth, queryColumns, queries, t, count, slopes, keySums + forKey, t == from);
        accumulate(width, outColumns, queries, t, count, scores, valueSums + forValue, t == from);
        collect(slopes, count, inGroup, p * Panel.LANES, collected);
      }
      const place = queryGradient + ((t * depth) as usize) * 4;
      const panelBytes = (keys as usize) * Tile.WIDTH;
      const part = keyColumns + (group as usize) * Tile.WIDTH;
      const rowBytes = (depth as usize) * 4;
      multiplyPanels<f32>(
        count,
        depth,
        inGroup,
        collected,
        part,
        panelBytes,
        Tile.WIDTH,
        place,
        rowBytes,
        edge,
        group > 0,
      );
    }
    for (let p = 0; p < panels; p++) {
      const first = group + p * Panel.LANES;
      const valid = min<i32>(Panel.LANES, keys - first);
      const place = gradient + (first as usize) * step;
      storeTurned(keySums + depthBytes * (p as usize), depth, valid, place, step);
      storeTurned(valueSums + widthBytes * (p as usize), width, valid, place + (depth as usize) * 4, step);
    }
  }
}

/** Bytes of one worker's scratch, whichever passes it makes. */
function scratchBytes(queries: i32, keys: i32, depth: i32, width: i32): usize {
  const rows = Panel.packed(queries, depth) + Panel.packed(queries, width);
  const turned = Panel.packed(depth, queries) + Panel.packed(width, queries);
  const columns = Panel.columns(keys) * (((depth + 7) >> 3) as usize);
  const ofKeys = Panel.packed(keys, depth) + Panel.packed(keys, width) + Panel.packed(depth, keys);
  const panels = (Panel.columns(depth) + Panel.columns(width)) * 2 * GROUP;
  return max<usize>(rows + turned + columns, ofKeys) + panels + Panel.BLOCK * (3 + GROUP) + Tile.EDGE;
}

export function attentionGradient_f32(args: usize, worker: i32, workers: i32): void {
  const queries = Shape.queries(args, BASE);
  const keys = Shape.keys(args, BASE);
  const size = scratchBytes(queries, keys, Shape.depth(args, BASE), Shape.width(args, BASE));
  const scratch = Words.pointer(args, 8) + size * (worker as usize);
  const products = Shape.batch0(args, BASE) * Shape.batch1(args, BASE);
  if (products < workers) {
    queryPass(args, scratch, worker, workers);
    keyPass(args, scratch, worker, workers);
    return;
  }
  const end = Share.from(products, worker + 1, workers);
  for (let product = Share.from(products, worker, workers); product < end; product++) wholePass(args, product, scratch);
}
