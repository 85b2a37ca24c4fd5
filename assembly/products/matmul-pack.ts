// Packing: copies a strided block into panels that the register tile reads front to back. A panel holds a few lanes
// (rows of A or columns of B) interleaved by depth:
//
//   panel 0: l0 l1 … lW-1 at depth 0, l0 l1 … lW-1 at depth 1, …    panel 1: the next W lanes
//
// so transposed or sliced operands only change the strides here. Lanes past the last are copies of the last one: the
// tile computes them and nobody stores them. Read next: matmul-tile.ts.
import { Tile } from "./matmul-tile";

/** Writes four runs of `count` neighbours as columns: element k of run r goes to target + k * step + r elements. */
export function interleaveFour<T extends number>(
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  count: i32,
  target: usize,
  step: usize,
): void {
  const end = r0 + (count as usize) * sizeof<T>();
  if (sizeof<T>() == 4) {
    while (r0 + 16 <= end) {
      const x0 = v128.load(r0);
      const x1 = v128.load(r1);
      const x2 = v128.load(r2);
      const x3 = v128.load(r3);
      const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
      const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
      v128.store(target, v128.shuffle<i64>(low01, low23, 0, 2));
      target += step;
      v128.store(target, v128.shuffle<i64>(low01, low23, 1, 3));
      target += step;
      v128.store(target, v128.shuffle<i64>(high01, high23, 0, 2));
      target += step;
      v128.store(target, v128.shuffle<i64>(high01, high23, 1, 3));
      target += step;
      r0 += 16;
      r1 += 16;
      r2 += 16;
      r3 += 16;
    }
  }
  while (r0 < end) {
    store<T>(target, load<T>(r0));
    store<T>(target, load<T>(r1), sizeof<T>());
    store<T>(target, load<T>(r2), 2 * sizeof<T>());
    store<T>(target, load<T>(r3), 3 * sizeof<T>());
    target += step;
    r0 += sizeof<T>();
    r1 += sizeof<T>();
    r2 += sizeof<T>();
    r3 += sizeof<T>();
  }
}

/** The same for one or two runs: the fifth and sixth rows of a row panel. */
function interleaveRest<T extends number>(r0: usize, r1: usize, count: i32, target: usize, step: usize): void {
  const end = r0 + (count as usize) * sizeof<T>();
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isFloat<T>()) {
      if (sizeof<T>() == 4) {
        while (r0 + 16 <= end) {
          const x0 = v128.load(r0);
          const x1 = v128.load(r1);
          const low = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
          const high = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
          v128.store_lane<u64>(target, low, 0);
          target += step;
          v128.store_lane<u64>(target, low, 1);
          target += step;
          v128.store_lane<u64>(target, high, 0);
          target += step;
          v128.store_lane<u64>(target, high, 1);
          target += step;
          r0 += 16;
          r1 += 16;
        }
      }
      while (r0 < end) {
        store<T>(target, load<T>(r0));
        store<T>(target, load<T>(r1), sizeof<T>());
        target += step;
        r0 += sizeof<T>();
        r1 += sizeof<T>();
      }
      return;
    }
  }
  while (r0 < end) {
    store<T>(target, load<T>(r0));
    target += step;
    r0 += sizeof<T>();
  }
}

/** Tile.rows runs of `count` neighbours become a stretch of a row panel. In a build with five rows r5 is not read. */
export function interleaveRows<T extends number>(
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  r4: usize,
  r5: usize,
  count: i32,
  target: usize,
): void {
  const step = (Tile.rows<T>() as usize) * sizeof<T>();
  interleaveFour<T>(r0, r1, r2, r3, count, target, step);
  interleaveRest<T>(r4, r5, count, target + 4 * sizeof<T>(), step);
}

/** `width` neighbours per depth step, when lanes are neighbours in memory. */
function copyPanel<T extends number>(source: usize, step: usize, depth: i32, target: usize, width: i32): void {
  const bytes = (width as usize) * sizeof<T>();
  const rest = bytes & 15;
  for (let k = 0; k < depth; k++) {
    let j: usize = 0;
    while (j + 16 <= bytes) {
      v128.store(target + j, v128.load(source + j));
      j += 16;
    }
    if (rest & 8) {
      store<u64>(target + j, load<u64>(source + j));
      j += 8;
    }
    if (rest & 4) store<u32>(target + j, load<u32>(source + j));
    source += step;
    target += bytes;
  }
}

