// Reading and adding by index. take and indexAdd move whole inner rows named by one list of indices; gather and
// scatterAdd have an index for every element. A negative index counts from the end. Reading out of range gives NaN
// (0 for integers), adding out of range does nothing. Adding goes in the order of the indices on every worker split,
// because workers share target rows, never sources: the same bits on every run. place only puts elements where nothing is.
import { Half } from "./halves";
import { Share, Words } from "../program/words";

class Index {
  /** The index from the start, or -1 when it is out of range. */
  @inline static resolve(index: i32, size: i32): i32 {
    const i = index < 0 ? index + size : index;
    return i >= 0 && i < size ? i : -1;
  }

  @inline static missing<T extends number>(): T {
    if (isFloat<T>()) return NaN as T;
    return 0 as T;
  }
}

/** Copies a run; short ones by a loop, because memory.copy costs a call into the engine. */
function copyElements<T extends number>(source: usize, target: usize, count: i32): void {
  const bytes = (count as usize) * sizeof<T>();
  if (bytes > 256) {
    memory.copy(target, source, bytes);
    return;
  }
  let i: usize = 0;
  while (i + 16 <= bytes) {
    v128.store(target + i, v128.load(source + i));
    i += 16;
  }
  while (i < bytes) {
    store<T>(target + i, load<T>(source + i));
    i += sizeof<T>();
  }
}

function addElements<T extends number>(source: usize, target: usize, count: i32): void {
  const bytes = (count as usize) * sizeof<T>();
  let i: usize = 0;
  while (i + 16 <= bytes) {
    v128.store(target + i, v128.add<T>(v128.load(target + i), v128.load(source + i)));
    i += 16;
  }
  while (i < bytes) {
    store<T>(target + i, (load<T>(target + i) + load<T>(source + i)) as T);
    i += sizeof<T>();
  }
}

/** Words: x, indices, out, outer, size, inner, count. Workers share output rows. */
function take<T extends number>(args: usize, worker: i32, workers: i32): void {
  const x = Words.pointer(args, 0);
  const indices = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  const outer = Words.integer(args, 3);
  const size = Words.integer(args, 4);
  const inner = Words.integer(args, 5);
  const count = Words.integer(args, 6);
  const step = (inner as usize) * sizeof<T>();
  const end = Share.from(outer * count, worker + 1, workers);
  for (let row = Share.from(outer * count, worker, workers); row < end; row++) {
    const i = row / count;
    const index = Index.resolve(load<i32>(indices + (((row - i * count) as usize) << 2)), size);
    const target = out + (row as usize) * step;
    if (index >= 0) {
      copyElements<T>(x + ((i as usize) * (size as usize) + (index as usize)) * step, target, inner);
    } else {
      for (let j: usize = 0; j < step; j += sizeof<T>()) store<T>(target + j, Index.missing<T>());
    }
  }
}

/** Words: source, indices, out, outer, size, inner, count. Workers share the rows of out. */
function indexAdd<T extends number>(args: usize, worker: i32, workers: i32): void {
  const source = Words.pointer(args, 0);
  const indices = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  const outer = Words.integer(args, 3);
  const size = Words.integer(args, 4);
  const inner = Words.integer(args, 5);
  const count = Words.integer(args, 6);
  const step = (inner as usize) * sizeof<T>();
  const from = Share.from(size, worker, workers);
  const end = Share.from(size, worker + 1, workers);
  for (let i = 0; i < outer; i++) {
    const target = out + (i as usize) * (size as usize) * step;
    memory.fill(target + (from as usize) * step, 0, ((end - from) as usize) * step);
    let row = source + (i as usize) * (count as usize) * step;
    for (let k = 0; k < count; k++) {
      const index = Index.resolve(load<i32>(indices + ((k as usize) << 2)), size);
      if (index >= from && index < end) addElements<T>(row, target + (index as usize) * step, inner);
      row += step;
    }
  }
}

/** Words: x, indices, out, outer, size, inner, count. Workers share rows of [outer, count]. */
function gather<T extends number>(args: usize, worker: i32, workers: i32): void {
  const x = Words.pointer(args, 0);
  const indices = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  const outer = Words.integer(args, 3);
  const size = Words.integer(args, 4);
  const inner = Words.integer(args, 5);
  const count = Words.integer(args, 6);
  const end = Share.from(outer * count, worker + 1, workers);
  for (let row = Share.from(outer * count, worker, workers); row < end; row++) {
    const base = x + ((row / count) as usize) * (size as usize) * (inner as usize) * sizeof<T>();
    for (let j = 0; j < inner; j++) {
      const element = (row as usize) * (inner as usize) + (j as usize);
      const index = Index.resolve(load<i32>(indices + (element << 2)), size);
      const place = ((index as usize) * (inner as usize) + (j as usize)) * sizeof<T>();
      store<T>(out + element * sizeof<T>(), index >= 0 ? load<T>(base + place) : Index.missing<T>());
    }
  }
}

/**
 * take, and with an index for every element gather, of halves; the result is f32. Words as theirs. Workers share output rows.
 */
function pickHalves(args: usize, worker: i32, workers: i32, isEach: bool): void {
  const x = Words.pointer(args, 0);
  const indices = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  const outer = Words.integer(args, 3);
  const size = Words.integer(args, 4);
  const inner = Words.integer(args, 5);
  const count = Words.integer(args, 6);
  const end = Share.from(outer * count, worker + 1, workers);
  for (let row = Share.from(outer * count, worker, workers); row < end; row++) {
    const base = ((row / count) as usize) * (size as usize);
    for (let j = 0; j < inner; j++) {
      const element = (row as usize) * (inner as usize) + (j as usize);
      const place = isEach ? element : ((row % count) as usize);
      const index = Index.resolve(load<i32>(indices + (place << 2)), size);
      const source = (base + (index as usize)) * (inner as usize) + (j as usize);
      const value = index >= 0 ? Half.value(load<u16>(x + (source << 1))) : f32.NaN;
      store<f32>(out + (element << 2), value);
    }
  }
}

