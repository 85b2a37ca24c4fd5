// The kernels of the symmetric eigenproblem: eigenvalues, ascending, and eigenvectors (the lower triangle is read). The matrix is
// scaled by a power of two first, so squares neither overflow nor vanish. Read next: symmetric.ts for the method.
import { Words } from "../program/words";
import { Crew } from "./crew";
import { Indices } from "./merge";
import { diagonalise } from "./ql";
import { Status } from "./status";
import {
  diagonaliseSymmetric,
  openSymmetric,
  solverBytes,
  Symmetric,
  symmetricBytes,
  toTridiagonal,
} from "./symmetric";
import { Lane, largestOf, powerBelow, scale, transposeRows } from "./vector";

/** Copies the lower triangle, scaled. Returns the scale: NaN when an element is not finite, 0 for a zero matrix. */
function loadScaled<T extends number>(problem: Symmetric, a: usize): f64 {
  const n = problem.n;
  const line = Lane.bytes<T>(n);
  const from = Crew.from(n);
  const to = Crew.to(n);
  let largest: f64 = 0;
  for (let i = from; i < to; i++) {
    const most = largestOf<T>(a + line * (i as usize), i + 1);
    if (most != most || most > largest) largest = most;
    if (most != most) break;
  }
  largest = Crew.largest(largest, problem.notes);
  if (largest != largest) return NaN;
  const power = powerBelow(largest);
  // The inverse of 2^1023 is subnormal but exact, as every power of two down to 2^-1074 is.
  for (let i = from; i < to; i++) {
    const row = problem.s + Lane.bytes<T>(problem.pitch) * (i as usize);
    memory.copy(row, a + line * (i as usize), Lane.bytes<T>(i + 1));
    if (largest > 0) scaleExactly<T>(row, power, i + 1);
  }
  Crew.meet();
  return largest == 0 ? 0 : power;
}

/** x /= power, a power of two whose inverse T may not hold. */
function scaleExactly<T extends number>(x: usize, power: f64, count: i32): void {
  const inverse = 1 / power;
  if (sizeof<T>() == 8 || (inverse < 1e38 && inverse > 1e-37)) {
    scale<T>(x, inverse, count);
    return;
  }
  for (let j: usize = 0; j < Lane.bytes<T>(count); j += sizeof<T>()) {
    store<T>(x + j, ((load<T>(x + j) as f64) * inverse) as T);
  }
}

/** Returns a status code. `vectors` is 0 where only eigenvalues are wanted. */
function decompose<T extends number>(problem: Symmetric, a: usize, values: usize, vectors: usize): i32 {
  const n = problem.n;
  const frame = problem.frame;
  const power = loadScaled<T>(problem, a);
  if (power != power) return Status.NOT_FINITE;
  if (vectors == 0) {
    toTridiagonal<T>(problem);
    let lost: f64 = 0;
    if (Crew.leads()) {
      lost = diagonalise<T>(n, frame.d, frame.e, 0, 0, 0) as f64;
      sortNumbers(n, frame.d, frame.row);
      for (let i = 0; i < n && lost == 0; i++) {
        store<T>(values + Lane.bytes<T>(i), (power * load<f64>(frame.d + ((i as usize) << 3))) as T);
      }
    }
    return Crew.largest(lost, problem.notes) == 0 ? 0 : Status.NO_CONVERGENCE;
  }
  frame.inner = vectors;
  if (diagonaliseSymmetric<T>(problem) != 0) return Status.NO_CONVERGENCE;
  const line = Lane.bytes<T>(n);
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    const row = Indices.at(frame.order, i);
    store<T>(values + Lane.bytes<T>(i), (power * load<f64>(frame.d + ((row as usize) << 3))) as T);
    const from = frame.q + Lane.bytes<T>(problem.pitch) * (row as usize);
    memory.copy(frame.gathered + line * (i as usize), from, line);
  }
  Crew.meet();
  // Tiles that write whole cache lines.
  for (let i = Crew.from(n, 16); i < Crew.to(n, 16); i += 16) {
    for (let j = 0; j < n; j += 32) {
      const from = frame.gathered + Lane.bytes<T>(i * n + j);
      const to = vectors + Lane.bytes<T>(j * n + i);
      transposeRows<T>(from, line, min<i32>(16, n - i), min<i32>(32, n - j), to, line);
    }
  }
  Crew.meet();
  return 0;
}

/** Ascending order by merging runs of growing length. */
function sortNumbers(n: i32, x: usize, work: usize): void {
  for (let run = 1; run < n; run *= 2) {
    for (let begin = 0; begin < n; begin += 2 * run) {
      const middle = min<i32>(begin + run, n);
      const end = min<i32>(begin + 2 * run, n);
      let i = begin;
      let j = middle;
      for (let k = begin; k < end; k++) {
        const left = x + ((i as usize) << 3);
        const right = x + ((j as usize) << 3);
        const takeLeft = j >= end || (i < middle && load<f64>(left) <= load<f64>(right));
        store<f64>(work + ((k as usize) << 3), load<f64>(takeLeft ? left : right));
        if (takeLeft) i++;
        else j++;
      }
    }
    memory.copy(x, work, (n as usize) << 3);
  }
}

/** Words: a, values, then vectors if they are wanted, scratch, batch, n; status. */
function eigh<T extends number>(args: usize, worker: i32, workers: i32, wantsVectors: bool): void {
  const first = wantsVectors ? 3 : 2;
  const batch = Words.integer(args, first + 1);
  const n = Words.integer(args, first + 2);
  Status.clear(args, first + 3, worker);
  if (n <= 0) return;
  Crew.form(batch, n, worker, workers);
  const square = Lane.bytes<T>(n * n);
  const scratch = Words.pointer(args, first);
  const shared = Crew.shared(scratch, symmetricBytes<T>(n));
  const own = Crew.alone(scratch, symmetricBytes<T>(n), solverBytes<T>(n));
  const problem = openSymmetric<T>(shared, own, n, 0);
  for (let i = Crew.begin; i < Crew.end; i++) {
    const values = Words.pointer(args, 1) + Lane.bytes<T>(n) * (i as usize);
    const vectors = wantsVectors ? Words.pointer(args, 2) + square * (i as usize) : 0;
    const code = decompose<T>(problem, Words.pointer(args, 0) + square * (i as usize), values, vectors);
    if (code != 0) Status.fail(args, first + 3, worker, i, code);
  }
}

export function eigh_f32(args: usize, worker: i32, workers: i32): void {
  eigh<f32>(args, worker, workers, true);
}
export function eigh_f64(args: usize, worker: i32, workers: i32): void {
  eigh<f64>(args, worker, workers, true);
}
export function eigvalsh_f32(args: usize, worker: i32, workers: i32): void {
  eigh<f32>(args, worker, workers, false);
}
export function eigvalsh_f64(args: usize, worker: i32, workers: i32): void {
  eigh<f64>(args, worker, workers, false);
}
