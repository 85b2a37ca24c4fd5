// Householder reduction of a symmetric matrix (lower triangle) to tridiagonal form, from the last row up, so that every
// reflector is a contiguous row. One pass over the triangle a step applies the last step's rank-2 update and multiplies
// the result by the next reflector, two rows at a time: half the memory traffic of doing one after the other.
//
//   S  n x n   lower triangle in; row k later holds reflector v of step k in its first k places, the last of them 1
//   H(k) = I - tau[k] v vᵀ;  T = H(1) … H(n-1) A H(n-1) … H(1);  d, e in f64, e[i] joins i and i + 1
//
// Read next: vector.ts; back-transform.ts, which applies the reflectors again.
import { Tile } from "../products/matmul-tile";
import { Crew } from "./crew";
import { addScaled, dot, Lane } from "./vector";

/** Bytes between the rows of n elements that `tridiagonalise` works with beside the matrix. */
export function linePitch<T extends number>(n: i32): usize {
  return (Lane.bytes<T>(n) + 15) & ~15;
}

/** Row 0 of the triangle, one element: see updateTwo. */
function updateFirst<T extends number>(s: usize, v: usize, w: usize, u: usize, p: usize): void {
  const x = (load<T>(s) - load<T>(v) * load<T>(w) - load<T>(w) * load<T>(v)) as T;
  store<T>(s, x);
  store<T>(p, (load<T>(p) + x * load<T>(u)) as T);
}

/**
 * Rows i and i + 1 of the triangle: s -= v[i] w + w[i] v, and what these rows and, by symmetry, these columns add to
 * p = S u. `step` is the bytes between rows.
 */
function updateTwo<T extends number>(s: usize, step: usize, v: usize, w: usize, u: usize, p: usize, i: i32): void {
  const at = Lane.bytes<T>(i);
  const next = at + sizeof<T>();
  const t = s + step;
  const a0 = v128.neg<T>(v128.load_splat<T>(v + at));
  const b0 = v128.neg<T>(v128.load_splat<T>(w + at));
  const u0 = v128.load_splat<T>(u + at);
  const a1 = v128.neg<T>(v128.load_splat<T>(v + next));
  const b1 = v128.neg<T>(v128.load_splat<T>(w + next));
  const u1 = v128.load_splat<T>(u + next);
  let sum0 = i32x4.splat(0);
  let sum1 = sum0;
  let j: usize = 0;
  while (j + 16 <= at) {
    const wj = v128.load(w + j);
    const vj = v128.load(v + j);
    const uj = v128.load(u + j);
    const x = Tile.madd<T>(b0, vj, Tile.madd<T>(a0, wj, v128.load(s + j)));
    v128.store(s + j, x);
    sum0 = Tile.madd<T>(x, uj, sum0);
    const y = Tile.madd<T>(b1, vj, Tile.madd<T>(a1, wj, v128.load(t + j)));
    v128.store(t + j, y);
    sum1 = Tile.madd<T>(y, uj, sum1);
    v128.store(p + j, Tile.madd<T>(u1, y, Tile.madd<T>(u0, x, v128.load(p + j))));
    j += 16;
  }
  const va = load<T>(v + at);
  const wa = load<T>(w + at);
  const ua = load<T>(u + at);
  const vb = load<T>(v + next);
  const wb = load<T>(w + next);
  const ub = load<T>(u + next);
  let rest0 = Lane.total<T>(sum0) as T;
  let rest1 = Lane.total<T>(sum1) as T;
  while (j < at) {
    const wj = load<T>(w + j);
    const vj = load<T>(v + j);
    const uj = load<T>(u + j);
    const x = (load<T>(s + j) - va * wj - wa * vj) as T;
    store<T>(s + j, x);
    rest0 = (rest0 + x * uj) as T;
    const y = (load<T>(t + j) - vb * wj - wb * vj) as T;
    store<T>(t + j, y);
    rest1 = (rest1 + y * uj) as T;
    store<T>(p + j, (load<T>(p + j) + ua * x + ub * y) as T);
    j += sizeof<T>();
  }
  // The corner: s[i], t[i] and t[i + 1].
  const x = (load<T>(s + at) - va * wa - wa * va) as T;
  const y = (load<T>(t + at) - vb * wa - wb * va) as T;
  const z = (load<T>(t + next) - vb * wb - wb * vb) as T;
  store<T>(s + at, x);
  store<T>(t + at, y);
  store<T>(t + next, z);
  store<T>(p + at, (load<T>(p + at) + rest0 + x * ua + y * ub) as T);
  store<T>(p + next, (load<T>(p + next) + rest1 + y * ua + z * ub) as T);
}