/** Any strides, any number of valid lanes. */
function gatherPanel<T extends number>(
  source: usize,
  laneStep: usize,
  depthStep: usize,
  lanes: i32,
  depth: i32,
  target: usize,
  width: i32,
): void {
  const step = (width as usize) * sizeof<T>();
  for (let i = 0; i < width; i++) {
    let from = source + (min<i32>(i, lanes - 1) as usize) * laneStep;
    let to = target + (i as usize) * sizeof<T>();
    for (let k = 0; k < depth; k++) {
      store<T>(to, load<T>(from));
      from += depthStep;
      to += step;
    }
  }
}

/** Packs `lanes` x `depth` elements into panels of Tile.rows lanes. Strides in elements. Lanes must not be 0. */
export function packRows<T extends number>(
  source: usize,
  laneStride: i32,
  depthStride: i32,
  lanes: i32,
  depth: i32,
  target: usize,
): void {
  const width = Tile.rows<T>();
  const laneStep = ((laneStride as isize) * (sizeof<T>() as isize)) as usize;
  const depthStep = ((depthStride as isize) * (sizeof<T>() as isize)) as usize;
  const panel = (width as usize) * (depth as usize) * sizeof<T>();
  for (let i = 0; i < lanes; i += width) {
    if (depthStride == 1) {
      const last = source + ((min<i32>(width, lanes - i) - 1) as usize) * laneStep;
      const valid = lanes - i;
      interleaveRows<T>(
        source,
        valid > 1 ? source + laneStep : last,
        valid > 2 ? source + 2 * laneStep : last,
        valid > 3 ? source + 3 * laneStep : last,
        valid > 4 ? source + 4 * laneStep : last,
        valid > 5 ? source + 5 * laneStep : last,
        depth,
        target,
      );
    } else if (laneStride == 1 && i + width <= lanes) {
      copyPanel<T>(source, depthStep, depth, target, width);
    } else {
      gatherPanel<T>(source, laneStep, depthStep, min<i32>(width, lanes - i), depth, target, width);
    }
    source += (width as usize) * laneStep;
    target += panel;
  }
}

/**
 * Whole panels of lanes that are neighbours, `step` bytes between depths. Four depths at a time go through all panels:
 * that reads long runs, where going down one panel would read a few bytes of every page.
 */
function copyPanels(source: usize, step: usize, panels: i32, depth: i32, target: usize, panel: usize): void {
  const step2: usize = 2 * step;
  const step3: usize = 3 * step;
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    let from = source;
    let to = target;
    for (let p = 0; p < panels; p++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from + step), 32);
      v128.store(to, v128.load(from + step, 16), 48);
      v128.store(to, v128.load(from + step2), 64);
      v128.store(to, v128.load(from + step2, 16), 80);
      v128.store(to, v128.load(from + step3), 96);
      v128.store(to, v128.load(from + step3, 16), 112);
      from += 32;
      to += panel;
    }
    source += 4 * step;
    target += 128;
  }
  for (; k < depth; k++) {
    let from = source;
    let to = target;
    for (let p = 0; p < panels; p++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += 32;
      to += panel;
    }
    source += step;
    target += 32;
  }
}

/** Packs `lanes` x `depth` elements into panels of Tile.columns lanes. Strides in elements. Lanes must not be 0. */
export function packColumns<T extends number>(
  source: usize,
  laneStride: i32,
  depthStride: i32,
  lanes: i32,
  depth: i32,
  target: usize,
): void {
  const width = Tile.columns<T>();
  const laneStep = ((laneStride as isize) * (sizeof<T>() as isize)) as usize;
  const depthStep = ((depthStride as isize) * (sizeof<T>() as isize)) as usize;
  const panel = Tile.WIDTH * (depth as usize);
  let j = 0;
  if (laneStride == 1) {
    const whole = lanes & ~(width - 1);
    copyPanels(source, depthStep, whole / width, depth, target, panel);
    j = whole;
    source += (whole as usize) * sizeof<T>();
    target += ((whole / width) as usize) * panel;
  }
  for (; j < lanes; j += width) {
    if (depthStride == 1 && j + width <= lanes) {
      for (let h: usize = 0; h < (width as usize); h += 4) {
        const r = source + h * laneStep;
        const to = target + h * sizeof<T>();
        interleaveFour<T>(r, r + laneStep, r + 2 * laneStep, r + 3 * laneStep, depth, to, Tile.WIDTH);
      }
    } else {
      gatherPanel<T>(source, laneStep, depthStep, min<i32>(width, lanes - j), depth, target, width);
    }
    source += (width as usize) * laneStep;
    target += panel;
  }
}
