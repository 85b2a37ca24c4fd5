// Eigenvalues and right eigenvectors of general real matrices: balancing, Hessenberg form, QR algorithm with double shifts,
// back substitution. All in f64, whatever the element type. Vectors have unit length, and their largest element is real.
// Scratch: min(workers, batch) * eigScratch. Read next: hessenberg.ts, francis.ts, quasi-triangular.ts.
import { Share, Words } from "../program/words";
import { schur } from "./francis";
import { balance, Square, toHessenberg } from "./hessenberg";
import { Into, product, productScratch } from "./product";
import { quasiTriangularVectors } from "./quasi-triangular";
import { Scratch } from "./scratch";
import { Status } from "./status";
import { Lane, largestOf, powerBelow } from "./vector";

/** Bytes of one matrix's scratch: three matrices, five rows, packing. The host computes the same number. */
export function eigScratch(n: i32): usize {
  return ((((3 * n * n + 5 * n) as usize) << 3) + productScratch<f64>(n, n, n) + 63) & ~63;
}

/** Column j (and j + 1 for a pair) of X to unit length, the largest element real, as the columns of both results. */
function storeVector<T extends number>(n: i32, x: usize, j: i32, isPair: bool, real: usize, imaginary: usize): void {
  let squares: f64 = 0;
  let largest: f64 = -1;
  let a: f64 = 1;
  let b: f64 = 0;
  for (let i = 0; i < n; i++) {
    const p = Square.at(x, n, i, j);
    const q = isPair ? Square.at(x, n, i, j + 1) : 0;
    const size = p * p + q * q;
    squares += size;
    if (size > largest) {
      largest = size;
      a = p;
      b = q;
    }
  }
  const length = Math.sqrt(squares);
  const turn = Math.sqrt(largest);
  const c = isPair && turn > 0 ? a / turn / length : 1 / length;
  const s = isPair && turn > 0 ? -b / turn / length : 0;
  for (let i = 0; i < n; i++) {
    const p = Square.at(x, n, i, j);
    const q = isPair ? Square.at(x, n, i, j + 1) : 0;
    const at = Lane.bytes<T>(i * n + j);
    const u = p * c - q * s;
    const v = p * s + q * c;
    store<T>(real + at, u as T);
    store<T>(imaginary + at, v as T);
    if (isPair) {
      store<T>(real + at, u as T, sizeof<T>());
      store<T>(imaginary + at, -v as T, sizeof<T>());
    }
  }
}

/** Returns a status code. */
function decompose<T extends number>(
  n: i32,
  a: usize,
  valuesReal: usize,
  valuesImaginary: usize,
  vectorsReal: usize,
  vectorsImaginary: usize,
  scratch: usize,
): i32 {
  const square = ((n * n) as usize) << 3;
  const line = (n as usize) << 3;
  const h = scratch;
  const v = h + square;
  const x = v + square;
  const real = x + square;
  const imaginary = real + line;
  const weights = imaginary + line;
  const work = weights + line;
  const packing = work + 2 * line;
  const largest = largestOf<T>(a, n * n);
  if (largest != largest) return Status.NOT_FINITE;
  const power = largest == 0 ? 1 : powerBelow(largest);
  for (let k = 0; k < n * n; k++) {
    store<f64>(h + ((k as usize) << 3), (load<T>(a + Lane.bytes<T>(k)) as f64) / power);
  }
  balance(n, h, weights);
  toHessenberg(n, h, v, work);
  if (schur(n, h, v, real, imaginary) != 0) return Status.NO_CONVERGENCE;
  quasiTriangularVectors(n, h, real, imaginary);
  product<f64>(Into.ASSIGN, n, n, n, v, n, 1, h, n, 1, x, n, packing);
  for (let i = 0; i < n; i++) {
    const weight = load<f64>(weights + ((i as usize) << 3));
    for (let j = 0; j < n; j++) Square.put(x, n, i, j, weight * Square.at(x, n, i, j));
  }
  for (let j = 0; j < n; j++) {
    const e = load<f64>(imaginary + ((j as usize) << 3));
    store<T>(valuesReal + Lane.bytes<T>(j), (power * load<f64>(real + ((j as usize) << 3))) as T);
    store<T>(valuesImaginary + Lane.bytes<T>(j), (power * e) as T);
    if (e >= 0) storeVector<T>(n, x, j, e > 0, vectorsReal, vectorsImaginary);
  }
  return 0;
}

/** Words: a, values (real, imaginary), vectors (real, imaginary), scratch, batch, n; status. */
function eig<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 6);
  const n = Words.integer(args, 7);
  Status.clear(args, 8, worker);
  if (n <= 0) return;
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const scratch = Words.pointer(args, 5) + (slot as usize) * eigScratch(n);
  for (let item = begin; item < end; item++) {
    const values = Lane.bytes<T>(n * item);
    const matrix = Lane.bytes<T>(n * n) * (item as usize);
    const code = decompose<T>(
      n,
      Words.pointer(args, 0) + matrix,
      Words.pointer(args, 1) + values,
      Words.pointer(args, 2) + values,
      Words.pointer(args, 3) + matrix,
      Words.pointer(args, 4) + matrix,
      scratch,
    );
    if (code != 0) Status.fail(args, 8, worker, item, code);
  }
}

export function eig_f32(args: usize, worker: i32, workers: i32): void {
  eig<f32>(args, worker, workers);
}
export function eig_f64(args: usize, worker: i32, workers: i32): void {
  eig<f64>(args, worker, workers);
}
