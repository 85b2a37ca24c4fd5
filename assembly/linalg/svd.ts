// A = U diag(s) Vᵀ for any matrix, s descending. Never through AᵀA, so small singular values are not lost:
//
//   A = Q R            blocked Householder (of Aᵀ if A is wide)
//   R P = Q' S         with column pivoting: S is nearly diagonal already
//   J S = diag(s) Xᵀ   one-sided Jacobi on the rows of S
//   U = Q Q' Jᵀ,  V = P X
//
// J collects the rotations, which doubles their work, only where S is so ill-conditioned that it has to. Elsewhere J is
// diag(s)⁻¹ Xᵀ Sᵀ, made orthogonal by its own Cholesky factor: the rows of large s first, so that no row moves by more than
// the rounding of the largest s.
// Rows that vanish have no direction: they are completed to an orthonormal basis. The matrix is scaled by a power of two.
// Read next: qr.ts, pivoted.ts, jacobi.ts.
import { Share, Words } from "../words";
import { factor } from "./cholesky";
import { orthogonalise } from "./jacobi";
import { pivotColumns } from "./pivoted";
import { Into, product } from "./product";
import { applyQ, loadReduction, openReduction, reduce, Reduction, reductionBytes } from "./qr";
import { rowPitch, Scratch } from "./scratch";
import { Status } from "./status";
import { substitute } from "./triangular";
import { addScaled, dot, Lane, scale, transposeRows } from "./vector";

/** The memory of one matrix with m >= n and p columns of U, after the two reductions. */
class Workspace {
  /** [n] rows of S beside J. */
  rows: usize;
  /** [m, p]: A turned over, then U. */
  u: usize;
  /** [n, n]: Vᵀ. */
  vt: usize;
  /** f64 [3 n]: lengths, and work. */
  norms: usize;
  /** i32 [n] each. */
  permutation: usize;
  order: usize;
}

/** Bytes of scratch for a matrix with m >= n. The host computes the same number. */
function svdScratch<T extends number>(m: i32, n: i32, p: i32): usize {
  const elements = n * rowPitch(2 * n) + m * p + n * n;
  const numbers = ((n as usize) << 5) + 64;
  const reductions = reductionBytes<T>(m, n, max<i32>(n, p)) + reductionBytes<T>(n, n, n);
  return (reductions + Lane.bytes<T>(elements) + numbers + 127) & ~63;
}

function openWorkspace<T extends number>(at: usize, m: i32, n: i32, p: i32): Workspace {
  const space = changetype<Workspace>(at);
  space.norms = at + 64;
  space.permutation = space.norms + (n as usize) * 24;
  space.order = space.permutation + ((n as usize) << 2);
  space.rows = (space.order + ((n as usize) << 2) + 15) & ~15;
  space.u = space.rows + Lane.bytes<T>(n * rowPitch(2 * n));
  space.vt = space.u + Lane.bytes<T>(m * p);
  return space;
}

/** Indices of `norms` from the largest on. */
function sortLengths(n: i32, norms: usize, order: usize): void {
  for (let i = 0; i < n; i++) {
    const value = load<f64>(norms + ((i as usize) << 3));
    let j = i;
    for (; j > 0; j--) {
      const before = load<i32>(order + (((j - 1) as usize) << 2));
      if (load<f64>(norms + ((before as usize) << 3)) >= value) break;
      store<i32>(order + ((j as usize) << 2), before);
    }
    store<i32>(order + ((j as usize) << 2), i);
  }
}

/** Makes row `i` of vt a unit vector orthogonal to the rows before it, starting from one of the axes. */
function completeRow<T extends number>(n: i32, vt: usize, i: i32): void {
  const line = Lane.bytes<T>(n);
  const row = vt + line * (i as usize);
  for (let axis = 0; axis < n; axis++) {
    const candidate = (i + axis) % n;
    memory.fill(row, 0, line);
    store<T>(row + Lane.bytes<T>(candidate), 1 as T);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = vt + line * (k as usize);
        addScaled<T>(row, other, -dot<T>(row, other, n), n);
      }
    }
    const left = dot<T>(row, row, n);
    // Some axis keeps at least 1 / n of its square.
    if (left * (n as f64) < 0.5) continue;
    scale<T>(row, 1 / Math.sqrt(left), n);
    // Once more, now that little was lost.
    for (let k = 0; k < i; k++) {
      const other = vt + line * (k as usize);
      addScaled<T>(row, other, -dot<T>(row, other, n), n);
    }
    return;
  }
}

