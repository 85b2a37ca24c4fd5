// The one-dimensional transforms of Winograd's minimal filtering, each a loop over vectors: a sum of three taps for four
// (or two) neighbours costs six (four) products instead of twelve (six). With d the inputs, g the filter, m = (G g)(B d):
//
//   two  at 0, 1, -1, infinity:                       additions and halves only
//   four at 0, 3/4, -3/4, 3/2, -3/2, infinity:        half the rounding error of the textbook's 0, 1, -1, 2, -2, and all
//                                                     constants of B and A exact
//
// Applied to rows and then to columns they give F(4x4, 3x3) and F(4x2, 3x3). Each function reads its
// operands `step` bytes apart, `count` times, `next` bytes further each time. Constants come from memory: as literals
// V8 builds them anew at every use. Knows no tiles, no borders, no products. Read next: winograd.ts.
import { Tile } from "../products/matmul-tile";

/** B of four: -b², a, -a², b, -(a² + b²), a²b² with a = 3/4, b = 3/2. */
const INPUT: usize = memory.data<f32>([-2.25, 0.75, -0.5625, 1.5, -2.8125, 1.265625], 16);
/** A of four: a, b, a², b², a³, b³. */
const OUTPUT: usize = memory.data<f32>([0.75, 1.5, 0.5625, 2.25, 0.421875, 3.375], 16);
/** G of four: 1/a²b², then 1/p, a/p, a²/p and 1/q, b/q, b²/q with p = 2a²(a² - b²), q = 2b²(b² - a²). Two: 1/2. */
const FILTER: usize = memory.data<f32>(
  [
    0.7901234567901234, -0.5267489711934157, -0.3950617283950617, -0.2962962962962963, 0.13168724279835392,
    0.19753086419753085, 0.2962962962962963, 0.5,
  ],
  16,
);

class Constant {
  @inline static at(table: usize, index: usize): v128 {
    return v128.load_splat<f32>(table + (index << 2));
  }
}

/** Six inputs to six values: B d. */
export function inputFour(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  const minusB2 = Constant.at(INPUT, 0);
  const a = Constant.at(INPUT, 1);
  const minusA2 = Constant.at(INPUT, 2);
  const b = Constant.at(INPUT, 3);
  const minusSum = Constant.at(INPUT, 4);
  const product = Constant.at(INPUT, 5);
  while (count > 0) {
    let place = source;
    const d0 = v128.load(place);
    const d1 = v128.load((place += step));
    const d2 = v128.load((place += step));
    const d3 = v128.load((place += step));
    const d4 = v128.load((place += step));
    const d5 = v128.load(place + step);
    const even0 = Tile.madd<f32>(d2, minusB2, d4);
    const odd0 = f32x4.mul(Tile.madd<f32>(d1, minusB2, d3), a);
    const even1 = Tile.madd<f32>(d2, minusA2, d4);
    const odd1 = f32x4.mul(Tile.madd<f32>(d1, minusA2, d3), b);
    place = target;
    v128.store(place, Tile.madd<f32>(d0, product, Tile.madd<f32>(d2, minusSum, d4)));
    v128.store((place += targetStep), f32x4.add(even0, odd0));
    v128.store((place += targetStep), f32x4.sub(even0, odd0));
    v128.store((place += targetStep), f32x4.add(even1, odd1));
    v128.store((place += targetStep), f32x4.sub(even1, odd1));
    v128.store(place + targetStep, Tile.madd<f32>(d1, product, Tile.madd<f32>(d3, minusSum, d5)));
    source += next;
    target += targetNext;
    count--;
  }
}

/** Four inputs to four values. */
export function inputTwo(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  while (count > 0) {
    const d0 = v128.load(source);
    const d1 = v128.load(source + step);
    const d2 = v128.load(source + 2 * step);
    const d3 = v128.load(source + 3 * step);
    v128.store(target, f32x4.sub(d0, d2));
    v128.store(target + targetStep, f32x4.add(d1, d2));
    v128.store(target + 2 * targetStep, f32x4.sub(d2, d1));
    v128.store(target + 3 * targetStep, f32x4.sub(d3, d1));
    source += next;
    target += targetNext;
    count--;
  }
}

