// R P = Q S with column pivoting, for a square upper triangular R: every step takes the column of which most is left, so that the
// diagonal of S falls and nearly shows the singular values. Columns are rows here (of problem.v), so all loops are
// contiguous. Source: Businger and Golub, Numerische Mathematik 7 (1965). Read next: svd.ts, qr.ts.
import { BLOCK } from "./back-transform";
import { makeBlock, reflect, reflector } from "./householder";
import { Reduction } from "./qr";
import { dot, exchange, Lane } from "./vector";

/**
 * Rows of problem.v hold the columns of R and become reflectors, with their blocks made. S goes to `s` by rows, `sRow`
 * elements apart, zeros included. permutation: i32 [n], which column of R column j of S is. norms: f64 [2 n] of work.
 */
export function pivotColumns<T extends number>(
  problem: Reduction,
  s: usize,
  sRow: i32,
  permutation: usize,
  norms: usize,
): void {
  const n = problem.columns;
  const line = Lane.bytes<T>(problem.length);
  // What is left of every column, and what was left when that was last computed and not only updated.
  const exact = norms + ((n as usize) << 3);
  for (let j = 0; j < n; j++) {
    const row = problem.v + line * (j as usize);
    store<i32>(permutation + ((j as usize) << 2), j);
    const square = dot<T>(row, row, n);
    store<f64>(norms + ((j as usize) << 3), square);
    store<f64>(exact + ((j as usize) << 3), square);
    memory.fill(s + Lane.bytes<T>(sRow) * (j as usize), 0, Lane.bytes<T>(n));
  }
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let j = k + 1; j < n; j++) {
      if (load<f64>(norms + ((j as usize) << 3)) > load<f64>(norms + ((best as usize) << 3))) best = j;
    }
    const row = problem.v + line * (k as usize);
    if (best != k) {
      exchange<T>(row, problem.v + line * (best as usize), n);
      const mine = load<i32>(permutation + ((k as usize) << 2));
      store<i32>(permutation + ((k as usize) << 2), load<i32>(permutation + ((best as usize) << 2)));
      store<i32>(permutation + ((best as usize) << 2), mine);
      store<f64>(norms + ((best as usize) << 3), load<f64>(norms + ((k as usize) << 3)));
      store<f64>(exact + ((best as usize) << 3), load<f64>(exact + ((k as usize) << 3)));
    }
    const x = row + Lane.bytes<T>(k);
    const count = n - k;
    const tau = reflector<T>(x, count, problem.beta);
    store<f64>(problem.tau + ((k as usize) << 3), tau);
    for (let i = 0; i < k; i++) {
      const place = row + Lane.bytes<T>(i);
      store<T>(s + Lane.bytes<T>(i * sRow + k), load<T>(place));
      store<T>(place, 0 as T);
    }
    store<T>(s + Lane.bytes<T>(k * sRow + k), load<f64>(problem.beta) as T);
    for (let j = k + 1; j < n; j++) {
      const other = problem.v + line * (j as usize) + Lane.bytes<T>(k);
      reflect<T>(other, x, tau, count);
      const head = load<T>(other) as f64;
      let left = load<f64>(norms + ((j as usize) << 3)) - head * head;
      if (left < 0.01 * load<f64>(exact + ((j as usize) << 3))) {
        left = dot<T>(other + sizeof<T>(), other + sizeof<T>(), count - 1);
        store<f64>(exact + ((j as usize) << 3), left);
      }
      store<f64>(norms + ((j as usize) << 3), left);
    }
  }
  let block = problem.blocks;
  for (let first = 0; first < n; first += BLOCK) {
    const panel = problem.v + line * (first as usize) + Lane.bytes<T>(first);
    const tau = problem.tau + ((first as usize) << 3);
    const count = min<i32>(BLOCK, n - first);
    makeBlock<T>(count, n - first, panel, problem.length, tau, problem.gram, block, problem.packing);
    block += Lane.bytes<T>(BLOCK * BLOCK);
  }
}