/** Rows of S beside what is `beside` them: the identity, for J to grow from, or a copy of S. */
function prepareRows<T extends number>(n: i32, rows: usize, isIdentity: bool): void {
  const step = Lane.bytes<T>(rowPitch(2 * n));
  const line = Lane.bytes<T>(n);
  for (let i = 0; i < n; i++) {
    const row = rows + step * (i as usize);
    if (!isIdentity) {
      memory.copy(row + line, row, line);
      continue;
    }
    memory.fill(row + line, 0, line);
    store<T>(row + line + Lane.bytes<T>(i), 1 as T);
  }
}

/** Singular values from the lengths of the rows, and how the smallest compares with the largest. */
function storeValues<T extends number>(n: i32, space: Workspace, power: f64, s: usize): f64 {
  sortLengths(n, space.norms, space.order);
  let first: f64 = 0;
  let last: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    last = Math.sqrt(load<f64>(space.norms + ((row as usize) << 3)));
    if (i == 0) first = last;
    store<T>(s + Lane.bytes<T>(i), (power * last) as T);
  }
  return first == 0 ? 0 : last / first;
}

/** Unit rows of Vᵀ. */
function storeRight<T extends number>(n: i32, space: Workspace): void {
  const step = Lane.bytes<T>(rowPitch(2 * n));
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    const from = space.rows + step * (row as usize);
    const length = Math.sqrt(load<f64>(space.norms + ((row as usize) << 3)));
    const to = space.vt + Lane.bytes<T>(i * n);
    if (length == 0) {
      completeRow<T>(n, space.vt, i);
      continue;
    }
    for (let c = 0; c < n; c++) {
      const place = load<i32>(space.permutation + ((c as usize) << 2));
      store<T>(to + Lane.bytes<T>(place), ((load<T>(from + Lane.bytes<T>(c)) as f64) / length) as T);
    }
  }
}

/** Columns of U are the collected rows of J. */
function collectedLeft<T extends number>(n: i32, space: Workspace, p: i32): void {
  const step = Lane.bytes<T>(rowPitch(2 * n));
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    // Thousands of rotations leave J's rows not quite of unit length.
    const turned = space.rows + step * (row as usize) + Lane.bytes<T>(n);
    scale<T>(turned, 1 / Math.sqrt(dot<T>(turned, turned, n)), n);
    for (let r = 0; r < n; r++) store<T>(space.u + Lane.bytes<T>(r * p + i), load<T>(turned + Lane.bytes<T>(r)));
  }
}

/** Columns of U computed from X and the copy of S. Returns false where they are too far from orthogonal. */
function computedLeft<T extends number>(n: i32, space: Workspace, second: Reduction, p: i32): bool {
  const pitch = rowPitch(2 * n);
  const step = Lane.bytes<T>(pitch);
  // diag(s)⁻² times the rows as they are: rows of X are diag(s)⁻¹ times them.
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    const to = second.w + Lane.bytes<T>(second.pitch) * (i as usize);
    memory.copy(to, space.rows + step * (row as usize), Lane.bytes<T>(n));
    scale<T>(to, 1 / load<f64>(space.norms + ((row as usize) << 3)), n);
  }
  const turned = space.rows;
  const copy = turned + Lane.bytes<T>(n);
  const gram = second.w;
  const wide = second.pitch;
  product<T>(Into.ASSIGN, n, n, n, gram, wide, 1, copy, 1, pitch, turned, pitch, second.packing);
  product<T>(Into.ASSIGN, n, n, n, turned, pitch, 1, turned, 1, pitch, gram, wide, second.packing);
  if (factor<T>(n, gram, wide, second.gram, second.packing) != 0) return false;
  substitute<T>(n, n, gram, 1, wide, false, turned, pitch, second.gram, second.packing);
  transposeRows<T>(turned, step, n, n, space.u, Lane.bytes<T>(p));
  return true;
}

/**
 * Decomposes A [m, n], m >= n. `s` gets n values; space.u and space.vt the vectors, unless p is 0. Returns a status code.
 */
