// A X = B in f64 at the speed of f32: A is factored in f32, and X corrected by what is left of B, which f64 computes, until that is
// no more than a factorisation in f64 would have left. Where it does not come to that (A is too ill-conditioned for f32) the
// matrix is factored in f64. Powers of two keep what f32 gets within its range.
// Source: LAPACK's dsgesv and dsposv, whose criterion this is; Langou et al., Exploiting the performance of 32 bit floating point
// arithmetic in obtaining 64 bit accuracy, SC 2006. Read next: lu.ts, cholesky.ts.
import { Words } from "../program/words";
import { loadTriangle, sharedFactor } from "./cholesky";
import { Crew } from "./crew";
import { Elimination, eliminate, eliminationBytes, loadMatrix } from "./elimination";
import { copyBytes, openCopy, solveFactored, zeroPivot } from "./lu";
import { Into, sharedProduct } from "./product";
import { rowPitch } from "./scratch";
import { Status } from "./status";
import { sharedSubstitute, sharedSubstituteUpper } from "./triangular";
import { dot, Lane, largestOf, powerBelow } from "./vector";

/** Corrections before f32 is given up: LAPACK's number. */
const MOST_STEPS: i32 = 30;
/** Half of the distance from 1 to the next number: what LAPACK calls epsilon. */
const EPSILON: f64 = 1.1102230246251565e-16;
/** Right-hand sides up to which rows are multiplied one by one. */
const FEW: i32 = 4;

/** A system and its memory, as one worker sees it. */
class System {
  n: i32;
  m: i32;
  isPositive: bool;
  /** A in f64, both triangles, and elements between its rows. */
  a: usize;
  pitch: i32;
  b: usize;
  x: usize;
  /** What is left of B, f64 [n, m], and the correction of X, f32 [n, m]. The crew shares them. */
  rest: usize;
  step: usize;
  /** The factors in f32, the power of two that A was divided by, and a word for the crew. */
  low: Elimination;
  power: f64;
  found: usize;
  /** ‖A‖ by rows. */
  norm: f64;
  /** The worker's own: f64 [n], and packing for products in f64. */
  column: usize;
  packing: usize;
}

/** Bytes of what a crew shares: copies of A, what is left, the correction. The host computes the same number. */
function refinedBytes(n: i32, m: i32): usize {
  return (copyBytes<f32>(n) + copyBytes<f64>(n) + (((n * m) as usize) << 3) + (((n * m) as usize) << 2) + 127) & ~63;
}

/** Bytes of each worker's own. The host computes the same number. */
function refinerBytes(n: i32, m: i32): usize {
  const widest = max<i32>(n, m);
  const both = eliminationBytes<f32>(n, widest) + eliminationBytes<f64>(n, widest);
  return (128 + ((n as usize) << 3) + both + 63) & ~63;
}

/** A copy of A in f32, divided by a power of two. Returns false where an element is not finite. Sets norm and power. */
function lower(system: System): bool {
  const n = system.n;
  const line = Lane.bytes<f64>(system.pitch);
  let largest: f64 = 0;
  let norm: f64 = 0;
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    const row = system.a + line * (i as usize);
    const most = largestOf<f64>(row, n);
    if (most != most || most > largest) largest = most;
    if (most != most) break;
    let sum: f64 = 0;
    for (let j = 0; j < n; j++) sum += Math.abs(load<f64>(row + Lane.bytes<f64>(j)));
    norm = max<f64>(norm, sum);
  }
  const low = system.low;
  largest = Crew.largest(largest, low.notes);
  if (largest != largest) return false;
  system.norm = Crew.largest(norm, low.notes);
  const power = powerBelow(largest);
  system.power = power;
  const inverse = f64x2.splat(1 / power);
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    const row = system.a + line * (i as usize);
    const to = low.a + Lane.bytes<f32>(low.pitch) * (i as usize);
    let j = 0;
    for (; j + 2 <= n; j += 2) {
      const pair = f64x2.mul(v128.load(row + Lane.bytes<f64>(j)), inverse);
      v128.store_lane<u64>(to + Lane.bytes<f32>(j), f32x4.demote_f64x2_zero(pair), 0);
    }
    if (j < n) store<f32>(to + Lane.bytes<f32>(j), (load<f64>(row + Lane.bytes<f64>(j)) / power) as f32);
  }
  Crew.meet();
  return true;
}

