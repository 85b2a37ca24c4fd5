// One merge of divide and conquer: the eigensystems of two neighbouring blocks of a tridiagonal matrix become that of
// both, which differ from the two by rho z zᵀ.
//
//   deflate    eigenvalues whose z is nothing, or that are equal (a rotation makes one z zero), stay as they are
//   solve      the others are roots of the secular equation (secular.ts)
//   recompute  z from the roots, so that the vectors are orthogonal to rounding (Gu and Eisenstat)
//   multiply   rows that live in the top half, in both, in the bottom half are gathered in this order, so that two
//              products of half the width do it
//
// The crew shares roots, vectors and products; deflation is its first worker's. Eigenvectors are rows of T, scalars f64. Source: Gu and Eisenstat, A divide-and-conquer algorithm for the symmetric
// tridiagonal eigenproblem, SIAM J. Matrix Anal. Appl. 16 (1995). Read next: divide.ts, which calls it.
import { Crew } from "./crew";
import { Into, sharedProduct } from "./product";
import { secularRoot } from "./secular";
import { Lane, rotate } from "./vector";

/**
 * The memory of a decomposition as one worker sees it. Arrays of n numbers (f64) or indices (i32); matrices of T, `pitch`
 * elements a row.
 */
export class Frame {
  n: i32;
  pitch: i32;
  /** Diagonal and off-diagonal; after a merge the eigenvalues, in the order of the rows of Q. */
  d: usize;
  e: usize;
  /** Rows of every finished block from the smallest eigenvalue up. */
  order: usize;
  /** Eigenvectors as rows; those of a block are nonzero in its columns only. */
  q: usize;
  /** Two more of n² elements: gathered rows, and the eigenvectors of the secular problem. A block has what lies at its rows. */
  gathered: usize;
  inner: usize;
  /** The arrays of a merge, which its crew shares: f64 [n] each. */
  z: usize;
  poles: usize;
  weights: usize;
  shifts: usize;
  sorted: usize;
  /** i32 [n] each. */
  rows: usize;
  kinds: usize;
  places: usize;
  origins: usize;
  /** How many rows a merge keeps. */
  kept: usize;
  /** The worker's own: a row, f64 [n]; for secularRoot; for products. */
  row: usize;
  below: usize;
  packing: usize;
}

/** Bytes of the arrays of merges: one set for each worker, and one that the crew shares. The host computes the same number. */
export function mergeBytes(n: i32): usize {
  return (64 + (n as usize) * 56 + 63) & ~63;
}

/** Bytes of a worker's Frame and row. The host computes the same number. */
export function frameBytes(n: i32): usize {
  return (256 + (n as usize) * 8 + 63) & ~63;
}

/** A worker's frame; matrices, d, e, order, packing and the arrays of merges are the caller's to set. */
export function openFrame(at: usize, n: i32, pitch: i32): Frame {
  const frame = changetype<Frame>(at);
  frame.n = n;
  frame.pitch = pitch;
  frame.below = at + 128;
  frame.row = at + 256;
  return frame;
}

/** Lets merges work with the arrays at `at`, mergeBytes. */
export function placeArrays(frame: Frame, at: usize): void {
  const line = (frame.n as usize) << 3;
  frame.kept = at;
  let place = at + 64;
  frame.z = place;
  frame.poles = place += line;
  frame.weights = place += line;
  frame.shifts = place += line;
  frame.sorted = place += line;
  place += line;
  const indices = (frame.n as usize) << 2;
  frame.rows = place;
  frame.kinds = place += indices;
  frame.places = place += indices;
  frame.origins = place + indices;
}

/** What columns an eigenvector's row is nonzero in. */
class Kind {
  static readonly TOP: i32 = 0;
  static readonly BOTH: i32 = 1;
  static readonly BOTTOM: i32 = 2;
  static readonly DEFLATED: i32 = 3;
}

class Numbers {
  @inline static at(array: usize, index: i32): f64 {
    return load<f64>(array + ((index as usize) << 3));
  }

  @inline static put(array: usize, index: i32, value: f64): void {
    store<f64>(array + ((index as usize) << 3), value);
  }
}

export class Indices {
  @inline static at(array: usize, index: i32): i32 {
    return load<i32>(array + ((index as usize) << 2));
  }

  @inline static put(array: usize, index: i32, value: i32): void {
    store<i32>(array + ((index as usize) << 2), value);
  }
}

