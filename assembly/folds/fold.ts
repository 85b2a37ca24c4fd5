// Folding with a combiner: what sum, product, largest and smallest are, and the two loops that apply them, along a row
// of neighbours or down columns. Generic over element type and combiner; a combiner is a class without state whose
// methods are inlined. Does not know axes or workers: reduce.ts does.

/** What every combiner has; the loops inline the methods of the final classes below. */
export abstract class Combiner<T extends number> {
  abstract lanes(x: v128, y: v128): v128;
  abstract scalar(x: T, y: T): T;
  abstract identity(): T;
}

@final
export class Sum<T extends number> extends Combiner<T> {
  @inline lanes(x: v128, y: v128): v128 {
    return v128.add<T>(x, y);
  }
  @inline scalar(x: T, y: T): T {
    return (x + y) as T;
  }
  @inline identity(): T {
    return 0 as T;
  }
}

@final
export class Product<T extends number> extends Combiner<T> {
  @inline lanes(x: v128, y: v128): v128 {
    return v128.mul<T>(x, y);
  }
  @inline scalar(x: T, y: T): T {
    return (x * y) as T;
  }
  @inline identity(): T {
    return 1 as T;
  }
}

@final
export class Largest<T extends number> extends Combiner<T> {
  @inline lanes(x: v128, y: v128): v128 {
    return v128.max<T>(x, y);
  }
  @inline scalar(x: T, y: T): T {
    return max<T>(x, y);
  }
  @inline identity(): T {
    if (isFloat<T>()) return -Infinity as T;
    if (isSigned<T>()) return i32.MIN_VALUE as T;
    return 0 as T;
  }
}

@final
export class Smallest<T extends number> extends Combiner<T> {
  @inline lanes(x: v128, y: v128): v128 {
    return v128.min<T>(x, y);
  }
  @inline scalar(x: T, y: T): T {
    return min<T>(x, y);
  }
  @inline identity(): T {
    if (isFloat<T>()) return Infinity as T;
    if (isSigned<T>()) return i32.MAX_VALUE as T;
    return u32.MAX_VALUE as T;
  }
}

/** Combines `length` neighbours. Four independent accumulators hide the latency of the combining instruction. */
export function foldRow<T extends number, Op extends Combiner<T>>(source: usize, length: i32): T {
  const op = changetype<Op>(0);
  let result = op.identity();
  const end = source + (length as usize) * sizeof<T>();
  if (end - source >= 64) {
    let s0 = v128.load(source);
    let s1 = v128.load(source, 16);
    let s2 = v128.load(source, 32);
    let s3 = v128.load(source, 48);
    source += 64;
    while (source + 64 <= end) {
      s0 = op.lanes(s0, v128.load(source));
      s1 = op.lanes(s1, v128.load(source, 16));
      s2 = op.lanes(s2, v128.load(source, 32));
      s3 = op.lanes(s3, v128.load(source, 48));
      source += 64;
    }
    s0 = op.lanes(op.lanes(s0, s1), op.lanes(s2, s3));
    if (sizeof<T>() == 4) {
      result = op.scalar(
        op.scalar(v128.extract_lane<T>(s0, 0), v128.extract_lane<T>(s0, 1)),
        op.scalar(v128.extract_lane<T>(s0, 2), v128.extract_lane<T>(s0, 3)),
      );
    } else {
      result = op.scalar(v128.extract_lane<T>(s0, 0), v128.extract_lane<T>(s0, 1));
    }
  }
  while (source < end) {
    result = op.scalar(result, load<T>(source));
    source += sizeof<T>();
  }
  return result;
}

/** Combines `length` rows of `columns` neighbours; rows are `step` bytes apart. */
export function foldColumns<T extends number, Op extends Combiner<T>>(
  source: usize,
  target: usize,
  length: i32,
  step: usize,
  columns: i32,
): void {
  const op = changetype<Op>(0);
  let bytes = (columns as usize) * sizeof<T>();
  while (bytes >= 64) {
    let s0 = v128.splat<T>(op.identity());
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let row = source;
    for (let i = 0; i < length; i++) {
      s0 = op.lanes(s0, v128.load(row));
      s1 = op.lanes(s1, v128.load(row, 16));
      s2 = op.lanes(s2, v128.load(row, 32));
      s3 = op.lanes(s3, v128.load(row, 48));
      row += step;
    }
    v128.store(target, s0);
    v128.store(target, s1, 16);
    v128.store(target, s2, 32);
    v128.store(target, s3, 48);
    source += 64;
    target += 64;
    bytes -= 64;
  }
  while (bytes >= 16) {
    let s0 = v128.splat<T>(op.identity());
    let row = source;
    for (let i = 0; i < length; i++) {
      s0 = op.lanes(s0, v128.load(row));
      row += step;
    }
    v128.store(target, s0);
    source += 16;
    target += 16;
    bytes -= 16;
  }
  while (bytes > 0) {
    let s = op.identity();
    let row = source;
    for (let i = 0; i < length; i++) {
      s = op.scalar(s, load<T>(row));
      row += step;
    }
    store<T>(target, s);
    source += sizeof<T>();
    target += sizeof<T>();
    bytes -= sizeof<T>();
  }
}
