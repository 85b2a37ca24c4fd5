// The kernels that eliminate: lu, solve and determinant. Read next: elimination.ts.
import { Words } from "../program/words";
import { Crew, NOTES_BYTES } from "./crew";
import { Elimination, eliminate, eliminationBytes, loadMatrix, openElimination } from "./elimination";
import { rowPitch } from "./scratch";
import { Status } from "./status";
import { sharedSubstitute, sharedSubstituteUpper } from "./triangular";
import { Lane } from "./vector";

/** Words: a [.., m, n], lu, permutation i32 [.., m], scratch, batch, m, n; status. */
function lu<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const m = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  Crew.form(batch, min<i32>(m, n), worker, workers);
  const sharedBytes = (NOTES_BYTES + ((m as usize) << 2) + 63) & ~63;
  const notes = Crew.shared(Words.pointer(args, 3), sharedBytes);
  const own = Crew.alone(Words.pointer(args, 3), sharedBytes, eliminationBytes<T>(m, n));
  const problem = openElimination<T>(own, m, n, notes);
  problem.exchanges = notes + NOTES_BYTES;
  problem.pitch = n;
  const bytes = Lane.bytes<T>(m * n);
  for (let item = Crew.begin; item < Crew.end; item++) {
    problem.a = Words.pointer(args, 1) + bytes * (item as usize);
    problem.permutation = Words.pointer(args, 2) + (((m * item) as usize) << 2);
    if (loadMatrix<T>(problem, Words.pointer(args, 0) + bytes * (item as usize))) eliminate<T>(problem);
    else Status.fail(args, 7, worker, item, Status.NOT_FINITE);
  }
}

/** Bytes of a copy of a square matrix with its permutation, exchanges and notes. The host computes the same number. */
export function copyBytes<T extends number>(n: i32): usize {
  return (NOTES_BYTES + Lane.bytes<T>(n * rowPitch(n)) + ((n as usize) << 3) + 63) & ~63;
}

/** An elimination over the copy of a square matrix at `shared`, for m right-hand sides. */
export function openCopy<T extends number>(shared: usize, own: usize, n: i32, m: i32): Elimination {
  const problem = openElimination<T>(own, n, max<i32>(n, m), shared);
  problem.columns = n;
  problem.pitch = rowPitch(n);
  problem.a = shared + NOTES_BYTES;
  problem.permutation = problem.a + Lane.bytes<T>(n * problem.pitch);
  problem.exchanges = problem.permutation + ((n as usize) << 2);
  return problem;
}

/** The same in the crew's and the worker's parts of a kernel's scratch. */
function openShared<T extends number>(scratch: usize, n: i32, m: i32): Elimination {
  const own = Crew.alone(scratch, copyBytes<T>(n), eliminationBytes<T>(n, max<i32>(n, m)));
  return openCopy<T>(Crew.shared(scratch, copyBytes<T>(n)), own, n, m);
}

/** The number of the first pivot that is zero, from 1; 0 if there is none. */
export function zeroPivot<T extends number>(problem: Elimination): i32 {
  for (let i = 0; i < problem.rows; i++) {
    if (load<T>(problem.a + Lane.bytes<T>(i * problem.pitch + i)) == 0) return i + 1;
  }
  return 0;
}

/** X = A⁻¹ B for a matrix that has been eliminated; B and X [n, m]. Each worker finds its own columns. */
export function solveFactored<T extends number>(problem: Elimination, b: usize, x: usize, m: i32): void {
  const n = problem.rows;
  const line = Lane.bytes<T>(m);
  const width = 2 * Lane.count<T>();
  const from = Lane.bytes<T>(Crew.from(m, width));
  const bytes = Lane.bytes<T>(Crew.to(m, width)) - from;
  for (let i = 0; i < n; i++) {
    const row = load<i32>(problem.permutation + ((i as usize) << 2));
    memory.copy(x + line * (i as usize) + from, b + line * (row as usize) + from, bytes);
  }
  const pitch = problem.pitch;
  sharedSubstitute<T>(n, m, problem.a, pitch, 1, true, x, m, problem.block, problem.packing);
  sharedSubstituteUpper<T>(n, m, problem.a, pitch, 1, false, x, m, problem.block, problem.packing);
}

/** Words: a [.., n, n], b [.., n, m], x, scratch, batch, n, m; status: the first pivot that is zero, from 1. */
function solve<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  const m = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  Crew.form(batch, n, worker, workers);
  const problem = openShared<T>(Words.pointer(args, 3), n, m);
  const line = Lane.bytes<T>(m);
  for (let item = Crew.begin; item < Crew.end; item++) {
    if (!loadMatrix<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize))) {
      Status.fail(args, 7, worker, item, Status.NOT_FINITE);
      continue;
    }
    eliminate<T>(problem);
    const zero = zeroPivot<T>(problem);
    if (zero != 0) {
      Status.fail(args, 7, worker, item, zero);
      Crew.meet();
      continue;
    }
    const b = Words.pointer(args, 1) + line * ((n * item) as usize);
    const x = Words.pointer(args, 2) + line * ((n * item) as usize);
    solveFactored<T>(problem, b, x, m);
    Crew.meet();
  }
}

/** Words: a [.., n, n], determinant, sign, logarithm of the magnitude, scratch, batch, n; status. */
function determinant<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  Status.clear(args, 7, worker);
  Crew.form(batch, n, worker, workers);
  const problem = openShared<T>(Words.pointer(args, 4), n, n);
  for (let item = Crew.begin; item < Crew.end; item++) {
    if (!loadMatrix<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize))) {
      Status.fail(args, 7, worker, item, Status.NOT_FINITE);
      continue;
    }
    eliminate<T>(problem);
    if (!Crew.leads()) {
      Crew.meet();
      continue;
    }
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
    Crew.meet();
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
