// The kernels that eliminate: lu, solve and determinant. Read next: elimination.ts.
import { Share, Words } from "../words";
import { Elimination, eliminate, eliminationBytes, loadMatrix, openElimination } from "./elimination";
import { rowPitch, Scratch } from "./scratch";
import { Status } from "./status";
import { substitute, substituteUpper } from "./triangular";
import { Lane } from "./vector";

/** Words: a [.., m, n], lu, permutation i32 [.., m], scratch, batch, m, n; status. */
function lu<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const m = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const problem = openElimination<T>(Words.pointer(args, 3) + (slot as usize) * eliminationBytes<T>(m, n), m, n);
  problem.pitch = n;
  const bytes = Lane.bytes<T>(m * n);
  for (let item = begin; item < end; item++) {
    problem.a = Words.pointer(args, 1) + bytes * (item as usize);
    problem.permutation = Words.pointer(args, 2) + (((m * item) as usize) << 2);
    if (loadMatrix<T>(problem, Words.pointer(args, 0) + bytes * (item as usize))) eliminate<T>(problem);
    else Status.fail(args, 7, worker, item, Status.NOT_FINITE);
  }
}

/** Bytes of one square matrix's scratch: copy, permutation, elimination. The host computes the same number. */
function solveScratch<T extends number>(n: i32, m: i32): usize {
  const copy = (Lane.bytes<T>(n * rowPitch(n)) + ((n as usize) << 2) + 63) & ~63;
  return copy + eliminationBytes<T>(n, max<i32>(n, m));
}

/** An elimination over a copy of a square matrix. */
function openCopy<T extends number>(scratch: usize, n: i32): Elimination {
  const pitch = rowPitch(n);
  const copy = Lane.bytes<T>(n * pitch);
  const all = (copy + ((n as usize) << 2) + 63) & ~63;
  const problem = openElimination<T>(scratch + all, n, n);
  problem.pitch = pitch;
  problem.a = scratch;
  problem.permutation = scratch + copy;
  return problem;
}

/** The number of the first pivot that is zero, from 1; 0 if there is none. */
function zeroPivot<T extends number>(problem: Elimination): i32 {
  for (let i = 0; i < problem.rows; i++) {
    if (load<T>(problem.a + Lane.bytes<T>(i * problem.pitch + i)) == 0) return i + 1;
  }
  return 0;
}

/** Words: a [.., n, n], b [.., n, m], x, scratch, batch, n, m; status: the first pivot that is zero, from 1. */
function solve<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  const m = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const problem = openCopy<T>(Words.pointer(args, 3) + (slot as usize) * solveScratch<T>(n, m), n);
  const line = Lane.bytes<T>(m);
  for (let item = begin; item < end; item++) {
    if (!loadMatrix<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize))) {
      Status.fail(args, 7, worker, item, Status.NOT_FINITE);
      continue;
    }
    eliminate<T>(problem);
    const zero = zeroPivot<T>(problem);
    if (zero != 0) {
      Status.fail(args, 7, worker, item, zero);
      continue;
    }
    const b = Words.pointer(args, 1) + line * ((n * item) as usize);
    const x = Words.pointer(args, 2) + line * ((n * item) as usize);
    for (let i = 0; i < n; i++) {
      const row = load<i32>(problem.permutation + ((i as usize) << 2));
      memory.copy(x + line * (i as usize), b + line * (row as usize), line);
    }
    const pitch = problem.pitch;
    substitute<T>(n, m, problem.a, pitch, 1, true, x, m, problem.block, problem.packing);
    substituteUpper<T>(n, m, problem.a, pitch, 1, false, x, m, problem.block, problem.packing);
  }
}

/** Words: a [.., n, n], determinant, sign, logarithm of the magnitude, scratch, batch, n; status. */
function determinant<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const problem = openCopy<T>(Words.pointer(args, 4) + (slot as usize) * solveScratch<T>(n, n), n);
  for (let item = begin; item < end; item++) {
    if (!loadMatrix<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize))) {
      Status.fail(args, 7, worker, item, Status.NOT_FINITE);
      continue;
    }
    eliminate<T>(problem);
    let value = problem.sign;
    let sign = problem.sign;
    let logarithm: f64 = 0;
    for (let i = 0; i < n; i++) {
      const pivot = load<T>(problem.a + Lane.bytes<T>(i * problem.pitch + i)) as f64;
      value *= pivot;
      if (pivot < 0) sign = -sign;
      if (pivot == 0) sign = 0;
      logarithm += Math.log(Math.abs(pivot));
    }
    const at = Lane.bytes<T>(item);
    // A product that vanishes has no sign.
    store<T>(Words.pointer(args, 1) + at, (value == 0 ? 0 : value) as T);
    store<T>(Words.pointer(args, 2) + at, sign as T);
    store<T>(Words.pointer(args, 3) + at, logarithm as T);
  }
}

export function lu_f32(args: usize, worker: i32, workers: i32): void {
  lu<f32>(args, worker, workers);
}
export function lu_f64(args: usize, worker: i32, workers: i32): void {
  lu<f64>(args, worker, workers);
}
export function solve_f32(args: usize, worker: i32, workers: i32): void {
  solve<f32>(args, worker, workers);
}
export function solve_f64(args: usize, worker: i32, workers: i32): void {
  solve<f64>(args, worker, workers);
}
export function determinant_f32(args: usize, worker: i32, workers: i32): void {
  determinant<f32>(args, worker, workers);
}
export function determinant_f64(args: usize, worker: i32, workers: i32): void {
  determinant<f64>(args, worker, workers);
}
