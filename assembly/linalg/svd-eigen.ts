// Singular vectors of a triangular R that is not too ill-conditioned, by the crew:
//
//   Rᵀ R = V diag(λ) Vᵀ   the symmetric eigenproblem, whose V is orthogonal however inaccurate it is
//   Y = R V               whose columns are then nearly orthogonal
//   J Yᵀ = diag(s) U'ᵀ    a few rotations of one-sided Jacobi, which turn V along, for those that are not quite
//
// The values are the lengths of the columns of Y and not the roots of λ, so none is lost that R has. V is only where the rotations
// begin: where many values are so small that Rᵀ R has lost them, there would be too many, and svd-jacobi.ts does it.
// Read next: symmetric.ts, jacobi.ts.
import { Crew } from "./crew";
import { finishRows } from "./jacobi";
import { Indices } from "./merge";
import { Into, sharedProduct } from "./product";
import { Reduction } from "./qr";
import { rowPitch } from "./scratch";
import { storeValues, Workspace } from "./svd-workspace";
import { diagonaliseSymmetric, Symmetric } from "./symmetric";
import { dot, Lane, scale, transposeRows } from "./vector";

/** Rows of a strip of Rᵀ R. */
const STRIP: i32 = 120;

/** The lower triangle of Rᵀ R. */
function multiplySelf<T extends number>(problem: Reduction, target: Symmetric): void {
  const n = problem.columns;
  const pitch = problem.pitch;
  for (let i = 0; i < n; i += STRIP) {
    const rows = min<i32>(STRIP, n - i);
    // Below the diagonal R is zero.
    const depth = i + rows;
    const left = problem.w + Lane.bytes<T>(i);
    const to = target.s + Lane.bytes<T>(i * target.pitch);
    sharedProduct<T>(
      Into.ASSIGN,
      rows,
      depth,
      depth,
      left,
      1,
      pitch,
      problem.w,
      pitch,
      1,
      to,
      target.pitch,
      problem.packing,
    );
  }
  Crew.meet();
}

/** Whether all but a few eigenvalues are larger than what was lost in rounding. */
function isTrusted<T extends number>(eigen: Symmetric): bool {
  const n = eigen.n;
  const frame = eigen.frame;
  const epsilon: f64 = sizeof<T>() == 8 ? 2.220446049250313e-16 : 1.1920928955078125e-7;
  const largest = load<f64>(frame.d + ((Indices.at(frame.order, n - 1) as usize) << 3));
  const allowed = Indices.at(frame.order, n / 32);
  return load<f64>(frame.d + ((allowed as usize) << 3)) > (n as f64) * epsilon * largest;
}

/**
 * Decomposes R, the upper triangle of problem.w with zeros below; the crew has met. `s` gets n values; space.u U' in its first n
 * rows and columns and space.vt Vᵀ, unless space.p is 0. Returns false, with R as it was, where this is not the way.
 */
export function decomposeByEigen<T extends number>(
  problem: Reduction,
  eigen: Symmetric,
  space: Workspace,
  s: usize,
): bool {
  const n = space.n;
  const wantsVectors = space.p > 0;
  const frame = eigen.frame;
  multiplySelf<T>(problem, eigen);
  if (diagonaliseSymmetric<T>(eigen) != 0 || !isTrusted<T>(eigen)) return false;
  const pitch = rowPitch(2 * n);
  const step = Lane.bytes<T>(pitch);
  const line = Lane.bytes<T>(n);
  const from = Crew.from(n);
  const to = Crew.to(n);
  // Rows of Vᵀ from the largest value on.
  for (let i = from; i < to; i++) {
    const row = frame.q + Lane.bytes<T>(Indices.at(frame.order, n - 1 - i) * eigen.pitch);
    memory.copy(space.rows + step * (i as usize) + line, row, line);
  }
  Crew.meet();
  const rows = space.rows;
  const packing = frame.packing;
  sharedProduct<T>(Into.ASSIGN, n, n, n, rows + line, pitch, 1, problem.w, 1, problem.pitch, rows, pitch, packing);
  Crew.meet();
  const width = wantsVectors ? 2 * n : n;
  if (!finishRows<T>(n, n, width, rows, pitch, space.norms, eigen.s, eigen.pitch, eigen.notes, packing)) return false;
  let least: f64 = 0;
  if (Crew.leads()) least = storeValues<T>(space, s);
  // Something that is exactly zero has no direction.
  if (Crew.largest(least, eigen.notes) == 0) return false;
  if (!wantsVectors) return true;
  for (let i = from; i < to; i++) {
    const row = rows + step * (load<i32>(space.order + ((i as usize) << 2)) as usize);
    const left = frame.gathered + line * (i as usize);
    const right = space.vt + line * (i as usize);
    memory.copy(left, row, line);
    memory.copy(right, row + line, line);
    // Rotations leave rows not quite of unit length.
    scale<T>(left, 1 / Math.sqrt(dot<T>(left, left, n)), n);
    scale<T>(right, 1 / Math.sqrt(dot<T>(right, right, n)), n);
  }
  Crew.meet();
  const room = Lane.bytes<T>(space.room);
  for (let i = Crew.from(n, 16); i < Crew.to(n, 16); i += 16) {
    transposeRows<T>(
      frame.gathered + line * (i as usize),
      line,
      min<i32>(16, n - i),
      n,
      space.u + Lane.bytes<T>(i),
      room,
    );
  }
  Crew.meet();
  return true;
}