/**
 * Makes the reflector that sends row x, `count` long, to beta times the last unit vector; x becomes v. Stores beta and
 * returns tau, 0 where there is nothing to reflect.
 */
function reflector<T extends number>(x: usize, count: i32, beta: usize): f64 {
  const last = x + Lane.bytes<T>(count - 1);
  const alpha = load<T>(last) as f64;
  const rest = dot<T>(x, x, count - 1);
  store<T>(last, 1 as T);
  // The matrix is scaled to about 1: what has squares this small is nothing, and its norm would have no digits.
  if (rest < 1e-280) {
    store<f64>(beta, alpha);
    memory.fill(x, 0, Lane.bytes<T>(count - 1));
    return 0;
  }
  const norm = Math.sqrt(alpha * alpha + rest);
  const b = alpha > 0 ? -norm : norm;
  const factor = 1 / (alpha - b);
  for (let j: usize = 0; j < Lane.bytes<T>(count - 1); j += sizeof<T>()) {
    store<T>(x + j, ((load<T>(x + j) as f64) * factor) as T);
  }
  store<f64>(beta, b);
  return (b - alpha) / b;
}

/** In how many sums the rows of a product are added up: as many workers can share it. It must not depend on the workers. */
function lanesFor(n: i32): i32 {
  return n < 128 ? 1 : n < 512 ? 4 : 8;
}

/** Pairs of rows that lie together in a lane, so that they stay in one worker's cache from step to step. */
const NEIGHBOURS: i32 = 4;

/** Bytes of what the crew shares beside S. The host computes the same number. */
export function lanesBytes<T extends number>(n: i32): usize {
  return 2 * (lanesFor(n) as usize) * linePitch<T>(n);
}

/** Bytes of each worker's own. The host computes the same number. */
export function linesBytes<T extends number>(n: i32): usize {
  return 4 * linePitch<T>(n) + 16;
}

/** The part of a step's pass over rows [0, k) that belongs to one lane: see updateTwo. p: what its rows add to S u. */
function passLane<T extends number>(
  s: usize,
  step: usize,
  k: i32,
  v: usize,
  w: usize,
  u: usize,
  p: usize,
  lane: i32,
  lanes: i32,
): void {
  memory.fill(p, 0, Lane.bytes<T>(k));
  const odd = k & 1;
  if (odd == 1 && lane == 0) updateFirst<T>(s, v, w, u, p);
  const pairs = k >> 1;
  for (let group = lane * NEIGHBOURS; group < pairs; group += lanes * NEIGHBOURS) {
    const end = min<i32>(group + NEIGHBOURS, pairs);
    for (let pair = group; pair < end; pair++) {
      const i = odd + 2 * pair;
      updateTwo<T>(s + (i as usize) * step, step, v, w, u, p, i);
    }
  }
}