/** Factors the copy in f32. Returns whether it has no pivot that is zero, or is positive definite. */
function factorLow(system: System): bool {
  const low = system.low;
  if (system.isPositive) {
    return sharedFactor<f32>(system.n, low.a, low.pitch, system.found, low.block, low.packing) == 0;
  }
  eliminate<f32>(low);
  return zeroPivot<f32>(low) == 0;
}

/** Solves with a triangle U of A = Uᵀ U, in place, this worker's columns. */
function solvePositive<T extends number>(problem: Elimination, x: usize, m: i32): void {
  const rows = problem.rows;
  const a = problem.a;
  const pitch = problem.pitch;
  const block = problem.block;
  const packing = problem.packing;
  sharedSubstitute<T>(rows, m, a, 1, pitch, false, x, m, block, packing);
  sharedSubstituteUpper<T>(rows, m, a, pitch, 1, false, x, m, block, packing);
}

/** The largest magnitude in column j of an f64 [n, m]. */
function columnLargest(n: i32, m: i32, x: usize, j: i32): f64 {
  let largest: f64 = 0;
  for (let i = 0; i < n; i++) {
    const value = Math.abs(load<f64>(x + Lane.bytes<f64>(i * m + j)));
    if (value != value) return NaN;
    largest = max<f64>(largest, value);
  }
  return largest;
}

/** X += A⁻¹ (what is left), this worker's columns; whole groups of them, as solves share them. */
function correct(system: System): void {
  const n = system.n;
  const m = system.m;
  const rest = system.rest;
  const step = system.step;
  const x = system.x;
  const low = system.low;
  const width = 2 * Lane.count<f32>();
  const from = Crew.from(m, width);
  const to = Crew.to(m, width);
  for (let j = from; j < to; j++) {
    const largest = columnLargest(n, m, rest, j);
    const scale = largest > 0 ? powerBelow(largest) : 1;
    for (let i = 0; i < n; i++) {
      const source = low.permutation + ((i as usize) << 2);
      const row = system.isPositive ? i : load<i32>(source);
      store<f32>(step + Lane.bytes<f32>(i * m + j), (load<f64>(rest + Lane.bytes<f64>(row * m + j)) / scale) as f32);
    }
  }
  if (system.isPositive) solvePositive<f32>(low, step, m);
  else {
    sharedSubstitute<f32>(n, m, low.a, low.pitch, 1, true, step, m, low.block, low.packing);
    sharedSubstituteUpper<f32>(n, m, low.a, low.pitch, 1, false, step, m, low.block, low.packing);
  }
  for (let j = from; j < to; j++) {
    const largest = columnLargest(n, m, rest, j);
    const scale = (largest > 0 ? powerBelow(largest) : 1) / system.power;
    for (let i = 0; i < n; i++) {
      const place = x + Lane.bytes<f64>(i * m + j);
      store<f64>(place, load<f64>(place) + scale * (load<f32>(step + Lane.bytes<f32>(i * m + j)) as f64));
    }
  }
  Crew.meet();
}

/** What is left of B: B - A X. */
function findRest(system: System): void {
  const n = system.n;
  const m = system.m;
  const a = system.a;
  const pitch = system.pitch;
  const b = system.b;
  const x = system.x;
  const rest = system.rest;
  const column = system.column;
  if (m > FEW) {
    const line = Lane.bytes<f64>(m);
    for (let i = Crew.from(n); i < Crew.to(n); i++) {
      memory.copy(rest + line * (i as usize), b + line * (i as usize), line);
    }
    Crew.meet();
    sharedProduct<f64>(Into.SUBTRACT, n, m, n, a, pitch, 1, x, m, 1, rest, m, system.packing);
  } else {
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < n; i++) store<f64>(column + Lane.bytes<f64>(i), load<f64>(x + Lane.bytes<f64>(i * m + j)));
      for (let i = Crew.from(n); i < Crew.to(n); i++) {
        const at = Lane.bytes<f64>(i * m + j);
        store<f64>(rest + at, load<f64>(b + at) - dot<f64>(a + Lane.bytes<f64>(i * pitch), column, n));
      }
    }
  }
  Crew.meet();
}

/** How far X is from what is good enough: up to 1 is there, NaN where X is not finite. */
function distance(system: System): f64 {
  const n = system.n;
  const m = system.m;
  const rest = system.rest;
  const x = system.x;
  const bound = system.norm * EPSILON * Math.sqrt(n as f64);
  let most: f64 = 0;
  for (let j = Crew.from(m); j < Crew.to(m); j++) {
    const left = columnLargest(n, m, rest, j);
    const allowed = bound * columnLargest(n, m, x, j);
    const ratio = left == 0 ? 0 : left / allowed;
    most = max<f64>(most, ratio);
    if (ratio != ratio) break;
  }
  return Crew.largest(most, system.low.notes);
}

