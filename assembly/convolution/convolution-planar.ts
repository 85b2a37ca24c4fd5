// Convolution of images with few channels (grey, RGB: the first layer of a network), and what its filter gradient reads.
// Packing windows as runs of a few values costs more than multiplying them. So each image is first turned into planes with
// its border made real, one a channel and a phase of the stride: a tap of neighbouring windows is then a vector of
// neighbouring values, and a depth step of a row panel one copy.
//
//   plane of (channel, phase): columns phase, phase + stride, phase + 2 stride, … of the padded image, row after row
//   tap of a window: an offset into the planes, from a table
//
// Knows one group, any stride and dilation. Scratch and rule are repeated in bindings/ops/scratch.ts.
// Read next: convolution-planar-gradient.ts, ../products/matmul-tile.ts.
import { ConvolutionShape, copyRun } from "./convolution-shape";
import { finish } from "../elementwise/finish";
import { packColumns } from "../products/matmul-pack";
import { multiplyPanels } from "../products/matmul-tile";
import { storeRow, Tile } from "../products/tile";
import { Share } from "../program/words";

/** Most channels that are few. */
const CHANNELS: i32 = 4;
/** Windows that are read at a time: what a row panel or two vectors hold. */
const PIXELS: i32 = 8;

/** Where planes, and values in them, lie. */
export class Planes {
  /** Are the forward convolution and the filter gradient done on planes? */
  static suits(shape: ConvolutionShape): bool {
    return shape.groups == 1 && shape.c <= CHANNELS && shape.kh * shape.kw > 1 && shape.ow >= PIXELS;
  }

  /** Values of a row of a plane: what the windows reach, eight at a time, and the whole image. */
  static pitch(shape: ConvolutionShape): i32 {
    const reach = ((shape.ow + PIXELS - 1) & -PIXELS) + ((shape.kw - 1) * shape.dilationW) / shape.strideW;
    return (max<i32>(reach, (shape.paddedW + shape.strideW - 1) / shape.strideW) + 3) & ~3;
  }

  static bytes(shape: ConvolutionShape): usize {
    const rows = (shape.c * shape.strideW * shape.paddedH) as usize;
    return (((rows * (Planes.pitch(shape) as usize)) << 2) + 63) & ~63;
  }

  /** Bytes of the table of offsets. */
  @inline static tableBytes(shape: ConvolutionShape): usize {
    return (((shape.depth as usize) << 2) + 63) & ~63;
  }

  /** The offset of each tap from the first one of a window, in the order of the filter. */
  static writeTable(shape: ConvolutionShape, table: usize): void {
    const pitch = Planes.pitch(shape);
    for (let i = 0; i < shape.kh; i++) {
      for (let j = 0; j < shape.kw; j++) {
        const column = (j * shape.dilationW) / shape.strideW;
        const phase = j * shape.dilationW - column * shape.strideW;
        for (let c = 0; c < shape.c; c++) {
          const row = (c * shape.strideW + phase) * shape.paddedH + i * shape.dilationH;
          store<u32>(table, ((row * pitch + column) as u32) << 2);
          table += 4;
        }
      }
    }
  }

  /** Image `index` of x as planes. */
  static write(shape: ConvolutionShape, x: usize, index: i32, planes: usize): void {
    const pitch = (Planes.pitch(shape) as usize) << 2;
    const stride = shape.strideW;
    const pixel = (shape.c as usize) << 2;
    const step = (stride as usize) * pixel;
    const image = x + (index as usize) * (shape.h as usize) * (shape.w as usize) * pixel;
    memory.fill(planes, 0, Planes.bytes(shape));
    for (let c = 0; c < shape.c; c++) {
      for (let phase = 0; phase < stride; phase++) {
        // The first column of the image in this phase.
        const first = (phase - (shape.padLeft % stride) + stride) % stride;
        const plane = planes + (((c * stride + phase) * shape.paddedH + shape.padTop) as usize) * pitch;
        let target = plane + ((((shape.padLeft + first) / stride) as usize) << 2);
        let row = image + ((c as usize) << 2) + (first as usize) * pixel;
        for (let i = 0; i < shape.h; i++) {
          if (step == 4) {
            copyRun(row, target, shape.w);
          } else {
            let source = row;
            let place = target;
            for (let j = first; j < shape.w; j += stride) {
              store<f32>(place, load<f32>(source));
              source += step;
              place += 4;
            }
          }
          row += (shape.w as usize) * pixel;
          target += pitch;
        }
      }
    }
  }
}

