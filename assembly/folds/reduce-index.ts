// argMax and argMin: in is [outer, length, inner], out is i32 [outer, inner]. The first of equal extremes wins and the
// first NaN beats every number, as in NumPy. Rows are done in two vectorised passes (the extreme, then where it is);
// columns four at a time. A length of 0 gives 0. Read next: extreme.ts.
import { extremeRow, Least, Most } from "./extreme";
import { Share, Words } from "../program/words";

/** Is x a better extreme than best? Only a NaN beats a number that is not smaller (larger). */
class Better {
  @inline static than<T extends number>(x: T, best: T, largest: bool): bool {
    const wins = largest ? x > best : x < best;
    if (isFloat<T>()) return wins || (x != x && best == best);
    return wins;
  }
}

/** First place that holds the value (or a NaN, when the value is NaN). The caller knows that there is one. */
function find<T extends number>(source: usize, length: i32, value: T): i32 {
  const vector = (16 / sizeof<T>()) as i32;
  const wanted = v128.splat<T>(value);
  const isNumber = value == value;
  let i = 0;
  while (i + vector <= length) {
    const x = v128.load(source + (i as usize) * sizeof<T>());
    if (v128.any_true(isNumber ? v128.eq<T>(x, wanted) : v128.ne<T>(x, x))) break;
    i += vector;
  }
  while (i < length) {
    const x = load<T>(source + (i as usize) * sizeof<T>());
    if (isNumber ? x == value : x != x) return i;
    i++;
  }
  return 0;
}

/** Four columns of 32-bit elements. */
function fourColumns<T extends number>(source: usize, target: usize, length: i32, step: usize, largest: bool): void {
  let best = v128.load(source);
  let place = i32x4.splat(0);
  for (let i = 1; i < length; i++) {
    source += step;
    const x = v128.load(source);
    let wins = largest ? v128.gt<T>(x, best) : v128.lt<T>(x, best);
    if (isFloat<T>()) wins = v128.or(wins, v128.and(v128.ne<T>(x, x), v128.eq<T>(best, best)));
    best = v128.bitselect(x, best, wins);
    place = v128.bitselect(i32x4.splat(i), place, wins);
  }
  v128.store(target, place);
}

function oneColumn<T extends number>(source: usize, target: usize, length: i32, step: usize, largest: bool): void {
  let best = load<T>(source);
  let place = 0;
  for (let i = 1; i < length; i++) {
    source += step;
    const x = load<T>(source);
    if (Better.than<T>(x, best, largest)) {
      best = x;
      place = i;
    }
  }
  store<i32>(target, place);
}

/** Words: in, out, outer, length, inner. */
function argument<T extends number>(args: usize, worker: i32, workers: i32, largest: bool): void {
  const source = Words.pointer(args, 0);
  const target = Words.pointer(args, 1);
  const outer = Words.integer(args, 2);
  const length = Words.integer(args, 3);
  const inner = Words.integer(args, 4);
  const groups = (inner + 3) >> 2;
  const end = Share.from(outer * groups, worker + 1, workers);
  for (let item = Share.from(outer * groups, worker, workers); item < end; item++) {
    const i = item / groups;
    const j = (item - i * groups) << 2;
    const columns = min<i32>(4, inner - j);
    const step = (inner as usize) * sizeof<T>();
    const from = source + (i as usize) * (length as usize) * step + (j as usize) * sizeof<T>();
    const place = target + (((i as usize) * (inner as usize) + (j as usize)) << 2);
    if (length <= 0) {
      memory.fill(place, 0, (columns as usize) << 2);
    } else if (inner == 1) {
      const value = largest ? extremeRow<T, Most<T>>(from, length) : extremeRow<T, Least<T>>(from, length);
      store<i32>(place, find<T>(from, length, value));
    } else if (sizeof<T>() == 4 && columns == 4) {
      fourColumns<T>(from, place, length, step, largest);
    } else {
      for (let k = 0; k < columns; k++) {
        oneColumn<T>(from + (k as usize) * sizeof<T>(), place + ((k as usize) << 2), length, step, largest);
      }
    }
  }
}

export function reduce_argMax_f32(args: usize, worker: i32, workers: i32): void {
  argument<f32>(args, worker, workers, true);
}
export function reduce_argMax_f64(args: usize, worker: i32, workers: i32): void {
  argument<f64>(args, worker, workers, true);
}
export function reduce_argMax_i32(args: usize, worker: i32, workers: i32): void {
  argument<i32>(args, worker, workers, true);
}
export function reduce_argMin_f32(args: usize, worker: i32, workers: i32): void {
  argument<f32>(args, worker, workers, false);
}
export function reduce_argMin_f64(args: usize, worker: i32, workers: i32): void {
  argument<f64>(args, worker, workers, false);
}
export function reduce_argMin_i32(args: usize, worker: i32, workers: i32): void {
  argument<i32>(args, worker, workers, false);
}