/** Refines X from zero. Returns whether it came far enough. */
function refine(system: System): bool {
  const bytes = Lane.bytes<f64>(system.n * system.m);
  if (Crew.leads()) {
    memory.fill(system.x, 0, bytes);
    memory.copy(system.rest, system.b, bytes);
  }
  Crew.meet();
  let before: f64 = Infinity;
  for (let turn = 0; turn <= MOST_STEPS; turn++) {
    correct(system);
    findRest(system);
    const now = distance(system);
    if (now <= 1) return true;
    // It should fall by orders of magnitude: what does not even halve is better factored anew.
    if (!(now <= 0.5 * before)) return false;
    before = now;
  }
  return false;
}

/** The whole of a symmetric matrix from its lower triangle. */
function mirror(n: i32, a: usize, target: usize): void {
  const line = Lane.bytes<f64>(rowPitch(n));
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    const row = a + Lane.bytes<f64>(n * i);
    memory.copy(target + line * (i as usize), row, Lane.bytes<f64>(i + 1));
  }
  Crew.meet();
}

/** Words: a [.., n, n], b [.., n, m], x, scratch, batch, n, m, isPositive; status: as solve or cholesky. */
export function refinedSolve_f64(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  const m = Words.integer(args, 6);
  const isPositive = Words.integer(args, 7) != 0;
  Status.clear(args, 8, worker);
  Crew.form(batch, n, worker, workers);
  const shared = Crew.shared(Words.pointer(args, 3), refinedBytes(n, m));
  const own = Crew.alone(Words.pointer(args, 3), refinedBytes(n, m), refinerBytes(n, m));
  const system = changetype<System>(own);
  const high = shared + copyBytes<f32>(n);
  system.n = n;
  system.m = m;
  system.isPositive = isPositive;
  system.rest = high + copyBytes<f64>(n);
  system.step = system.rest + Lane.bytes<f64>(n * m);
  system.found = system.step + Lane.bytes<f32>(n * m);
  system.column = own + 128;
  const eliminations = system.column + Lane.bytes<f64>(n);
  system.low = openCopy<f32>(shared, eliminations, n, m);
  const exact = openCopy<f64>(high, eliminations + eliminationBytes<f32>(n, max<i32>(n, m)), n, m);
  system.packing = exact.packing;
  for (let item = Crew.begin; item < Crew.end; item++) {
    const a = Words.pointer(args, 0) + Lane.bytes<f64>(n * n) * (item as usize);
    system.b = Words.pointer(args, 1) + Lane.bytes<f64>(n * m) * (item as usize);
    system.x = Words.pointer(args, 2) + Lane.bytes<f64>(n * m) * (item as usize);
    system.a = isPositive ? exact.a : a;
    system.pitch = isPositive ? exact.pitch : n;
    const isFinite = !isPositive || loadTriangle<f64>(n, a, exact.a, exact.notes);
    if (isFinite && isPositive) mirror(n, a, exact.a);
    if (!isFinite || !lower(system)) {
      Status.fail(args, 8, worker, item, Status.NOT_FINITE);
      continue;
    }
    const isRefined = factorLow(system) && refine(system);
    Crew.meet();
    if (isRefined) continue;
    const code = isPositive ? solveExactly(system, exact) : eliminateExactly(system, exact, a);
    if (code != 0) Status.fail(args, 8, worker, item, code);
    Crew.meet();
  }
}

/** The solution by factors in f64. Returns the pivot that is zero, from 1. */
function eliminateExactly(system: System, exact: Elimination, a: usize): i32 {
  loadMatrix<f64>(exact, a);
  eliminate<f64>(exact);
  const zero = zeroPivot<f64>(exact);
  if (zero == 0) solveFactored<f64>(exact, system.b, system.x, system.m);
  return zero;
}

/** The same for a positive definite matrix. Returns the order of the first leading minor that is not positive. */
function solveExactly(system: System, exact: Elimination): i32 {
  const n = system.n;
  const m = system.m;
  const found = system.found;
  const failed = sharedFactor<f64>(n, exact.a, exact.pitch, found, exact.block, exact.packing);
  if (failed != 0) return failed;
  if (Crew.leads()) memory.copy(system.x, system.b, Lane.bytes<f64>(n * m));
  Crew.meet();
  solvePositive<f64>(exact, system.x, m);
  return 0;
}