/** One depth step of a row panel: neighbouring windows, which are neighbouring values. */
class Panel {
  @inline static copy(source: usize, target: usize): void {
    v128.store(target, v128.load(source));
    if (ASC_FEATURE_RELAXED_SIMD) store<u64>(target, load<u64>(source, 16), 16);
    else store<u32>(target, load<u32>(source, 16), 16);
  }
}

/** Packs windows [from, from + rows) of the image, counted row by row, into panels that the register tile reads. */
function packWindows(
  shape: ConvolutionShape,
  planes: usize,
  table: usize,
  line: usize,
  from: i32,
  rows: i32,
  target: usize,
): void {
  const tileRows = Tile.rows<f32>();
  const step = (tileRows as usize) << 2;
  const tableEnd = table + ((shape.depth as usize) << 2);
  let i = from / shape.ow;
  let j = from - i * shape.ow;
  for (let row = 0; row < rows; row += tileRows) {
    if (j + tileRows <= shape.ow) {
      const window = planes + (i as usize) * line + ((j as usize) << 2);
      for (let tap = table; tap < tableEnd; tap += 4) {
        Panel.copy(window + (load<u32>(tap) as usize), target);
        target += step;
      }
      j += tileRows;
      if (j == shape.ow) {
        j = 0;
        i++;
      }
      continue;
    }
    // A panel that goes on in the next row, or ends with the last: window by window.
    const panel = target;
    for (let lane = 0; lane < tileRows; lane++) {
      const window = planes + (i as usize) * line + ((j as usize) << 2);
      let place = panel + ((lane as usize) << 2);
      for (let tap = table; tap < tableEnd; tap += 4) {
        store<f32>(place, load<f32>(window + (load<u32>(tap) as usize)));
        place += step;
      }
      if (row + lane + 1 >= rows) continue;
      if (++j == shape.ow) {
        j = 0;
        i++;
      }
    }
    target += (shape.depth as usize) * step;
  }
}

/** The register tile on windows where they lie: six (or five) neighbouring ones by eight outputs of packed filters. */
function multiplyWindows(table: usize, tableEnd: usize, window: usize, b: usize, c: usize, cStep: usize): void {
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  while (table < tableEnd) {
    const a = window + (load<u32>(table) as usize);
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = Tile.madd<f32>(a0, b0, c00);
    c01 = Tile.madd<f32>(a0, b1, c01);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = Tile.madd<f32>(a1, b0, c10);
    c11 = Tile.madd<f32>(a1, b1, c11);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = Tile.madd<f32>(a2, b0, c20);
    c21 = Tile.madd<f32>(a2, b1, c21);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = Tile.madd<f32>(a3, b0, c30);
    c31 = Tile.madd<f32>(a3, b1, c31);
    const a4 = v128.load_splat<f32>(a, 16);
    c40 = Tile.madd<f32>(a4, b0, c40);
    c41 = Tile.madd<f32>(a4, b1, c41);
    if (ASC_FEATURE_RELAXED_SIMD) {
      const a5 = v128.load_splat<f32>(a, 20);
      c50 = Tile.madd<f32>(a5, b0, c50);
      c51 = Tile.madd<f32>(a5, b1, c51);
    }
    b += Tile.WIDTH;
    table += 4;
  }
  storeRow<f32>(c, c00, c01, false);
  c += cStep;
  storeRow<f32>(c, c10, c11, false);
  c += cStep;
  storeRow<f32>(c, c20, c21, false);
  c += cStep;
  storeRow<f32>(c, c30, c31, false);
  c += cStep;
  storeRow<f32>(c, c40, c41, false);
  if (ASC_FEATURE_RELAXED_SIMD) storeRow<f32>(c + cStep, c50, c51, false);
}