/** Sorts `count` row numbers by d; for the short lists of deflated rows, which are nearly sorted. */
export function insertionSort(count: i32, rows: usize, d: usize): void {
  for (let i = 1; i < count; i++) {
    const row = Indices.at(rows, i);
    const value = Numbers.at(d, row);
    let j = i;
    for (; j > 0 && Numbers.at(d, Indices.at(rows, j - 1)) > value; j--) {
      Indices.put(rows, j, Indices.at(rows, j - 1));
    }
    Indices.put(rows, j, row);
  }
}

/** Merges two sorted lists of row numbers. The result must not overlap them. */
function mergeSorted(a: usize, countA: i32, b: usize, countB: i32, d: usize, result: usize): void {
  let i = 0;
  let j = 0;
  for (let k = 0; k < countA + countB; k++) {
    const takeA = j == countB || (i < countA && Numbers.at(d, Indices.at(a, i)) <= Numbers.at(d, Indices.at(b, j)));
    Indices.put(result, k, takeA ? Indices.at(a, i++) : Indices.at(b, j++));
  }
}

/**
 * Sorts the rows of both blocks into `rows`: those that stay in the problem from the front, ascending, deflated ones from
 * the back. Fills poles, weights and kinds. Returns how many stay.
 */
function deflate<T extends number>(frame: Frame, lo: i32, half: i32, n: i32, rho: f64): i32 {
  const d = frame.d;
  const z = frame.z;
  const step = Lane.bytes<T>(frame.pitch);
  const sorted = frame.origins;
  const order = frame.order + ((lo as usize) << 2);
  mergeSorted(order, half, order + ((half as usize) << 2), n - half, d, sorted);
  let largest: f64 = 0;
  for (let i = lo; i < lo + n; i++) {
    largest = max<f64>(largest, max<f64>(Math.abs(Numbers.at(d, i)), Math.abs(Numbers.at(z, i))));
    Indices.put(frame.kinds, i, i < lo + half ? Kind.TOP : Kind.BOTTOM);
  }
  const tolerance = largest * (sizeof<T>() == 8 ? 8.881784197001252e-16 : 1.1920928955078125e-7);
  let kept = 0;
  let out = n;
  let before = -1;
  for (let i = 0; i < n; i++) {
    const row = Indices.at(sorted, i);
    if (rho * Math.abs(Numbers.at(z, row)) <= tolerance) {
      Indices.put(frame.kinds, row, Kind.DEFLATED);
      Indices.put(frame.rows, --out, row);
      continue;
    }
    if (before < 0) {
      before = row;
      continue;
    }
    const x = Numbers.at(z, before);
    const y = Numbers.at(z, row);
    const length = Math.sqrt(x * x + y * y);
    const c = y / length;
    const s = x / length;
    const gap = Numbers.at(d, row) - Numbers.at(d, before);
    if (Math.abs(gap * c * s) <= tolerance) {
      // Rotated so that `before` has no part in z any more.
      Numbers.put(z, row, length);
      if (Indices.at(frame.kinds, row) != Indices.at(frame.kinds, before)) Indices.put(frame.kinds, row, Kind.BOTH);
      Indices.put(frame.kinds, before, Kind.DEFLATED);
      const from = frame.q + Lane.bytes<T>(lo);
      rotate<T>(from + (before as usize) * step, from + (row as usize) * step, c, s, n);
      const p = Numbers.at(d, before);
      const q = Numbers.at(d, row);
      Numbers.put(d, before, p * c * c + q * s * s);
      Numbers.put(d, row, p * s * s + q * c * c);
      Indices.put(frame.rows, --out, before);
    } else {
      Indices.put(frame.rows, kept++, before);
    }
    before = row;
  }
  if (before >= 0) Indices.put(frame.rows, kept++, before);
  for (let i = 0; i < kept; i++) {
    const row = Indices.at(frame.rows, i);
    Numbers.put(frame.poles, i, Numbers.at(d, row));
    Numbers.put(frame.weights, i, Numbers.at(z, row));
  }
  return kept;
}

/**
 * z from the roots: z[m]² = Π (root[j] - pole[m]) / Π' (pole[j] - pole[m]), up to a factor, with the signs of `weights`. This
 * worker's share of the m.
 */