function decompose<T extends number>(
  problem: Reduction,
  second: Reduction,
  space: Workspace,
  a: usize,
  p: i32,
  s: usize,
): i32 {
  const m = problem.rows;
  const n = problem.columns;
  const power = loadReduction<T>(problem, a);
  if (power != power) return Status.NOT_FINITE;
  reduce<T>(problem);
  const pitch = rowPitch(2 * n);
  const step = Lane.bytes<T>(pitch);
  for (let i = 0; i < n; i++) {
    memory.fill(problem.w + Lane.bytes<T>(problem.pitch) * (i as usize), 0, Lane.bytes<T>(i));
  }
  transposeRows<T>(problem.w, Lane.bytes<T>(problem.pitch), n, n, second.v, Lane.bytes<T>(second.length));
  pivotColumns<T>(second, space.rows, pitch, space.permutation, space.norms);
  // How far rounding may turn the columns of U that are computed: epsilon by this.
  const epsilon: f64 = sizeof<T>() == 8 ? 2.220446049250313e-16 : 1.1920928955078125e-7;
  const corner = space.rows + step * ((n - 1) as usize) + Lane.bytes<T>(n - 1);
  const guess = Math.abs(load<T>(corner) as f64) / Math.abs(load<T>(space.rows) as f64);
  let collects = p > 0 && !(guess > 1e4 * epsilon);
  if (p > 0) prepareRows<T>(n, space.rows, collects);
  if (!orthogonalise<T>(n, n, collects ? 2 * n : n, space.rows, pitch, space.norms)) return Status.NO_CONVERGENCE;
  let least = storeValues<T>(n, space, power, s);
  if (p == 0) return 0;
  memory.fill(space.u, 0, Lane.bytes<T>(m * p));
  storeRight<T>(n, space);
  if (!collects && (least < 1e3 * epsilon || !computedLeft<T>(n, space, second, p))) {
    // The guess was too hopeful: once more, from the copy of S.
    collects = true;
    for (let i = 0; i < n; i++) {
      const row = space.rows + step * (i as usize);
      memory.copy(row, row + Lane.bytes<T>(n), Lane.bytes<T>(n));
    }
    prepareRows<T>(n, space.rows, true);
    if (!orthogonalise<T>(n, n, 2 * n, space.rows, pitch, space.norms)) return Status.NO_CONVERGENCE;
    least = storeValues<T>(n, space, power, s);
    storeRight<T>(n, space);
  }
  if (collects) collectedLeft<T>(n, space, p);
  for (let i = n; i < p; i++) store<T>(space.u + Lane.bytes<T>(i * p + i), 1 as T);
  applyQ<T>(second, space.u, n, p, false);
  applyQ<T>(problem, space.u, p, p, false);
  return 0;
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
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const at = Words.pointer(args, first) + (slot as usize) * svdScratch<T>(tall, k, room);
  const problem = openReduction<T>(at, tall, k, room);
  const after = at + reductionBytes<T>(tall, k, room);
  const second = openReduction<T>(after, k, k, k);
  const space = openWorkspace<T>(after + reductionBytes<T>(k, k, k), tall, k, room);
  const square = Lane.bytes<T>(m * n);
  for (let item = begin; item < end; item++) {
    let a = Words.pointer(args, 0) + square * (item as usize);
    if (isWide) {
      transposeRows<T>(a, Lane.bytes<T>(n), m, n, space.u, Lane.bytes<T>(m));
      a = space.u;
    }
    const s = Words.pointer(args, wantsVectors ? 2 : 1) + Lane.bytes<T>(k * item);
    const code = decompose<T>(problem, second, space, a, p, s);
    if (code != 0) {
      Status.fail(args, status, worker, item, code);
      continue;
    }
    if (!wantsVectors) continue;
    const u = Words.pointer(args, 1) + Lane.bytes<T>(m * (isWide ? k : p)) * (item as usize);
    const vt = Words.pointer(args, 3) + Lane.bytes<T>(n * (isWide ? p : k)) * (item as usize);
    if (isWide) {
      transposeRows<T>(space.vt, Lane.bytes<T>(k), k, k, u, Lane.bytes<T>(k));
      transposeRows<T>(space.u, Lane.bytes<T>(p), tall, p, vt, Lane.bytes<T>(tall));
    } else {
      memory.copy(u, space.u, Lane.bytes<T>(tall * p));
      memory.copy(vt, space.vt, Lane.bytes<T>(k * k));
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
