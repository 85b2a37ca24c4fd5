// Largest and smallest of floats at memory speed. WebAssembly's max and min are eight instructions on x86, because they
// spread NaN and order ±0; pmax and pmin are one and do neither. So rows are folded with those, beside a sum of
// everything, which is NaN if an element is: then, and where the result is a zero, the exact fold decides.
// Knows no axes. Read next: fold.ts for the exact folds, reduce.ts for the axes.
import { foldColumns, foldRow, Largest, Smallest } from "./fold";

/** One of the two directions, without state, as a class whose methods are inlined. */
export abstract class Extreme<T extends number> {
  abstract better(best: v128, x: v128): v128;
  abstract scalar(x: T, y: T): T;
  abstract row(source: usize, length: i32): T;
  abstract columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void;
}

@final
export class Most<T extends number> extends Extreme<T> {
  @inline better(best: v128, x: v128): v128 {
    if (isFloat<T>()) return v128.pmax<T>(best, x);
    return v128.max<T>(best, x);
  }
  @inline scalar(x: T, y: T): T {
    return max<T>(x, y);
  }
  @inline row(source: usize, length: i32): T {
    return foldRow<T, Largest<T>>(source, length);
  }
  @inline columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
    foldColumns<T, Largest<T>>(source, target, length, step, columns);
  }
}

@final
export class Least<T extends number> extends Extreme<T> {
  @inline better(best: v128, x: v128): v128 {
    if (isFloat<T>()) return v128.pmin<T>(best, x);
    return v128.min<T>(best, x);
  }
  @inline scalar(x: T, y: T): T {
    return min<T>(x, y);
  }
  @inline row(source: usize, length: i32): T {
    return foldRow<T, Smallest<T>>(source, length);
  }
  @inline columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
    foldColumns<T, Smallest<T>>(source, target, length, step, columns);
  }
}

class Lanes {
  @inline static isNumber<T extends number>(x: v128): bool {
    return !v128.any_true(v128.ne<T>(x, x));
  }
}

/** Extreme of `length` neighbours; NaN if there is one. */
export function extremeRow<T extends number, Op extends Extreme<T>>(source: usize, length: i32): T {
  const op = changetype<Op>(0);
  const end = source + (length as usize) * sizeof<T>();
  if (!isFloat<T>() || end - source < 64) return op.row(source, length);
  let m0 = v128.load(source);
  let m1 = v128.load(source, 16);
  let m2 = v128.load(source, 32);
  let m3 = v128.load(source, 48);
  let t0 = m0;
  let t1 = m1;
  let t2 = m2;
  let t3 = m3;
  let place = source + 64;
  while (place + 64 <= end) {
    const x0 = v128.load(place);
    const x1 = v128.load(place, 16);
    const x2 = v128.load(place, 32);
    const x3 = v128.load(place, 48);
    m0 = op.better(m0, x0);
    m1 = op.better(m1, x1);
    m2 = op.better(m2, x2);
    m3 = op.better(m3, x3);
    t0 = v128.add<T>(t0, x0);
    t1 = v128.add<T>(t1, x1);
    t2 = v128.add<T>(t2, x2);
    t3 = v128.add<T>(t3, x3);
    place += 64;
  }
  t0 = v128.add<T>(v128.add<T>(t0, t1), v128.add<T>(t2, t3));
  if (!Lanes.isNumber<T>(t0)) return op.row(source, length);
  m0 = op.better(m0, m1);
  m2 = op.better(m2, m3);
  m0 = op.better(m0, m2);
  let result = op.scalar(v128.extract_lane<T>(m0, 0), v128.extract_lane<T>(m0, 1));
  if (sizeof<T>() == 4) {
    result = op.scalar(result, op.scalar(v128.extract_lane<T>(m0, 2), v128.extract_lane<T>(m0, 3)));
  }
  while (place < end) {
    result = op.scalar(result, load<T>(place));
    place += sizeof<T>();
  }
  return result == 0 ? op.row(source, length) : result;
}

/** Four vectors of columns; false, and nothing stored, where only the exact fold knows. */
function fourVectors<T extends number, Op extends Extreme<T>>(
  source: usize,
  target: usize,
  length: i32,
  step: usize,
): bool {
  const op = changetype<Op>(0);
  let m0 = v128.load(source);
  let m1 = v128.load(source, 16);
  let m2 = v128.load(source, 32);
  let m3 = v128.load(source, 48);
  let t0 = m0;
  let t1 = m1;
  let t2 = m2;
  let t3 = m3;
  for (let i = 1; i < length; i++) {
    source += step;
    const x0 = v128.load(source);
    const x1 = v128.load(source, 16);
    const x2 = v128.load(source, 32);
    const x3 = v128.load(source, 48);
    m0 = op.better(m0, x0);
    m1 = op.better(m1, x1);
    m2 = op.better(m2, x2);
    m3 = op.better(m3, x3);
    t0 = v128.add<T>(t0, x0);
    t1 = v128.add<T>(t1, x1);
    t2 = v128.add<T>(t2, x2);
    t3 = v128.add<T>(t3, x3);
  }
  t0 = v128.add<T>(v128.add<T>(t0, t1), v128.add<T>(t2, t3));
  if (!Lanes.isNumber<T>(t0)) return false;
  const zero = v128.splat<T>(0 as T);
  const zeros = v128.or(
    v128.or(v128.eq<T>(m0, zero), v128.eq<T>(m1, zero)),
    v128.or(v128.eq<T>(m2, zero), v128.eq<T>(m3, zero)),
  );
  if (v128.any_true(zeros)) return false;
  v128.store(target, m0);
  v128.store(target, m1, 16);
  v128.store(target, m2, 32);
  v128.store(target, m3, 48);
  return true;
}

/** Extremes of `length` rows of `columns` neighbours; rows are `step` bytes apart. */
export function extremeColumns<T extends number, Op extends Extreme<T>>(
  source: usize,
  target: usize,
  length: i32,
  step: usize,
  columns: i32,
): void {
  const op = changetype<Op>(0);
  const width = (64 / sizeof<T>()) as i32;
  while (columns > 0) {
    const taken = min<i32>(width, columns);
    const isDone = isFloat<T>() && length > 0 && taken == width && fourVectors<T, Op>(source, target, length, step);
    if (!isDone) op.columns(source, target, length, step, taken);
    source += 64;
    target += 64;
    columns -= taken;
  }
}
