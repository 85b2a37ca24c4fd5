// The filter gradient of a convolution with few channels: dw[tap, output] = sum over windows of x times dy. On planes
// (convolution-planar.ts) both factors are vectors of four neighbouring windows, so nothing is spread over lanes: a sum is
// a vector of partial sums, added up over its lanes at the very end.
//
//   dy turned round: [windows / 4][outputs][4]     x: taps of four windows, in place in the planes
//
// A tile is 3 x 3, because V8 11.3 moves all six loads to the top of the loop: larger ones spill.
// Blocks of whole rows of windows, so that a sum in registers stays short. Read next: convolution-planar.ts.
import { Planes } from "./convolution-planar";
import { ConvolutionShape } from "./convolution-shape";
import { interleaveFour } from "../products/matmul-pack";
import { Tile } from "../products/matmul-tile";
import { Share } from "../program/words";

/** Outputs of a panel, and the bytes of their vectors. */
const OUTPUTS: i32 = 3;
const PANEL: usize = 48;
/** Vectors of windows that a block has at least, if the image does. */
const VECTORS: i32 = 64;

/** Adds a tap's row of the tile to its totals. A call keeps this out of the loop's registers. */
function addTotals(total: usize, x: v128, y: v128, z: v128): void {
  v128.store(total, f32x4.add(v128.load(total), x));
  v128.store(total, f32x4.add(v128.load(total, 16), y), 16);
  v128.store(total, f32x4.add(v128.load(total, 32), z), 32);
}

/** Three taps by one panel of outputs over `rows` rows of `vectors` vectors of windows; `skipped` bytes of a follow each row. */
function multiplyTaps(
  rows: i32,
  vectors: i32,
  a: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  step: usize,
  skipped: usize,
  lineStep: usize,
  total: usize,
  taps: i32,
): void {
  const bytes = (vectors as usize) * step;
  const skip = lineStep - ((vectors as usize) << 4);
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c20 = c00;
  let c21 = c00;
  let c22 = c00;
  for (; rows > 0; rows--) {
    const end = a + bytes;
    while (a < end) {
      const a0 = v128.load(a);
      const a1 = v128.load(a, 16);
      const a2 = v128.load(a, 32);
      const x0 = v128.load(b0);
      c00 = Tile.madd<f32>(a0, x0, c00);
      c01 = Tile.madd<f32>(a1, x0, c01);
      c02 = Tile.madd<f32>(a2, x0, c02);
      const x1 = v128.load(b1);
      c10 = Tile.madd<f32>(a0, x1, c10);
      c11 = Tile.madd<f32>(a1, x1, c11);
      c12 = Tile.madd<f32>(a2, x1, c12);
      const x2 = v128.load(b2);
      c20 = Tile.madd<f32>(a0, x2, c20);
      c21 = Tile.madd<f32>(a1, x2, c21);
      c22 = Tile.madd<f32>(a2, x2, c22);
      a += step;
      b0 += 16;
      b1 += 16;
      b2 += 16;
    }
    a += skipped;
    b0 += skip;
    b1 += skip;
    b2 += skip;
  }
  addTotals(total, c00, c01, c02);
  if (taps > 1) addTotals(total + PANEL, c10, c11, c12);
  if (taps > 2) addTotals(total + 2 * PANEL, c20, c21, c22);
}

/**
 * One tap by one panel over the last vector of each row, of which `lanes` are windows. What lies behind them is masked away:
 * the gradient is 0 there, but times 0 not all values vanish.
 */
function multiplyRest(rows: i32, lanes: i32, a: usize, b: usize, rowStep: usize, lineStep: usize, total: usize): void {
  const mask = i32x4.gt_s(i32x4.splat(lanes), i32x4(0, 1, 2, 3));
  let c0 = i32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  for (; rows > 0; rows--) {
    const x = v128.and(v128.load(b), mask);
    c0 = Tile.madd<f32>(v128.load(a), x, c0);
    c1 = Tile.madd<f32>(v128.load(a, 16), x, c1);
    c2 = Tile.madd<f32>(v128.load(a, 32), x, c2);
    a += rowStep;
    b += lineStep;
  }
  addTotals(total, c0, c1, c2);
}

