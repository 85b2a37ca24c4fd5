// Eigenvalues, ascending, and eigenvectors of symmetric matrices (the lower triangle is read): Householder reduction to
// tridiagonal form, divide and conquer, reflectors applied again. Matrices and vectors have the element type, whatever is
// one number (norms, the tridiagonal matrix, secular equations, rotations) is f64.
//
// The matrix is scaled by a power of two first, so squares neither overflow nor vanish. Workers share the batch.
// Scratch: min(workers, batch) * eighScratch, which bindings/ops/scratch.ts computes too.
// Read next: tridiagonal.ts, divide.ts, back-transform.ts.
import { Share, Words } from "../words";
import { backTransform, backTransformScratch } from "./back-transform";
import { divide } from "./divide";
import { frameBytes, Indices, openFrame } from "./merge";
import { productScratch } from "./product";
import { diagonalise } from "./ql";
import { rowPitch, Scratch } from "./scratch";
import { Status } from "./status";
import { linePitch, tridiagonalise } from "./tridiagonal";
import { Lane, largestOf, powerBelow, scale, transposeRows } from "./vector";

/** Bytes of one matrix's scratch. The host computes the same number. */
function eighScratch<T extends number>(n: i32): usize {
  const matrices = Lane.bytes<T>(2 * n * rowPitch(n) + n * n + backTransformScratch(n));
  const lines = linePitch<T>(n) * 3 + ((n as usize) << 3);
  return (matrices + lines + frameBytes(n) + productScratch<T>(n, n, n) + 192) & ~63;
}

/** Copies the lower triangle, scaled. Returns the scale: NaN when an element is not finite, 0 for a zero matrix. */
function loadScaled<T extends number>(a: usize, n: i32, s: usize, pitch: i32): f64 {
  let largest: f64 = 0;
  for (let i = 0; i < n; i++) {
    const most = largestOf<T>(a + Lane.bytes<T>(n) * (i as usize), i + 1);
    if (most != most) return NaN;
    largest = max<f64>(largest, most);
  }
  if (largest == 0) return 0;
  const power = powerBelow(largest);
  // The inverse of 2^1023 is subnormal but exact, as every power of two down to 2^-1074 is.
  for (let i = 0; i < n; i++) {
    const row = s + Lane.bytes<T>(pitch) * (i as usize);
    memory.copy(row, a + Lane.bytes<T>(n) * (i as usize), Lane.bytes<T>(i + 1));
    scaleExactly<T>(row, power, i + 1);
  }
  return power;
}

/** x /= power, a power of two whose inverse T may not hold. */
function scaleExactly<T extends number>(x: usize, power: f64, count: i32): void {
  const inverse = 1 / power;
  if (sizeof<T>() == 8 || (inverse < 1e38 && inverse > 1e-37)) {
    scale<T>(x, inverse, count);
    return;
  }
  for (let j: usize = 0; j < Lane.bytes<T>(count); j += sizeof<T>()) {
    store<T>(x + j, ((load<T>(x + j) as f64) * inverse) as T);
  }
}