function recompute(frame: Frame, k: i32): void {
  const z = frame.sorted;
  const poles = frame.poles;
  const from = Crew.from(k);
  const to = Crew.to(k);
  for (let m = from; m < to; m++) Numbers.put(z, m, 1);
  for (let j = 0; j < k; j++) {
    const shift = Numbers.at(frame.shifts, j);
    const origin = Numbers.at(poles, Indices.at(frame.origins, j));
    const pole = Numbers.at(poles, j);
    const shifts = f64x2.splat(shift);
    const origins = f64x2.splat(origin);
    const others = f64x2.splat(pole);
    let m = from;
    while (m < to) {
      if (m + 2 <= to && m != j && m + 1 != j) {
        const at = (m as usize) << 3;
        const p = v128.load(poles + at);
        const ratio = f64x2.div(f64x2.sub(f64x2.sub(p, origins), shifts), f64x2.sub(p, others));
        v128.store(z + at, f64x2.mul(v128.load(z + at), ratio));
        m += 2;
        continue;
      }
      const p = Numbers.at(poles, m);
      const ratio = m == j ? p - origin - shift : (p - origin - shift) / (p - pole);
      Numbers.put(z, m, Numbers.at(z, m) * ratio);
      m++;
    }
  }
  for (let m = from; m < to; m++) {
    const size = Math.sqrt(Math.abs(Numbers.at(z, m)));
    Numbers.put(frame.weights, m, Numbers.at(frame.weights, m) < 0 ? -size : size);
  }
}

/**
 * Rows of `inner`: the unit eigenvectors of diag(poles) + rho z zᵀ, their components where `places` says. `poles` and `weights`
 * are in the order of the components already, so that they are read front to back. This worker's share of the rows.
 */
function innerVectors<T extends number>(frame: Frame, k: i32, poles: usize, weights: usize, inner: usize): void {
  const line = frame.row;
  for (let i = Crew.from(k); i < Crew.to(k); i++) {
    const target = inner + Lane.bytes<T>(k) * (i as usize);
    const shift = Numbers.at(frame.shifts, i);
    const origin = Numbers.at(frame.poles, Indices.at(frame.origins, i));
    const shifts = f64x2.splat(shift);
    const origins = f64x2.splat(origin);
    let squares = f64x2.splat(0);
    let m = 0;
    for (; m + 2 <= k; m += 2) {
      const at = (m as usize) << 3;
      const x = f64x2.div(v128.load(weights + at), f64x2.sub(f64x2.sub(v128.load(poles + at), origins), shifts));
      squares = f64x2.add(squares, f64x2.mul(x, x));
      v128.store(line + at, x);
    }
    let sum = Lane.total<f64>(squares);
    if (m < k) {
      const x = Numbers.at(weights, m) / (Numbers.at(poles, m) - origin - shift);
      sum += x * x;
      Numbers.put(line, m, x);
    }
    const factor = 1 / Math.sqrt(sum);
    for (m = 0; m < k; m++) store<T>(target + Lane.bytes<T>(m), (factor * Numbers.at(line, m)) as T);
  }
}

/** z of the blocks [lo, lo + half) and [lo + half, lo + n), and zeros where their rows are to grow. */
function prepare<T extends number>(frame: Frame, lo: i32, half: i32, n: i32, joint: f64): void {
  const step = Lane.bytes<T>(frame.pitch);
  const q = frame.q + (lo as usize) * step + Lane.bytes<T>(lo);
  const right = Lane.bytes<T>(half);
  const scaled = joint < 0 ? -0.7071067811865476 : 0.7071067811865476;
  for (let i = Crew.from(n); i < Crew.to(n); i++) {
    const row = q + (i as usize) * step;
    const isTop = i < half;
    memory.fill(isTop ? row + right : row, 0, Lane.bytes<T>(isTop ? n - half : half));
    const part = isTop
      ? (load<T>(row + right - sizeof<T>()) as f64) * 0.7071067811865476
      : (load<T>(row + right) as f64) * scaled;
    Numbers.put(frame.z, lo + i, part);
  }
}

/**
 * Deflated rows in ascending order (they were put in from the back) behind the others. Their values go to where their rows will
 * be, by way of z, since nothing may be overwritten that is still to be read.
 */
function placeDeflated(frame: Frame, lo: i32, k: i32, n: i32): void {
  const deflated = frame.rows + ((k as usize) << 2);
  for (let i = 0, j = n - k - 1; i < j; i++, j--) {
    const row = Indices.at(deflated, i);
    Indices.put(deflated, i, Indices.at(deflated, j));
    Indices.put(deflated, j, row);
  }
  insertionSort(n - k, deflated, frame.d);
  for (let i = 0; i < n - k; i++) Numbers.put(frame.z, k + i, Numbers.at(frame.d, Indices.at(deflated, i)));
  for (let i = 0; i < n - k; i++) Numbers.put(frame.d, lo + k + i, Numbers.at(frame.z, k + i));
}

