// Bytes of working memory that the kernels of assembly/linalg/ ask for: the formulas there, as functions of the sizes. Too little here
// is memory corruption there. A crew of workers shares one part, and each worker has one of its own: assembly/linalg/crew.ts.
// Knows nothing of tensors. Read next: scratch.ts; the files there.
import { gemm, up } from "./scratch.ts";

/** Bytes for a number of workers. */
type Scratch = (workers: number) => number;

/** Order from which a matrix is shared by all workers: CREW_FROM of crew.ts. */
const crewFrom = 128;

/**
 * How many parts workers can share: one a matrix, and more where a crew works on each. `order` is the shorter side of the `count`
 * matrices.
 */
export function crewParts(count: number, order: number): number {
  return count * (order >= crewFrom ? 16 : 1);
}

/** What a batch needs: `shared` for each crew, of which there are no more than matrices, and `own` for each worker. */
const crews =
  (batch: number, shared: number, own: number): Scratch =>
  (workers) =>
    Math.min(workers, batch) * shared + workers * own;

/** Elements between rows of a working copy: rowPitch of scratch.ts there. */
const rowPitch = (n: number): number => (n < 64 ? up(n, 4) : up(n, 16) + 16);

/** NOTES_BYTES of crew.ts. */
const notes = 128;

/** Bytes of a leaf of a triangular solve. */
const triangle = 2048;

/** Order of a block of reflectors, and the elements of its square. */
const block = 32;
const blockSize = block * block;

/** The arrays of merges. */
const merges = (n: number): number => up(64 + 56 * n, 64);

/** A symmetric problem, what is shared and what is a worker's: symmetric.ts. */
function symmetric(n: number, size: number): number {
  const factors = Math.ceil(n / block) * blockSize;
  const lanes = 2 * (n < 128 ? 1 : n < 512 ? 4 : 8) * up(n * size, 16);
  return up(notes + size * (2 * n * rowPitch(n) + n * n + factors) + 32 * n + lanes + merges(n) + 64, 64);
}
function symmetricSolver(n: number, size: number): number {
  const lines = 4 * up(n * size, 16) + 16;
  const strips = size * (blockSize + 2 * 120 * block);
  return up(128 + up(256 + 8 * n, 64) + merges(n) + lines + strips + gemm(n, n, n, size), 64);
}

/** eigh and eigvalsh of `batch` n×n matrices. */
export function eighScratch(batch: number, n: number, size: number): Scratch {
  return crews(batch, symmetric(n, size), symmetricSolver(n, size));
}

/** cholesky of `batch` n×n matrices. */
export function choleskyScratch(batch: number, n: number, size: number): Scratch {
  return crews(batch, up(notes + 64 + size * n * rowPitch(n), 64), triangle + gemm(n, n, n, size));
}

/** triangularSolve: n×n matrices, m columns. */
export function triangularScratch(n: number, m: number, size: number): Scratch {
  return crews(0, 0, triangle + gemm(n, m, n, size));
}

/** A worker's elimination: elimination.ts. */
function elimination(m: number, n: number, size: number): number {
  const widest = Math.max(m, n);
  return up(64 + size * 16 * m + triangle + gemm(widest, widest, widest, size), 64);
}

/** A copy of a square matrix with its permutation and exchanges: lu.ts. */
const copy = (n: number, size: number): number => up(notes + size * n * rowPitch(n) + 8 * n, 64);

/** lu of `batch` m×n matrices. */
export function luScratch(batch: number, m: number, n: number, size: number): Scratch {
  return crews(batch, up(notes + 4 * m, 64), elimination(m, n, size));
}

/** solve and determinant: n×n matrices, m columns. */
export function solveScratch(batch: number, n: number, m: number, size: number): Scratch {
  return crews(batch, copy(n, size), elimination(n, Math.max(n, m), size));
}

/** refinedSolve: n×n matrices, m columns. */
export function refinedScratch(batch: number, n: number, m: number): Scratch {
  const widest = Math.max(n, m);
  const own = up(128 + 8 * n + elimination(n, widest, 4) + elimination(n, widest, 8), 64);
  return crews(batch, up(copy(n, 4) + copy(n, 8) + 12 * n * m + 64, 64), own);
}

/** A reduction of an m×n matrix, what is shared and what is a worker's: qr.ts. */
function reduction(m: number, n: number, size: number): number {
  const k = Math.min(m, n);
  const elements = m * rowPitch(n) + k * rowPitch(m) + Math.ceil(k / block) * blockSize;
  return up(notes + 8 * (k + 1) + size * elements + 64, 64);
}
function reducer(m: number, widest: number, size: number): number {
  const largest = Math.max(m, widest);
  return up(128 + size * (blockSize + 2 * block * widest) + gemm(largest, largest, m, size), 64);
}

/** qr of `batch` m×n matrices with p columns of Q. */
export function qrScratch(batch: number, m: number, n: number, p: number, size: number): Scratch {
  return crews(batch, reduction(m, n, size), reducer(m, Math.max(n, p), size));
}

/** svd and svdvals of `batch` m×n matrices with p columns of the longer factor (at least min(m, n)). */
export function svdScratch(batch: number, m: number, n: number, p: number, size: number): Scratch {
  const [tall, k] = [Math.max(m, n), Math.min(m, n)];
  const inner = Math.max(symmetric(k, size), reduction(k, k, size));
  const workspace = up(size * (k * rowPitch(2 * k) + tall * p + k * k) + 32 * k + 128, 64);
  const solver = Math.max(symmetricSolver(k, size), reducer(k, k, size));
  return crews(batch, reduction(tall, k, size) + inner + workspace, 64 + reducer(tall, p, size) + solver);
}

/** eig and schur of `batch` n×n matrices, f64 inside whatever the element type. */
export function eigScratch(batch: number, n: number): Scratch {
  return crews(batch, up(8 * (3 * n * n + 5 * n) + gemm(n, n, n, 8), 64), 0);
}
