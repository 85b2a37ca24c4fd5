// Singular vectors of a triangular R whatever its condition, by one worker:
//
//   R P = Q' S         with column pivoting: S is nearly diagonal already
//   J S = diag(s) Xᵀ   one-sided Jacobi on the rows of S
//   U' = Q' Jᵀ,  V = P X
//
// J collects the rotations, which doubles their work, only where S is so ill-conditioned that it has to. Elsewhere J is
// diag(s)⁻¹ Xᵀ Sᵀ, made orthogonal by its own Cholesky factor: the rows of large s first, so that no row moves by more than
// the rounding of the largest s. Rows that vanish have no direction: they are completed to an orthonormal basis.
// Read next: pivoted.ts, jacobi.ts; svd-eigen.ts for the quicker way.
import { factor } from "./cholesky";
import { orthogonalise } from "./jacobi";
import { pivotColumns } from "./pivoted";
import { Into, product } from "./product";
import { applyQ, Reduction } from "./qr";
import { rowPitch } from "./scratch";
import { Status } from "./status";
import { storeValues, Workspace } from "./svd-workspace";
import { substitute } from "./triangular";
import { addScaled, dot, Lane, scale, transposeRows } from "./vector";

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
function collectedLeft<T extends number>(n: i32, space: Workspace): void {
  const step = Lane.bytes<T>(rowPitch(2 * n));
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    // Thousands of rotations leave J's rows not quite of unit length.
    const turned = space.rows + step * (row as usize) + Lane.bytes<T>(n);
    scale<T>(turned, 1 / Math.sqrt(dot<T>(turned, turned, n)), n);
    for (let r = 0; r < n; r++)
      store<T>(space.u + Lane.bytes<T>(r * space.room + i), load<T>(turned + Lane.bytes<T>(r)));
  }
}

/** Columns of U computed from X and the copy of S. Returns false where they are too far from orthogonal. */
function computedLeft<T extends number>(n: i32, space: Workspace, second: Reduction): bool {
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
  transposeRows<T>(turned, step, n, n, space.u, Lane.bytes<T>(space.room));
  return true;
}

/**
 * Decomposes R, the upper triangle of problem.w with zeros below. `s` gets n values; space.u U' in its first n rows and columns,
 * which are zero, and space.vt Vᵀ, unless space.p is 0. Returns a status code.
 */
export function decomposeByJacobi<T extends number>(
  problem: Reduction,
  second: Reduction,
  space: Workspace,
  s: usize,
): i32 {
  const n = space.n;
  const wantsVectors = space.p > 0;
  const pitch = rowPitch(2 * n);
  const step = Lane.bytes<T>(pitch);
  transposeRows<T>(problem.w, Lane.bytes<T>(problem.pitch), n, n, second.v, Lane.bytes<T>(second.length));
  pivotColumns<T>(second, space.rows, pitch, space.permutation, space.norms);
  // How far rounding may turn the columns of U that are computed: epsilon by this.
  const epsilon: f64 = sizeof<T>() == 8 ? 2.220446049250313e-16 : 1.1920928955078125e-7;
  const corner = space.rows + step * ((n - 1) as usize) + Lane.bytes<T>(n - 1);
  const guess = Math.abs(load<T>(corner) as f64) / Math.abs(load<T>(space.rows) as f64);
  let collects = wantsVectors && !(guess > 1e4 * epsilon);
  if (wantsVectors) prepareRows<T>(n, space.rows, collects);
  if (!orthogonalise<T>(n, n, collects ? 2 * n : n, space.rows, pitch, space.norms)) return Status.NO_CONVERGENCE;
  const least = storeValues<T>(space, s);
  if (!wantsVectors) return 0;
  storeRight<T>(n, space);
  if (!collects && (least < 1e3 * epsilon || !computedLeft<T>(n, space, second))) {
    // The guess was too hopeful: once more, from the copy of S.
    collects = true;
    for (let i = 0; i < n; i++) {
      const row = space.rows + step * (i as usize);
      memory.copy(row, row + Lane.bytes<T>(n), Lane.bytes<T>(n));
    }
    prepareRows<T>(n, space.rows, true);
    if (!orthogonalise<T>(n, n, 2 * n, space.rows, pitch, space.norms)) return Status.NO_CONVERGENCE;
    storeValues<T>(space, s);
    storeRight<T>(n, space);
  }
  if (collects) collectedLeft<T>(n, space);
  applyQ<T>(second, space.u, n, space.room, false);
  return 0;
}