/** Six products to four sums: the transpose of A times m. */
export function outputFour(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  const a = Constant.at(OUTPUT, 0);
  const b = Constant.at(OUTPUT, 1);
  const a2 = Constant.at(OUTPUT, 2);
  const b2 = Constant.at(OUTPUT, 3);
  const a3 = Constant.at(OUTPUT, 4);
  const b3 = Constant.at(OUTPUT, 5);
  while (count > 0) {
    let place = source;
    const m0 = v128.load(place);
    const m1 = v128.load((place += step));
    const m2 = v128.load((place += step));
    const m3 = v128.load((place += step));
    const m4 = v128.load((place += step));
    const m5 = v128.load(place + step);
    const even0 = f32x4.add(m1, m2);
    const odd0 = f32x4.sub(m1, m2);
    const even1 = f32x4.add(m3, m4);
    const odd1 = f32x4.sub(m3, m4);
    place = target;
    v128.store(place, f32x4.add(f32x4.add(even0, even1), m0));
    v128.store((place += targetStep), Tile.madd<f32>(odd1, b, f32x4.mul(odd0, a)));
    v128.store((place += targetStep), Tile.madd<f32>(even1, b2, f32x4.mul(even0, a2)));
    v128.store(place + targetStep, Tile.madd<f32>(odd1, b3, Tile.madd<f32>(odd0, a3, m5)));
    source += next;
    target += targetNext;
    count--;
  }
}

/** Four products to two sums. */
export function outputTwo(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  while (count > 0) {
    const m1 = v128.load(source + step);
    const m2 = v128.load(source + 2 * step);
    v128.store(target, f32x4.add(f32x4.add(m1, m2), v128.load(source)));
    v128.store(target + targetStep, f32x4.add(f32x4.sub(m1, m2), v128.load(source + 3 * step)));
    source += next;
    target += targetNext;
    count--;
  }
}

/** Three taps to six values: G g. */
export function filterFour(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  const first = Constant.at(FILTER, 0);
  const p0 = Constant.at(FILTER, 1);
  const p1 = Constant.at(FILTER, 2);
  const p2 = Constant.at(FILTER, 3);
  const q0 = Constant.at(FILTER, 4);
  const q1 = Constant.at(FILTER, 5);
  const q2 = Constant.at(FILTER, 6);
  while (count > 0) {
    const g0 = v128.load(source);
    const g1 = v128.load(source + step);
    const g2 = v128.load(source + 2 * step);
    const even0 = Tile.madd<f32>(g2, p2, f32x4.mul(g0, p0));
    const odd0 = f32x4.mul(g1, p1);
    const even1 = Tile.madd<f32>(g2, q2, f32x4.mul(g0, q0));
    const odd1 = f32x4.mul(g1, q1);
    let place = target;
    v128.store(place, f32x4.mul(g0, first));
    v128.store((place += targetStep), f32x4.add(even0, odd0));
    v128.store((place += targetStep), f32x4.sub(even0, odd0));
    v128.store((place += targetStep), f32x4.add(even1, odd1));
    v128.store((place += targetStep), f32x4.sub(even1, odd1));
    v128.store(place + targetStep, g2);
    source += next;
    target += targetNext;
    count--;
  }
}

/** Three taps to four values. */
export function filterTwo(
  source: usize,
  step: usize,
  next: usize,
  target: usize,
  targetStep: usize,
  targetNext: usize,
  count: i32,
): void {
  const half = Constant.at(FILTER, 7);
  while (count > 0) {
    const g0 = v128.load(source);
    const g2 = v128.load(source + 2 * step);
    const even = f32x4.mul(f32x4.add(g0, g2), half);
    const odd = f32x4.mul(v128.load(source + step), half);
    v128.store(target, g0);
    v128.store(target + targetStep, f32x4.add(even, odd));
    v128.store(target + 2 * targetStep, f32x4.sub(even, odd));
    v128.store(target + 3 * targetStep, g2);
    source += next;
    target += targetNext;
    count--;
  }
}
