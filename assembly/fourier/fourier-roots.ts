// The roots of unity that Fourier transforms turn by: a table, and vectors times a root. Read next: fourier-stages.ts.
import { Lane } from "../linalg/vector";
import { Tile } from "../products/matmul-tile";

/** exp(-2πi k / n) for k < n, read as it is or conjugated. */
export class Roots {
  n: i32;
  /** T [n] each. */
  real: usize;
  imaginary: usize;
  /** 1 for exp(-…), -1 for its conjugate. */
  sign: f64;
}

/** Fills the table: products of two exact factors, w(high · block) w(low), take few sines and have errors of two roundings. */
export function fillRoots<T extends number>(roots: Roots, n: i32, work: usize): void {
  let block = 1;
  while (block * block < n) block *= 2;
  const high = work + ((block as usize) << 4);
  const angle = -6.283185307179586 / (n as f64);
  for (let k = 0; k < block; k++) storeRoot(work, k, angle * (k as f64));
  for (let k = 0; k * block < n; k++) storeRoot(high, k, angle * ((k * block) as f64));
  for (let k = 0; k < n; k++) {
    const one = work + (((k & (block - 1)) as usize) << 4);
    const two = high + (((k / block) as usize) << 4);
    const a = load<f64>(one);
    const b = load<f64>(one, 8);
    const c = load<f64>(two);
    const d = load<f64>(two, 8);
    store<T>(roots.real + Lane.bytes<T>(k), (a * c - b * d) as T);
    store<T>(roots.imaginary + Lane.bytes<T>(k), (a * d + b * c) as T);
  }
  roots.n = n;
}

function storeRoot(table: usize, k: i32, angle: f64): void {
  const at = table + ((k as usize) << 4);
  store<f64>(at, NativeMath.cos(angle));
  store<f64>(at, NativeMath.sin(angle), 8);
}

/** A vector times the root (c, d): the real part. */
export class Turned {
  /** Root k in all lanes, its real part. */
  @inline static c<T extends number>(roots: Roots, k: i32): v128 {
    return v128.load_splat<T>(roots.real + Lane.bytes<T>(k));
  }

  /** Its imaginary part. */
  @inline static d<T extends number>(roots: Roots, k: i32): v128 {
    return v128.mul<T>(Lane.splat<T>(roots.sign), v128.load_splat<T>(roots.imaginary + Lane.bytes<T>(k)));
  }

  @inline static real<T extends number>(x: v128, y: v128, c: v128, d: v128): v128 {
    return v128.sub<T>(v128.mul<T>(x, c), v128.mul<T>(y, d));
  }

  @inline static imaginary<T extends number>(x: v128, y: v128, c: v128, d: v128): v128 {
    return Tile.madd<T>(x, d, v128.mul<T>(y, c));
  }
}