/** Words: x, indices, source, out, outer, size, inner, count. Workers share the rows of out. */
function scatterAdd<T extends number>(args: usize, worker: i32, workers: i32): void {
  const x = Words.pointer(args, 0);
  const indices = Words.pointer(args, 1);
  const source = Words.pointer(args, 2);
  const out = Words.pointer(args, 3);
  const outer = Words.integer(args, 4);
  const size = Words.integer(args, 5);
  const inner = Words.integer(args, 6);
  const count = Words.integer(args, 7);
  const step = (inner as usize) * sizeof<T>();
  const from = Share.from(size, worker, workers);
  const end = Share.from(size, worker + 1, workers);
  for (let i = 0; i < outer; i++) {
    const base = (i as usize) * (size as usize) * step;
    memory.copy(out + base + (from as usize) * step, x + base + (from as usize) * step, ((end - from) as usize) * step);
    for (let k = 0; k < count; k++) {
      const row = ((i as usize) * (count as usize) + (k as usize)) * (inner as usize);
      for (let j = 0; j < inner; j++) {
        const element = row + (j as usize);
        const index = Index.resolve(load<i32>(indices + (element << 2)), size);
        if (index < from || index >= end) continue;
        const place = out + base + (index as usize) * step + (j as usize) * sizeof<T>();
        store<T>(place, (load<T>(place) + load<T>(source + element * sizeof<T>())) as T);
      }
    }
  }
}

/**
 * Words: source, indices, out, rows, size, count. Elements of rows of source go where their index says, which is in range and
 * different from all others of the row; elsewhere out is 0. Workers share rows, or the places of few rows.
 */
function place<T extends number>(args: usize, worker: i32, workers: i32): void {
  const rows = Words.integer(args, 3);
  const size = Words.integer(args, 4);
  const count = Words.integer(args, 5);
  const isShared = rows < workers;
  const begin = isShared ? 0 : Share.from(rows, worker, workers);
  const end = isShared ? rows : Share.from(rows, worker + 1, workers);
  const from = isShared ? Share.from(size, worker, workers) : 0;
  const to = isShared ? Share.from(size, worker + 1, workers) : size;
  for (let row = begin; row < end; row++) {
    const first = (row as usize) * (count as usize);
    const source = Words.pointer(args, 0) + first * sizeof<T>();
    const indices = Words.pointer(args, 1) + (first << 2);
    const out = Words.pointer(args, 2) + (row as usize) * (size as usize) * sizeof<T>();
    if (count < size) memory.fill(out + (from as usize) * sizeof<T>(), 0, ((to - from) as usize) * sizeof<T>());
    for (let i: usize = 0; i < (count as usize); i++) {
      const index = load<i32>(indices + (i << 2));
      if (index < from || index >= to) continue;
      store<T>(out + (index as usize) * sizeof<T>(), load<T>(source + i * sizeof<T>()));
    }
  }
}

export function take_f16(args: usize, worker: i32, workers: i32): void {
  pickHalves(args, worker, workers, false);
}
export function gather_f16(args: usize, worker: i32, workers: i32): void {
  pickHalves(args, worker, workers, true);
}
export function take_f32(args: usize, worker: i32, workers: i32): void {
  take<f32>(args, worker, workers);
}
export function take_f64(args: usize, worker: i32, workers: i32): void {
  take<f64>(args, worker, workers);
}
export function take_i32(args: usize, worker: i32, workers: i32): void {
  take<i32>(args, worker, workers);
}
export function take_u8(args: usize, worker: i32, workers: i32): void {
  take<u8>(args, worker, workers);
}
export function indexAdd_f32(args: usize, worker: i32, workers: i32): void {
  indexAdd<f32>(args, worker, workers);
}
export function indexAdd_f64(args: usize, worker: i32, workers: i32): void {
  indexAdd<f64>(args, worker, workers);
}
export function indexAdd_i32(args: usize, worker: i32, workers: i32): void {
  indexAdd<i32>(args, worker, workers);
}
export function gather_f32(args: usize, worker: i32, workers: i32): void {
  gather<f32>(args, worker, workers);
}
export function gather_f64(args: usize, worker: i32, workers: i32): void {
  gather<f64>(args, worker, workers);
}
export function gather_i32(args: usize, worker: i32, workers: i32): void {
  gather<i32>(args, worker, workers);
}
export function gather_u8(args: usize, worker: i32, workers: i32): void {
  gather<u8>(args, worker, workers);
}
export function scatterAdd_f32(args: usize, worker: i32, workers: i32): void {
  scatterAdd<f32>(args, worker, workers);
}
export function scatterAdd_f64(args: usize, worker: i32, workers: i32): void {
  scatterAdd<f64>(args, worker, workers);
}
export function scatterAdd_i32(args: usize, worker: i32, workers: i32): void {
  scatterAdd<i32>(args, worker, workers);
}

export function place_f32(args: usize, worker: i32, workers: i32): void {
  place<f32>(args, worker, workers);
}
export function place_f64(args: usize, worker: i32, workers: i32): void {
  place<f64>(args, worker, workers);
}

/** Words: out, count. out[i] = i. */
export function iota_i32(args: usize, worker: i32, workers: i32): void {
  const out = Words.pointer(args, 0);
  const count = Words.integer(args, 1);
  const end = Share.from(count, worker + 1, workers);
  for (let i = Share.from(count, worker, workers); i < end; i++) store<i32>(out + ((i as usize) << 2), i);
}