/**
 * A row of windows by fewer than eight outputs: a tile writes rows of eight, and what is too much of one pixel is written
 * over by the next; the last tile of the row overlaps the one before. Tiles that would write past `end` go through `edge`.
 */
function multiplyNarrow(
  pixels: i32,
  outputs: i32,
  table: usize,
  tableEnd: usize,
  window: usize,
  filters: usize,
  out: usize,
  end: usize,
  edge: usize,
): void {
  const tileRows = Tile.rows<f32>();
  const pixel = (outputs as usize) << 2;
  for (let j = 0; j < pixels; j += tileRows) {
    const first = max<i32>(0, min<i32>(j, pixels - tileRows)) as usize;
    const place = out + first * pixel;
    const source = window + (first << 2);
    if (place + ((tileRows - 1) as usize) * pixel + Tile.WIDTH <= end) {
      multiplyWindows(table, tableEnd, source, filters, place, pixel);
      continue;
    }
    multiplyWindows(table, tableEnd, source, filters, edge, Tile.WIDTH);
    const rows = min<i32>(tileRows, pixels - (first as i32));
    for (let i: usize = 0; i < (rows as usize); i++) copyRun(edge + i * Tile.WIDTH, place + i * pixel, outputs);
  }
}

/** Forward. Workers share all output pixels. */
export function convolvePlanes(
  shape: ConvolutionShape,
  x: usize,
  w: usize,
  out: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
  own: usize,
): void {
  const depth = shape.depth;
  const planeBytes = Planes.bytes(shape);
  const tableBytes = Planes.tableBytes(shape);
  const panelBytes = ((depth * Tile.ROWS) as usize) << 2;
  const filterBytes = ((depth * ((shape.o + 7) & ~7)) as usize) << 2;
  scratch += (planeBytes + tableBytes + panelBytes + filterBytes + Tile.EDGE) * (worker as usize);
  const planes = scratch;
  const table = planes + planeBytes;
  const panels = table + tableBytes;
  const filters = panels + panelBytes;
  const edge = filters + filterBytes;
  const plane = shape.oh * shape.ow;
  const from = Share.from(shape.n * plane, worker, workers);
  const end = Share.from(shape.n * plane, worker + 1, workers);
  if (from >= end) return;
  Planes.writeTable(shape, table);
  packColumns<f32>(w, 1, shape.o, shape.o, depth, filters);
  const tableEnd = table + ((depth as usize) << 2);
  const pixel = (shape.o as usize) << 2;
  const line = ((Planes.pitch(shape) * shape.strideH) as usize) << 2;
  const panel = Tile.WIDTH * (depth as usize);
  const last = out + (end as usize) * pixel;
  for (let n = from / plane; n * plane < end; n++) {
    Planes.write(shape, x, n, planes);
    const stop = min<i32>(plane, end - n * plane);
    if (shape.o < 8) {
      let first = max<i32>(0, from - n * plane);
      while (first < stop) {
        const i = first / shape.ow;
        const j = first - i * shape.ow;
        const pixels = min<i32>(shape.ow - j, stop - first);
        const window = planes + (i as usize) * line + ((j as usize) << 2);
        const place = out + ((n * plane + first) as usize) * pixel;
        multiplyNarrow(pixels, shape.o, table, tableEnd, window, filters, place, last, edge);
        finish(own, place, pixels, shape.o);
        first += pixels;
      }
      continue;
    }
    for (let first = max<i32>(0, from - n * plane); first < stop; first += Tile.ROWS) {
      const rows = min<i32>(Tile.ROWS, stop - first);
      const place = out + ((n * plane + first) as usize) * pixel;
      packWindows(shape, planes, table, line, first, rows, panels);
      multiplyPanels<f32>(rows, shape.o, depth, panels, filters, panel, Tile.WIDTH, place, pixel, edge, false);
      finish(own, place, rows, shape.o);
    }
  }
}