/** sum = the sum of the lanes' results, in pairs. */
function addLanes<T extends number>(k: i32, p: usize, line: usize, lanes: i32, sum: usize): void {
  const bytes = Lane.bytes<T>(k);
  const q = p + 4 * line;
  for (let j: usize = 0; j < bytes; j += 16) {
    const x = v128.add<T>(v128.load(p + j), v128.load(p + line + j));
    const y = v128.add<T>(v128.load(p + 2 * line + j), v128.load(p + 3 * line + j));
    let all = v128.add<T>(x, y);
    if (lanes == 8) {
      const z = v128.add<T>(v128.load(q + j), v128.load(q + line + j));
      const t = v128.add<T>(v128.load(q + 2 * line + j), v128.load(q + 3 * line + j));
      all = v128.add<T>(all, v128.add<T>(z, t));
    }
    v128.store(sum + j, all);
  }
}

/**
 * Reduces S, `pitch` elements a row, by the crew, which has met. d, e, tau: n numbers each. `shared` is lanesBytes, `own`
 * linesBytes. A step has one pass, in which every worker has rows of its own, and one meeting; what is between, a few rows long,
 * each does for itself.
 */
export function tridiagonalise<T extends number>(
  n: i32,
  s: usize,
  pitch: i32,
  d: usize,
  e: usize,
  tau: usize,
  shared: usize,
  own: usize,
): void {
  const step = Lane.bytes<T>(pitch);
  const line = linePitch<T>(n);
  const lanes = lanesFor(n);
  const beta = own;
  const lines = own + 16;
  // The update that is still to be applied: v wᵀ + w vᵀ. Before the first step, nothing.
  let v = lines;
  let w = lines + line;
  memory.fill(lines, 0, 2 * line);
  for (let k = n - 1; k >= 1; k--) {
    const row = s + (k as usize) * step;
    const at = Lane.bytes<T>(k);
    const a = load<T>(v + at) as f64;
    const b = load<T>(w + at) as f64;
    // Alone a worker makes the reflector where it stays; in a crew others still read the row.
    const turn = ((k ^ n ^ 1) & 1) as usize;
    const u = Crew.size == 1 ? row : lines + 2 * line * (1 - turn);
    if (u != row) memory.copy(u, row, at + sizeof<T>());
    addScaled<T>(u, w, -a, k + 1);
    addScaled<T>(u, v, -b, k + 1);
    const diagonal = load<T>(u + at) as f64;
    const factor = reflector<T>(u, k, beta);
    if (Crew.leads()) {
      store<f64>(d + ((k as usize) << 3), diagonal);
      store<f64>(e + (((k - 1) as usize) << 3), load<f64>(beta));
      store<f64>(tau + ((k as usize) << 3), factor);
    }
    // Two sets of lanes, in turns: whoever is ahead does not write what another still adds up.
    const sums = shared + turn * (lanes as usize) * line;
    for (let lane = Crew.worker; lane < lanes; lane += Crew.size) {
      passLane<T>(s, step, k, v, w, u, sums + (lane as usize) * line, lane, lanes);
    }
    Crew.meet();
    if (u != row && Crew.leads()) memory.copy(row, u, at);
    let p = sums;
    if (lanes > 1) {
      p = lines + 2 * line * (1 - turn) + line;
      addLanes<T>(k, sums, line, lanes, p);
    }
    // w = tau (p - (tau / 2)(pᵀ v) v)
    const half = -0.5 * factor * factor * dot<T>(p, u, k);
    for (let j: usize = 0; j < at; j += sizeof<T>()) {
      store<T>(p + j, (factor * (load<T>(p + j) as f64) + half * (load<T>(u + j) as f64)) as T);
    }
    w = p;
    v = u;
  }
  if (n > 0 && Crew.leads()) {
    // Row 0 has been through the last step's pass but for the update that step itself asked for: it is 1 x 1.
    const last = n > 1 ? (load<T>(v) as f64) * (load<T>(w) as f64) * 2 : 0;
    store<f64>(d, (load<T>(s) as f64) - last);
    store<f64>(e + (((n - 1) as usize) << 3), 0);
  }
  Crew.meet();
}