/** Merges the blocks [lo, lo + half) and [lo + half, lo + n), which `joint` = e[lo + half - 1] joined. The crew has met. */
export function merge<T extends number>(frame: Frame, lo: i32, half: i32, n: i32, joint: f64): void {
  const pitch = frame.pitch;
  const step = Lane.bytes<T>(pitch);
  const q = frame.q + (lo as usize) * step + Lane.bytes<T>(lo);
  const right = Lane.bytes<T>(half);
  const rho = 2 * Math.abs(joint);
  prepare<T>(frame, lo, half, n, joint);
  Crew.meet();
  if (Crew.leads()) {
    const kept = deflate<T>(frame, lo, half, n, rho);
    store<i32>(frame.kept, kept);
    placeDeflated(frame, lo, kept, n);
  }
  Crew.meet();
  const k = load<i32>(frame.kept);
  const unit: f64 = sizeof<T>() == 8 ? 1.1102230246251565e-16 : 9.094947017729282e-13;
  for (let i = Crew.from(k); i < Crew.to(k); i++) {
    const shift = frame.shifts + ((i as usize) << 3);
    Indices.put(frame.origins, i, secularRoot(i, k, frame.poles, frame.weights, rho, unit, shift, frame.below));
  }
  Crew.meet();
  recompute(frame, k);
  Crew.meet();
  // Components in the order top, both, bottom.
  let tops = 0;
  let boths = 0;
  for (let m = 0; m < k; m++) {
    const kind = Indices.at(frame.kinds, Indices.at(frame.rows, m));
    if (kind == Kind.TOP) tops++;
    if (kind == Kind.BOTH) boths++;
  }
  let nextTop = 0;
  let nextBoth = tops;
  let nextBottom = tops + boths;
  const wide = n - half;
  const bytes = Lane.bytes<T>(wide);
  const upper = frame.gathered + Lane.bytes<T>(lo * frame.n);
  const lower = upper + Lane.bytes<T>((tops + boths) * half);
  const rest = lower + Lane.bytes<T>((k - tops) * wide);
  const width = Lane.bytes<T>(n);
  const from = Crew.from(k);
  const to = Crew.to(k);
  for (let m = 0; m < to; m++) {
    const row = Indices.at(frame.rows, m);
    const kind = Indices.at(frame.kinds, row);
    const place = kind == Kind.TOP ? nextTop++ : kind == Kind.BOTH ? nextBoth++ : nextBottom++;
    if (m < from) continue;
    // Poles and weights in the order of the components, behind each other in memory.
    Numbers.put(frame.sorted, place, Numbers.at(frame.poles, m));
    Numbers.put(frame.z, place, Numbers.at(frame.weights, m));
    const source = q + ((row - lo) as usize) * step;
    if (kind != Kind.BOTTOM) memory.copy(upper + right * (place as usize), source, right);
    if (kind != Kind.TOP) memory.copy(lower + bytes * ((place - tops) as usize), source + right, bytes);
  }
  const last = Crew.to(n - k);
  for (let i = Crew.from(n - k); i < last; i++) {
    const row = Indices.at(frame.rows, k + i);
    memory.copy(rest + width * (i as usize), q + ((row - lo) as usize) * step, width);
  }
  Crew.meet();
  const inner = frame.inner + Lane.bytes<T>(lo * frame.n);
  innerVectors<T>(frame, k, frame.sorted, frame.z, inner);
  Crew.meet();
  const bottoms = inner + Lane.bytes<T>(tops);
  sharedProduct<T>(Into.ASSIGN, k, half, tops + boths, inner, k, 1, upper, half, 1, q, pitch, frame.packing);
  sharedProduct<T>(Into.ASSIGN, k, wide, k - tops, bottoms, k, 1, lower, wide, 1, q + right, pitch, frame.packing);
  for (let i = Crew.from(n - k); i < last; i++) {
    memory.copy(q + ((k + i) as usize) * step, rest + width * (i as usize), width);
  }
  if (Crew.leads()) {
    for (let i = 0; i < k; i++) {
      const origin = Numbers.at(frame.poles, Indices.at(frame.origins, i));
      Numbers.put(frame.d, lo + i, origin + Numbers.at(frame.shifts, i));
    }
    // Both parts are ascending: their order is a merge.
    const order = frame.order + ((lo as usize) << 2);
    for (let i = 0; i < n; i++) Indices.put(frame.places, i, lo + i);
    mergeSorted(frame.places, k, frame.places + ((k as usize) << 2), n - k, frame.d, order);
  }
  Crew.meet();
}
