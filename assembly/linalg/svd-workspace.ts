// The memory of a singular value decomposition beside its reductions, and what both ways of finding singular vectors need: values
// from the lengths of rows. Read next: svd.ts.
import { Crew } from "./crew";
import { rowPitch } from "./scratch";
import { Lane } from "./vector";

/** The memory of one matrix with m >= n and p columns of U, after the reductions. The crew shares it. */
export class Workspace {
  n: i32;
  /** Columns of U that are wanted, and elements between its rows. */
  p: i32;
  room: i32;
  /** [n, 2 n]: rows to be made orthogonal, and what is turned with them beside. */
  rows: usize;
  /** [m, room]: A turned over, then U. */
  u: usize;
  /** [n, n]: Vᵀ. */
  vt: usize;
  /** f64 [3 n]: lengths, and work. */
  norms: usize;
  /** i32 [n] each. */
  permutation: usize;
  order: usize;
  /** The power of two that the matrix was divided by. */
  power: f64;
}

/** Bytes of a Workspace. The host computes the same number. */
export function workspaceBytes<T extends number>(m: i32, n: i32, room: i32): usize {
  const elements = n * rowPitch(2 * n) + m * room + n * n;
  return (Lane.bytes<T>(elements) + ((n as usize) << 5) + 64 + 127) & ~63;
}

/** Bytes of its words, which each worker has of its own. */
export const WORKSPACE_WORDS: usize = 64;

export function openWorkspace<T extends number>(own: usize, at: usize, m: i32, n: i32, p: i32, room: i32): Workspace {
  const space = changetype<Workspace>(own);
  space.n = n;
  space.p = p;
  space.room = room;
  space.norms = at;
  space.permutation = space.norms + (n as usize) * 24;
  space.order = space.permutation + ((n as usize) << 2);
  space.rows = (space.order + ((n as usize) << 2) + 15) & ~15;
  space.u = space.rows + Lane.bytes<T>(n * rowPitch(2 * n));
  space.vt = space.u + Lane.bytes<T>(m * room);
  return space;
}

/** Indices of `norms` from the largest on. */
function sortLengths(n: i32, norms: usize, order: usize): void {
  for (let i = 0; i < n; i++) {
    const value = load<f64>(norms + ((i as usize) << 3));
    let j = i;
    for (; j > 0; j--) {
      const before = load<i32>(order + (((j - 1) as usize) << 2));
      if (load<f64>(norms + ((before as usize) << 3)) >= value) break;
      store<i32>(order + ((j as usize) << 2), before);
    }
    store<i32>(order + ((j as usize) << 2), i);
  }
}

/** Singular values from the lengths of the rows, and how the smallest compares with the largest. */
export function storeValues<T extends number>(space: Workspace, s: usize): f64 {
  const n = space.n;
  sortLengths(n, space.norms, space.order);
  let first: f64 = 0;
  let last: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = load<i32>(space.order + ((i as usize) << 2));
    last = Math.sqrt(load<f64>(space.norms + ((row as usize) << 3)));
    if (i == 0) first = last;
    store<T>(s + Lane.bytes<T>(i), (space.power * last) as T);
  }
  return first == 0 ? 0 : last / first;
}

/** U becomes zero but for a one in each of the columns [n, p), this worker's rows of it. */
export function clearLeft<T extends number>(space: Workspace, m: i32): void {
  for (let i = Crew.from(m); i < Crew.to(m); i++) {
    const row = space.u + Lane.bytes<T>(i * space.room);
    memory.fill(row, 0, Lane.bytes<T>(space.p));
    if (i >= space.n && i < space.p) store<T>(row + Lane.bytes<T>(i), 1 as T);
  }
}
