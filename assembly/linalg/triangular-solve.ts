// X = A⁻¹ B for triangular A [..., n, n] and B [..., n, m]. Knows no elimination: triangular.ts does the work.
// Read next: triangular.ts.
import { Share, Words } from "../words";
import { productScratch } from "./product";
import { Scratch } from "./scratch";
import { Status } from "./status";
import { substitute, substituteUpper, TRIANGLE_BYTES } from "./triangular";
import { Lane } from "./vector";

/** Words: a, b, x, scratch, batch, n, m, isLower, isTransposed, isUnit; status: the first pivot that is zero, from 1. */
function triangularSolve<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  const m = Words.integer(args, 6);
  const isLower = Words.integer(args, 7) != 0;
  const isTransposed = Words.integer(args, 8) != 0;
  const isUnit = Words.integer(args, 9) != 0;
  Status.clear(args, 10, worker);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const block = Words.pointer(args, 3) + (slot as usize) * (TRIANGLE_BYTES + productScratch<T>(n, m, n));
  const packing = block + TRIANGLE_BYTES;
  const square = Lane.bytes<T>(n * n);
  const bytes = Lane.bytes<T>(n * m);
  for (let item = begin; item < end; item++) {
    const a = Words.pointer(args, 0) + square * (item as usize);
    const x = Words.pointer(args, 2) + bytes * (item as usize);
    memory.copy(x, Words.pointer(args, 1) + bytes * (item as usize), bytes);
    for (let i = 0; i < n && !isUnit; i++) {
      if (load<T>(a + Lane.bytes<T>(i * n + i)) != 0) continue;
      Status.fail(args, 10, worker, item, i + 1);
      break;
    }
    const row = isTransposed ? 1 : n;
    const column = isTransposed ? n : 1;
    if (isLower != isTransposed) substitute<T>(n, m, a, row, column, isUnit, x, m, block, packing);
    else substituteUpper<T>(n, m, a, row, column, isUnit, x, m, block, packing);
  }
}

export function triangularSolve_f32(args: usize, worker: i32, workers: i32): void {
  triangularSolve<f32>(args, worker, workers);
}
export function triangularSolve_f64(args: usize, worker: i32, workers: i32): void {
  triangularSolve<f64>(args, worker, workers);
}
