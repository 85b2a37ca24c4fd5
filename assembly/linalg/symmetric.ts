// A symmetric matrix (its lower triangle) becomes its eigenvalues and, as rows, its eigenvectors: Householder reduction to
// tridiagonal form, divide and conquer, reflectors applied again; by a crew or by one worker. Matrices and vectors have the element
// type, whatever is one number (norms, the tridiagonal matrix, secular equations, rotations) is f64.
// Knows no batch and no result: eigh.ts and svd.ts load the matrix and fetch what they need.
// Read next: tridiagonal.ts, divide.ts, back-transform.ts.
import { backTransform, factorsSize, STRIPS_SIZE } from "./back-transform";
import { NOTES_BYTES } from "./crew";
import { sharedDivide } from "./divide";
import { Frame, frameBytes, mergeBytes, openFrame } from "./merge";
import { productScratch } from "./product";
import { rowPitch } from "./scratch";
import { lanesBytes, linesBytes, tridiagonalise } from "./tridiagonal";
import { Lane } from "./vector";

/** A symmetric matrix and its memory, as one worker sees it. */
export class Symmetric {
  n: i32;
  /** Elements between the rows of S and of the eigenvectors. */
  pitch: i32;
  /** The matrix; the caller writes its lower triangle. The eigenvectors: rows of frame.q, in the order of frame.order. */
  s: usize;
  frame: Frame;
  notes: usize;
  tau: usize;
  lanes: usize;
  factors: usize;
  /** The arrays of merges that the crew shares, and the worker's own. */
  merges: usize;
  ownMerges: usize;
  lines: usize;
  strips: usize;
}

/** Bytes of what a crew shares, but for n² elements at frame.inner. The host computes the same number. */
export function symmetricBytes<T extends number>(n: i32): usize {
  const matrices = Lane.bytes<T>(2 * n * rowPitch(n) + n * n + factorsSize(n));
  return (NOTES_BYTES + matrices + ((n as usize) << 5) + lanesBytes<T>(n) + mergeBytes(n) + 127) & ~63;
}

/** Bytes of each worker's own. The host computes the same number. */
export function solverBytes<T extends number>(n: i32): usize {
  const strips = Lane.bytes<T>(STRIPS_SIZE);
  const numbers = frameBytes(n) + mergeBytes(n) + linesBytes<T>(n);
  return (128 + numbers + strips + productScratch<T>(n, n, n) + 63) & ~63;
}

/** `inner`: n² elements that the crew shares and that are free until the eigenvectors are there. */
export function openSymmetric<T extends number>(shared: usize, own: usize, n: i32, inner: usize): Symmetric {
  const problem = changetype<Symmetric>(own);
  const pitch = rowPitch(n);
  const frame = openFrame(own + 128, n, pitch);
  const line = (n as usize) << 3;
  problem.n = n;
  problem.pitch = pitch;
  problem.frame = frame;
  problem.notes = shared;
  frame.d = shared + NOTES_BYTES;
  frame.e = frame.d + line;
  problem.tau = frame.e + line;
  frame.order = problem.tau + line;
  problem.merges = frame.order + line;
  problem.lanes = (problem.merges + mergeBytes(n) + 15) & ~15;
  problem.s = problem.lanes + lanesBytes<T>(n);
  frame.q = problem.s + Lane.bytes<T>(n * pitch);
  frame.gathered = frame.q + Lane.bytes<T>(n * pitch);
  problem.factors = frame.gathered + Lane.bytes<T>(n * n);
  frame.inner = inner;
  problem.ownMerges = own + 128 + frameBytes(n);
  problem.lines = problem.ownMerges + mergeBytes(n);
  problem.strips = problem.lines + linesBytes<T>(n);
  frame.packing = problem.strips + Lane.bytes<T>(STRIPS_SIZE);
  return problem;
}

/** S becomes tridiagonal: frame.d and frame.e. The crew has met. */
export function toTridiagonal<T extends number>(problem: Symmetric): void {
  const frame = problem.frame;
  const lanes = problem.lanes;
  tridiagonalise<T>(problem.n, problem.s, problem.pitch, frame.d, frame.e, problem.tau, lanes, problem.lines);
}

/**
 * Eigenvalues to frame.d, eigenvectors to the rows of frame.q, ascending in the order of frame.order. The crew has met, and meets
 * at the end. Returns how many eigenvalues were not found.
 */
export function diagonaliseSymmetric<T extends number>(problem: Symmetric): i32 {
  const frame = problem.frame;
  toTridiagonal<T>(problem);
  const lost = sharedDivide<T>(frame, problem.ownMerges, problem.merges, problem.notes);
  if (lost != 0) return lost;
  const factors = problem.factors;
  const strips = problem.strips;
  backTransform<T>(problem.n, problem.s, problem.pitch, problem.tau, frame.q, factors, strips, frame.packing);
  return 0;
}