/** Returns a status code. `vectors` is 0 where only eigenvalues are wanted. */
function decompose<T extends number>(n: i32, a: usize, values: usize, vectors: usize, scratch: usize): i32 {
  const pitch = rowPitch(n);
  const matrix = Lane.bytes<T>(n * pitch);
  const s = scratch;
  const frame = openFrame((s + 2 * matrix + 15) & ~15, n, pitch);
  const tau = changetype<usize>(frame) + frameBytes(n);
  const lines = tau + ((n as usize) << 3);
  const blocks = lines + 3 * linePitch<T>(n);
  frame.q = s + matrix;
  frame.gathered = blocks + Lane.bytes<T>(backTransformScratch(n));
  frame.packing = frame.gathered + Lane.bytes<T>(n * n);
  frame.inner = vectors;
  const power = loadScaled<T>(a, n, s, pitch);
  if (power != power) return Status.NOT_FINITE;
  if (power == 0) memory.fill(s, 0, matrix);
  tridiagonalise<T>(n, s, pitch, frame.d, frame.e, tau, lines);
  if (vectors == 0) {
    if (diagonalise<T>(n, frame.d, frame.e, 0, 0, 0) != 0) return Status.NO_CONVERGENCE;
    sortNumbers(n, frame.d, frame.line);
    for (let i = 0; i < n; i++) {
      store<T>(values + Lane.bytes<T>(i), (power * load<f64>(frame.d + ((i as usize) << 3))) as T);
    }
    return 0;
  }
  if (divide<T>(frame, 0, n) != 0) return Status.NO_CONVERGENCE;
  backTransform<T>(n, s, pitch, tau, frame.q, blocks, frame.packing);
  const line = Lane.bytes<T>(n);
  for (let i = 0; i < n; i++) {
    const row = Indices.at(frame.order, i);
    store<T>(values + Lane.bytes<T>(i), (power * load<f64>(frame.d + ((row as usize) << 3))) as T);
    memory.copy(frame.gathered + line * (i as usize), frame.q + Lane.bytes<T>(pitch) * (row as usize), line);
  }
  // Tiles that write whole cache lines.
  for (let i = 0; i < n; i += 16) {
    for (let j = 0; j < n; j += 32) {
      const from = frame.gathered + Lane.bytes<T>(i * n + j);
      const to = vectors + Lane.bytes<T>(j * n + i);
      transposeRows<T>(from, line, min<i32>(16, n - i), min<i32>(32, n - j), to, line);
    }
  }
  return 0;
}

/** Ascending order by merging runs of growing length. */
function sortNumbers(n: i32, x: usize, work: usize): void {
  for (let run = 1; run < n; run *= 2) {
    for (let begin = 0; begin < n; begin += 2 * run) {
      const middle = min<i32>(begin + run, n);
      const end = min<i32>(begin + 2 * run, n);
      let i = begin;
      let j = middle;
      for (let k = begin; k < end; k++) {
        const left = x + ((i as usize) << 3);
        const right = x + ((j as usize) << 3);
        const takeLeft = j >= end || (i < middle && load<f64>(left) <= load<f64>(right));
        store<f64>(work + ((k as usize) << 3), load<f64>(takeLeft ? left : right));
        if (takeLeft) i++;
        else j++;
      }
    }
    memory.copy(x, work, (n as usize) << 3);
  }
}

/** Words: a, values, then vectors if they are wanted, scratch, batch, n; status. */
function eigh<T extends number>(args: usize, worker: i32, workers: i32, wantsVectors: bool): void {
  const first = wantsVectors ? 3 : 2;
  const batch = Words.integer(args, first + 1);
  const n = Words.integer(args, first + 2);
  Status.clear(args, first + 3, worker);
  if (n <= 0) return;
  const square = Lane.bytes<T>(n * n);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const scratch = Words.pointer(args, first) + (slot as usize) * eighScratch<T>(n);
  for (let i = begin; i < end; i++) {
    const values = Words.pointer(args, 1) + Lane.bytes<T>(n) * (i as usize);
    const vectors = wantsVectors ? Words.pointer(args, 2) + square * (i as usize) : 0;
    const code = decompose<T>(n, Words.pointer(args, 0) + square * (i as usize), values, vectors, scratch);
    if (code != 0) Status.fail(args, first + 3, worker, i, code);
  }
}

export function eigh_f32(args: usize, worker: i32, workers: i32): void {
  eigh<f32>(args, worker, workers, true);
}
export function eigh_f64(args: usize, worker: i32, workers: i32): void {
  eigh<f64>(args, worker, workers, true);
}
export function eigvalsh_f32(args: usize, worker: i32, workers: i32): void {
  eigh<f32>(args, worker, workers, false);
}
export function eigvalsh_f64(args: usize, worker: i32, workers: i32): void {
  eigh<f64>(args, worker, workers, false);
}
