// A = U diag(s) Vᵀ for any matrix, s descending. Never by values of AᵀA, so small singular values are not lost:
//
//   A = Q R                  blocked Householder (of Aᵀ if A is wide)
//   R = U' diag(s) Vᵀ        svd-eigen.ts where R is not too ill-conditioned, svd-jacobi.ts elsewhere
//   U = Q U'
//
// The matrix is scaled by a power of two. Read next: qr.ts, svd-eigen.ts, svd-jacobi.ts.
import { Words } from "../program/words";
import { Crew } from "./crew";
import { applyQ, loadReduction, openReduction, reduce, reducerBytes, Reduction, reductionBytes } from "./qr";
import { Status } from "./status";
import { decomposeByEigen } from "./svd-eigen";
import { decomposeByJacobi } from "./svd-jacobi";
import { clearLeft, openWorkspace, Workspace, workspaceBytes, WORKSPACE_WORDS } from "./svd-workspace";
import { openSymmetric, solverBytes, symmetricBytes } from "./symmetric";
import { Lane, transposeRows } from "./vector";

/** Order from which the eigenproblem is quicker than rotations. */
const EIGEN_FROM: i32 = 48;

/** Bytes of a second problem of order n, whichever it is: what the crew shares, and each worker's own. */
function innerBytes<T extends number>(n: i32): usize {
  return max<usize>(symmetricBytes<T>(n), reductionBytes<T>(n, n));
}
function solverOwn<T extends number>(n: i32): usize {
  return max<usize>(solverBytes<T>(n), reducerBytes<T>(n, n));
}

/** Bytes of what a crew shares for a matrix with m >= n. The host computes the same number. */
function svdBytes<T extends number>(m: i32, n: i32, room: i32): usize {
  return reductionBytes<T>(m, n) + innerBytes<T>(n) + workspaceBytes<T>(m, n, room);
}

/** Bytes of each worker's own. The host computes the same number. */
function svdOwn<T extends number>(m: i32, n: i32, room: i32): usize {
  return WORKSPACE_WORDS + reducerBytes<T>(m, room) + solverOwn<T>(n);
}

/**
 * Decomposes A [m, n], m >= n. `s` gets n values; space.u and space.vt the vectors, unless space.p is 0. `inner` and `own` are
 * innerBytes and solverOwn. Returns a status code.
 */
function decompose<T extends number>(
  problem: Reduction,
  inner: usize,
  own: usize,
  space: Workspace,
  a: usize,
  s: usize,
): i32 {
  const n = space.n;
  const power = loadReduction<T>(problem, a);
  if (power != power) return Status.NOT_FINITE;
  space.power = power;
  reduce<T>(problem);
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    memory.fill(problem.w + Lane.bytes<T>(problem.pitch) * (i as usize), 0, Lane.bytes<T>(i));
  }
  clearLeft<T>(space, problem.rows);
  Crew.meet();
  let isDone: bool = false;
  if (n >= EIGEN_FROM && power > 0) {
    const eigen = openSymmetric<T>(inner, own, n, space.vt);
    isDone = decomposeByEigen<T>(problem, eigen, space, s);
  }
  if (!isDone) {
    // The two problems lie in the same place: nobody may still be looking at the first.
    Crew.meet();
    let failure: f64 = 0;
    if (Crew.leads()) {
      Crew.part();
      const second = openReduction<T>(inner, own, n, n, n);
      failure = decomposeByJacobi<T>(problem, second, space, s) == 0 ? 0 : 1;
      Crew.join();
    }
    if (Crew.largest(failure, problem.notes) != 0) return Status.NO_CONVERGENCE;
  }
  if (space.p > 0) applyQ<T>(problem, space.u, space.p, space.room, false);
  return 0;
}

/** target [columns, rows] = the transpose of source, by the crew, which meets at the end. */
function turnOver<T extends number>(
  source: usize,
  step: usize,
  rows: i32,
  columns: i32,
  target: usize,
  to: usize,
): void {
  const from = Crew.from(rows, 4);
  const count = Crew.to(rows, 4) - from;
  transposeRows<T>(source + step * (from as usize), step, count, columns, target + Lane.bytes<T>(from), to);
  Crew.meet();
}

