// The products of a few tiles: what is left of them after whole row panels is often four rows or fewer (14 x 14 outputs
// are 16 tiles), and a third of a register tile's work would be thrown away. Read next: winograd.ts, ../products/matmul-tile.ts.
import { multiplyRows } from "../products/matmul-tile";
import { Tile } from "../products/tile";

/** The first four rows of a row panel, as multiplyRows does all of them. */
function multiplyFour(depth: i32, a: usize, b: usize, c: usize, cStep: usize, accumulate: bool): void {
  const step = (Tile.rows<f32>() as usize) << 2;
  const end = a + (depth as usize) * step;
  let b0 = v128.load(b);
  let b1 = v128.load(b, 16);
  let x = v128.load32_splat(a);
  let c00 = f32x4.mul(x, b0);
  let c01 = f32x4.mul(x, b1);
  x = v128.load32_splat(a, 4);
  let c10 = f32x4.mul(x, b0);
  let c11 = f32x4.mul(x, b1);
  x = v128.load32_splat(a, 8);
  let c20 = f32x4.mul(x, b0);
  let c21 = f32x4.mul(x, b1);
  x = v128.load32_splat(a, 12);
  let c30 = f32x4.mul(x, b0);
  let c31 = f32x4.mul(x, b1);
  a += step;
  b += Tile.WIDTH;
  while (a < end) {
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    x = v128.load32_splat(a);
    c00 = Tile.madd<f32>(x, b0, c00);
    c01 = Tile.madd<f32>(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = Tile.madd<f32>(x, b0, c10);
    c11 = Tile.madd<f32>(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = Tile.madd<f32>(x, b0, c20);
    c21 = Tile.madd<f32>(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = Tile.madd<f32>(x, b0, c30);
    c31 = Tile.madd<f32>(x, b1, c31);
    a += step;
    b += Tile.WIDTH;
  }
  addRow(c, c00, c01, accumulate);
  c += cStep;
  addRow(c, c10, c11, accumulate);
  c += cStep;
  addRow(c, c20, c21, accumulate);
  addRow(c + cStep, c30, c31, accumulate);
}

function addRow(c: usize, x: v128, y: v128, accumulate: bool): void {
  if (accumulate) {
    x = f32x4.add(v128.load(c), x);
    y = f32x4.add(v128.load(c, 16), y);
  }
  v128.store(c, x);
  v128.store(c, y, 16);
}

/**
 * C [count, columns] = or += packed A times packed B, both of `depth` > 0 steps. Columns are whole panels, and C has room
 * for whole row panels.
 */
export function multiplyTiles(
  count: i32,
  columns: i32,
  depth: i32,
  a: usize,
  b: usize,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  const tileRows = Tile.rows<f32>();
  const aPanel = ((depth * tileRows) as usize) << 2;
  const bPanel = (depth as usize) * Tile.WIDTH;
  const panelStep = (tileRows as usize) * cStep;
  for (let j = 0; j < columns; j += 8) {
    let panel = a;
    let place = c;
    for (let i = 0; i < count; i += tileRows) {
      if (count - i > 4) multiplyRows<f32>(depth, panel, b, Tile.WIDTH, tileRows, place, cStep, accumulate);
      else multiplyFour(depth, panel, b, place, cStep, accumulate);
      panel += aPanel;
      place += panelStep;
    }
    b += bPanel;
    c += Tile.WIDTH;
  }
}
