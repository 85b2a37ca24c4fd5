// X = A⁻¹ B for triangular A [..., n, n] and B [..., n, m]. Knows no elimination: triangular.ts does the work.
// Read next: triangular.ts.
import { Words } from "../program/words";
import { Crew } from "./crew";
import { productScratch } from "./product";
import { Status } from "./status";
import { sharedSubstitute, sharedSubstituteUpper, TRIANGLE_BYTES } from "./triangular";
import { Lane } from "./vector";

/** Bytes of one worker's scratch. The host computes the same number. */
function triangularBytes<T extends number>(n: i32, m: i32): usize {
  return TRIANGLE_BYTES + productScratch<T>(n, m, n);
}

/** Words: a, b, x, scratch, batch, n, m, isLower, isTransposed, isUnit; status: the first pivot that is zero, from 1. */
function triangularSolve<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  const m = Words.integer(args, 6);
  const isLower = Words.integer(args, 7) != 0;
  const isTransposed = Words.integer(args, 8) != 0;
  const isUnit = Words.integer(args, 9) != 0;
  Status.clear(args, 10, worker);
  Crew.form(batch, n, worker, workers);
  const block = Crew.alone(Words.pointer(args, 3), 0, triangularBytes<T>(n, m));
  const packing = block + TRIANGLE_BYTES;
  const line = Lane.bytes<T>(m);
  const width = 2 * Lane.count<T>();
  const from = Lane.bytes<T>(Crew.from(m, width));
  const own = Lane.bytes<T>(Crew.to(m, width)) - from;
  for (let item = Crew.begin; item < Crew.end; item++) {
    const a = Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize);
    const b = Words.pointer(args, 1) + line * ((n * item) as usize);
    const x = Words.pointer(args, 2) + line * ((n * item) as usize);
    for (let i = 0; i < n; i++) memory.copy(x + line * (i as usize) + from, b + line * (i as usize) + from, own);
    for (let i = 0; i < n && !isUnit; i++) {
      if (load<T>(a + Lane.bytes<T>(i * n + i)) != 0) continue;
      Status.fail(args, 10, worker, item, i + 1);
      break;
    }
    const row = isTransposed ? 1 : n;
    const column = isTransposed ? n : 1;
    if (isLower != isTransposed) sharedSubstitute<T>(n, m, a, row, column, isUnit, x, m, block, packing);
    else sharedSubstituteUpper<T>(n, m, a, row, column, isUnit, x, m, block, packing);
  }
}

export function triangularSolve_f32(args: usize, worker: i32, workers: i32): void {
  triangularSolve<f32>(args, worker, workers);
}
export function triangularSolve_f64(args: usize, worker: i32, workers: i32): void {
  triangularSolve<f64>(args, worker, workers);
}