/** The same without turning: `columns` elements of each row. */
function copyRows<T extends number>(source: usize, step: usize, rows: i32, columns: i32, target: usize): void {
  const line = Lane.bytes<T>(columns);
  for (let i = Crew.from(rows); i < Crew.to(rows); i++) {
    memory.copy(target + line * (i as usize), source + step * (i as usize), line);
  }
  Crew.meet();
}

/** Words: a [.., m, n], u [.., m, p], s, vt [.., q, n], scratch, batch, m, n, isFull; status. Values alone: a, s, scratch, … */
function svd<T extends number>(args: usize, worker: i32, workers: i32, wantsVectors: bool): void {
  const first = wantsVectors ? 4 : 2;
  const batch = Words.integer(args, first + 1);
  const m = Words.integer(args, first + 2);
  const n = Words.integer(args, first + 3);
  const isFull = wantsVectors && Words.integer(args, first + 4) != 0;
  const status = wantsVectors ? first + 5 : first + 4;
  Status.clear(args, status, worker);
  const isWide = m < n;
  const k = min<i32>(m, n);
  const tall = max<i32>(m, n);
  if (k == 0) return;
  const p = wantsVectors ? (isFull ? tall : k) : 0;
  const room = max<i32>(p, k);
  Crew.form(batch, k, worker, workers);
  const scratch = Words.pointer(args, first);
  const shared = Crew.shared(scratch, svdBytes<T>(tall, k, room));
  const own = Crew.alone(scratch, svdBytes<T>(tall, k, room), svdOwn<T>(tall, k, room));
  const problem = openReduction<T>(shared, own + WORKSPACE_WORDS, tall, k, room);
  const solver = own + WORKSPACE_WORDS + reducerBytes<T>(tall, room);
  const inner = shared + reductionBytes<T>(tall, k);
  const space = openWorkspace<T>(own, inner + innerBytes<T>(k), tall, k, p, room);
  const square = Lane.bytes<T>(m * n);
  const line = Lane.bytes<T>(room);
  for (let item = Crew.begin; item < Crew.end; item++) {
    let a = Words.pointer(args, 0) + square * (item as usize);
    if (isWide) {
      turnOver<T>(a, Lane.bytes<T>(n), m, n, space.u, Lane.bytes<T>(m));
      a = space.u;
    }
    const s = Words.pointer(args, wantsVectors ? 2 : 1) + Lane.bytes<T>(k * item);
    const code = decompose<T>(problem, inner, solver, space, a, s);
    if (code != 0) Status.fail(args, status, worker, item, code);
    if (code != 0 || !wantsVectors) continue;
    const u = Words.pointer(args, 1) + Lane.bytes<T>(m * (isWide ? k : p)) * (item as usize);
    const vt = Words.pointer(args, 3) + Lane.bytes<T>(n * (isWide ? p : k)) * (item as usize);
    if (isWide) {
      turnOver<T>(space.vt, Lane.bytes<T>(k), k, k, u, Lane.bytes<T>(k));
      turnOver<T>(space.u, line, tall, p, vt, Lane.bytes<T>(tall));
    } else {
      copyRows<T>(space.u, line, tall, p, u);
      copyRows<T>(space.vt, Lane.bytes<T>(k), k, k, vt);
    }
  }
}

export function svd_f32(args: usize, worker: i32, workers: i32): void {
  svd<f32>(args, worker, workers, true);
}
export function svd_f64(args: usize, worker: i32, workers: i32): void {
  svd<f64>(args, worker, workers, true);
}
export function svdvals_f32(args: usize, worker: i32, workers: i32): void {
  svd<f32>(args, worker, workers, false);
}
export function svdvals_f64(args: usize, worker: i32, workers: i32): void {
  svd<f64>(args, worker, workers, false);
}
