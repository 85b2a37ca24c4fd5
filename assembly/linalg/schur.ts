// A = Z T Zᵀ with Z orthogonal and T quasi-triangular, for general real matrices: Hessenberg form, then the QR algorithm with double
// shifts. Blocks of two rows of T are complex pairs, turned so that their diagonal is twice the same. All in f64, whatever the
// element type. Scratch: min(workers, batch) * eigScratch. Read next: hessenberg.ts, francis.ts.
import { Share, Words } from "../program/words";
import { eigScratch } from "./eig";
import { rotatePlane, schur } from "./francis";
import { Square, toHessenberg } from "./hessenberg";
import { Scratch } from "./scratch";
import { Status } from "./status";
import { Lane, largestOf, powerBelow } from "./vector";

/** Turns the pair in rows i and i + 1 so that its diagonal is twice the same. Source: LAPACK's dlanv2. */
function standardise(n: i32, h: usize, v: usize, i: i32): void {
  const gap = Square.at(h, n, i, i) - Square.at(h, n, i + 1, i + 1);
  const sum = Square.at(h, n, i, i + 1) + Square.at(h, n, i + 1, i);
  const length = Math.sqrt(sum * sum + gap * gap);
  if (gap == 0 || length == 0) return;
  const c = Math.sqrt(0.5 * (1 + Math.abs(sum) / length));
  const s = ((-0.5 * gap) / (length * c)) * (sum < 0 ? -1 : 1);
  rotatePlane(n, h, v, i, i, i + 1, c, s);
  const middle = 0.5 * (Square.at(h, n, i, i) + Square.at(h, n, i + 1, i + 1));
  Square.put(h, n, i, i, middle);
  Square.put(h, n, i + 1, i + 1, middle);
}

/** Returns a status code. */
function decompose<T extends number>(n: i32, a: usize, t: usize, z: usize, scratch: usize): i32 {
  const square = ((n * n) as usize) << 3;
  const line = (n as usize) << 3;
  const v = scratch + square;
  const real = v + square;
  const imaginary = real + line;
  const work = imaginary + line;
  const largest = largestOf<T>(a, n * n);
  if (largest != largest) return Status.NOT_FINITE;
  const power = largest == 0 ? 1 : powerBelow(largest);
  for (let k = 0; k < n * n; k++) {
    store<f64>(scratch + ((k as usize) << 3), (load<T>(a + Lane.bytes<T>(k)) as f64) / power);
  }
  toHessenberg(n, scratch, v, work);
  if (schur(n, scratch, v, real, imaginary) != 0) return Status.NO_CONVERGENCE;
  for (let i = 0; i + 1 < n; i++) {
    if (Square.at(scratch, n, i + 1, i) != 0) standardise(n, scratch, v, i);
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const at = Lane.bytes<T>(i * n + j);
      store<T>(t + at, (i > j + 1 ? 0 : power * Square.at(scratch, n, i, j)) as T);
      store<T>(z + at, Square.at(v, n, i, j) as T);
    }
  }
  return 0;
}

/** Words: a, t, z, scratch, batch, n; status. */
function schurForm<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  Status.clear(args, 6, worker);
  if (n <= 0) return;
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const scratch = Words.pointer(args, 3) + (slot as usize) * eigScratch(n);
  for (let item = begin; item < end; item++) {
    const matrix = Lane.bytes<T>(n * n) * (item as usize);
    const t = Words.pointer(args, 1) + matrix;
    const z = Words.pointer(args, 2) + matrix;
    const code = decompose<T>(n, Words.pointer(args, 0) + matrix, t, z, scratch);
    if (code != 0) Status.fail(args, 6, worker, item, code);
  }
}

export function schur_f32(args: usize, worker: i32, workers: i32): void {
  schurForm<f32>(args, worker, workers);
}
export function schur_f64(args: usize, worker: i32, workers: i32): void {
  schurForm<f64>(args, worker, workers);
}
