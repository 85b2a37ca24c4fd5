// Roots of the secular equation 1/rho + Σ z[j]² / (d[j] - x) = 0 for ascending poles d: the eigenvalues of
// diag(d) + rho z zᵀ. Each is kept as the pole it lies nearer to and its distance from there, so that its distances
// from all poles are exact to rounding however close they are. Steps are Li's "middle way": a rational function with the
// two poles around the root, matched to both halves of the sum; a bracket catches steps that leave it.
// Source: R.-C. Li, Solving secular equations stably and efficiently, LAPACK Working Note 89. Read next: merge.ts.
import { Lane } from "./vector";

/** What `sumSide` found: the sum and its derivative. */
export class SecularSum {
  value: f64;
  slope: f64;
}

/** Σ z[j]² / delta[j] and Σ (z[j] / delta[j])² over j in [from, to), delta[j] = (d[j] - origin) - shift. */
function sumSide(from: i32, to: i32, d: usize, z: usize, origin: f64, shift: f64, result: SecularSum): void {
  const o = f64x2.splat(origin);
  const t = f64x2.splat(shift);
  let sum = f64x2.splat(0);
  let slope = sum;
  let j = from;
  for (; j + 2 <= to; j += 2) {
    const at = (j as usize) << 3;
    const weight = v128.load(z + at);
    const share = f64x2.div(weight, f64x2.sub(f64x2.sub(v128.load(d + at), o), t));
    sum = f64x2.add(sum, f64x2.mul(weight, share));
    slope = f64x2.add(slope, f64x2.mul(share, share));
  }
  let value = Lane.total<f64>(sum);
  let derivative = Lane.total<f64>(slope);
  if (j < to) {
    const at = (j as usize) << 3;
    const share = load<f64>(z + at) / (load<f64>(d + at) - origin - shift);
    value += load<f64>(z + at) * share;
    derivative += share * share;
  }
  result.value = value;
  result.slope = derivative;
}

/** The root of c x² - a x + b = 0 that is right for an interior eigenvalue. */
function quadratic(a: f64, b: f64, c: f64): f64 {
  if (c == 0) return b / a;
  const root = Math.sqrt(Math.abs(a * a - 4 * b * c));
  return a <= 0 ? (a - root) / (2 * c) : (2 * b) / (a + root);
}

/** The same for the largest eigenvalue, which has a pole on one side only. */
function quadraticLast(a: f64, b: f64, c: f64): f64 {
  if (c == 0) return b / a;
  const root = Math.sqrt(Math.abs(a * a - 4 * b * c));
  return a >= 0 ? (a + root) / (2 * c) : (2 * b) / (a - root);
}

/**
 * Root number i of k, between pole i and the next one (or, for the last, below d[k - 1] + rho Σ z²). Returns the pole it
 * is measured from and stores its distance. `unit` is the relative error that the sum may have; below: 32 bytes of work.
 */
export function secularRoot(i: i32, k: i32, d: usize, z: usize, rho: f64, unit: f64, shift: usize, below: usize): i32 {
  const left = changetype<SecularSum>(below);
  const right = changetype<SecularSum>(below + 16);
  const inverse = 1 / rho;
  if (k == 1) {
    store<f64>(shift, rho * load<f64>(z) * load<f64>(z));
    return 0;
  }
  const isLast = i == k - 1;
  // The two poles of the model; the sum is split between them.
  const first = isLast ? k - 2 : i;
  const p = load<f64>(d + ((first as usize) << 3));
  const q = load<f64>(d + ((first as usize) << 3), 8);
  const zp = load<f64>(z + ((first as usize) << 3));
  const zq = load<f64>(z + ((first as usize) << 3), 8);
  const gap = q - p;
  let origin = i;
  let low: f64 = 0;
  let high: f64 = 0;
  let x: f64 = 0;
  if (isLast) {
    let total: f64 = 0;
    for (let j: usize = 0; j < (k as usize) << 3; j += 8) total += load<f64>(z + j) * load<f64>(z + j);
    high = rho * total;
    const middle = high / 2;
    sumSide(0, k - 2, d, z, q, middle, left);
    const c = inverse + left.value;
    const a = -c * gap + zp * zp + zq * zq;
    const b = zq * zq * gap;
    const root = Math.sqrt(Math.abs(a * a + 4 * b * c));
    x = a < 0 ? (2 * b) / (root - a) : (a + root) / (2 * c);
    if (c - (zp * zp) / (gap + middle) - (zq * zq) / middle <= 0) low = middle;
    else high = middle;
  } else {
    const middle = gap / 2;
    sumSide(0, i, d, z, p, middle, left);
    sumSide(i + 2, k, d, z, p, middle, right);
    const c = inverse + left.value + right.value;
    if (c - (zp * zp) / middle + (zq * zq) / middle >= 0) {
      high = middle;
      x = quadratic(c * gap + zp * zp + zq * zq, zp * zp * gap, c);
    } else {
      origin = i + 1;
      low = -middle;
      const a = c * gap - zp * zp - zq * zq;
      const b = zq * zq * gap;
      const root = Math.sqrt(Math.abs(a * a + 4 * b * c));
      x = a < 0 ? (2 * b) / (a - root) : -(a + root) / (2 * c);
    }
  }
  if (!(x > low && x < high)) x = (low + high) / 2;
  const at = load<f64>(d + ((origin as usize) << 3));
  for (let turn = 0; turn < 100; turn++) {
    sumSide(0, first + 1, d, z, at, x, left);
    sumSide(first + 1, k, d, z, at, x, right);
    const w = inverse + left.value + right.value;
    const slope = left.slope + right.slope;
    const noise = 16 * (Math.abs(left.value) + Math.abs(right.value)) + inverse + Math.abs(x) * slope;
    if (Math.abs(w) <= unit * noise) break;
    if (w < 0) low = x;
    else high = x;
    const one = p - at - x;
    const two = q - at - x;
    let c = w - one * left.slope - two * right.slope;
    const a = (one + two) * w - one * two * slope;
    const b = one * two * w;
    if (isLast) c = Math.abs(c);
    let step = isLast ? quadraticLast(a, b, c) : quadratic(a, b, c);
    // The sum rises between its poles: the step has to go against its sign.
    if (!(w * step < 0)) step = -w / slope;
    let next = x + step;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - x) <= 1.1102230246251565e-16 * Math.abs(x)) break;
    x = next;
  }
  store<f64>(shift, x);
  return origin;
}