/** Turns rows of dy round: [windows / 4][outputs][4], `step` bytes from vector to vector. Windows past a row are 0. */
function packGradient(shape: ConvolutionShape, dy: usize, rows: i32, step: usize, target: usize): void {
  const pixel = (shape.o as usize) << 2;
  for (; rows > 0; rows--) {
    for (let j = 0; j < shape.ow; j += 4) {
      const lanes = min<i32>(4, shape.ow - j) as usize;
      if (lanes == 4) {
        interleaveFour<f32>(dy, dy + pixel, dy + 2 * pixel, dy + 3 * pixel, shape.o, target, 16);
      } else {
        memory.fill(target, 0, pixel << 2);
        for (let k: usize = 0; k < pixel; k += 4) {
          for (let lane: usize = 0; lane < lanes; lane++)
            store<f32>(target + (k << 2) + (lane << 2), load<f32>(dy + lane * pixel + k));
        }
      }
      dy += lanes * pixel;
      target += step;
    }
  }
}

/** Workers share the taps. Scratch: planes, table, a block of dy, totals; see bindings/ops/scratch.ts. */
export function planarFilterGradient(
  shape: ConvolutionShape,
  x: usize,
  dy: usize,
  dw: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
): void {
  const depth = shape.depth;
  const vectors = (shape.ow + 3) >> 2;
  const blockRows = min<i32>(shape.oh, (VECTORS + vectors - 1) / vectors);
  const planeBytes = Planes.bytes(shape);
  const tableBytes = Planes.tableBytes(shape);
  // An odd number of cache lines from vector to vector, so that they spread over the sets.
  const step = (((((shape.o + 2) << 4) + 63) & ~63) | 64) as usize;
  const blockBytes = ((blockRows * vectors) as usize) * step;
  const totalBytes = ((depth * (shape.o + 2)) as usize) << 4;
  const planes = scratch + (planeBytes + tableBytes + blockBytes + totalBytes) * (worker as usize);
  const table = planes + planeBytes;
  const block = table + tableBytes;
  const totals = block + blockBytes;
  const from = Share.from(depth, worker, workers);
  const end = Share.from(depth, worker + 1, workers);
  if (from >= end) return;
  Planes.writeTable(shape, table);
  memory.fill(totals, 0, totalBytes);
  const pixel = (shape.o as usize) << 2;
  const lineStep = ((Planes.pitch(shape) * shape.strideH) as usize) << 2;
  // Whole vectors of windows of a row, and what is left of the last one.
  const whole = shape.ow >> 2;
  const lanes = shape.ow & 3;
  const wholeBytes = (whole as usize) * step;
  const skipped: usize = lanes == 0 ? 0 : step;
  const rowStep = wholeBytes + skipped;
  for (let n = 0; n < shape.n; n++) {
    Planes.write(shape, x, n, planes);
    for (let i = 0; i < shape.oh; i += blockRows) {
      const rows = min<i32>(blockRows, shape.oh - i);
      packGradient(shape, dy + (((n * shape.oh + i) * shape.ow) as usize) * pixel, rows, step, block);
      const windows = planes + (i as usize) * lineStep;
      let panel = block;
      let total = totals;
      for (let o = 0; o < shape.o; o += OUTPUTS) {
        for (let tap = from; tap < end; tap += 3) {
          const taps = min<i32>(3, end - tap);
          const entry = table + ((tap as usize) << 2);
          const b0 = windows + (load<u32>(entry) as usize);
          const b1 = taps > 1 ? windows + (load<u32>(entry, 4) as usize) : b0;
          const b2 = taps > 2 ? windows + (load<u32>(entry, 8) as usize) : b0;
          const place = total + (tap as usize) * PANEL;
          multiplyTaps(rows, whole, panel, b0, b1, b2, step, skipped, lineStep, place, taps);
          if (skipped == 0) continue;
          const rest = panel + wholeBytes;
          const shift = (whole as usize) << 4;
          multiplyRest(rows, lanes, rest, b0 + shift, rowStep, lineStep, place);
          if (taps > 1) multiplyRest(rows, lanes, rest, b1 + shift, rowStep, lineStep, place + PANEL);
          if (taps > 2) multiplyRest(rows, lanes, rest, b2 + shift, rowStep, lineStep, place + 2 * PANEL);
        }
        panel += PANEL;
        total += (depth as usize) * PANEL;
      }
    }
  }
  let total = totals;
  for (let o = 0; o < shape.o; o += OUTPUTS) {
    const count = min<i32>(OUTPUTS, shape.o - o) as usize;
    for (let tap = from; tap < end; tap++) {
      const source = total + (tap as usize) * PANEL;
      const target = dw + (tap as usize) * pixel + ((o as usize) << 2);
      for (let k: usize = 0; k < count; k++) {
        const place = source + (k << 4);
        store<f32>(
          target + (k << 2),
          load<f32>(place) + load<f32>(place, 4) + (load<f32>(place, 8) + load<f32>(place, 12)),
        );
      }
    }
    total += (depth as usize) * PANEL;
  }
}
