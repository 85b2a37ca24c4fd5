// Eigenvalues and eigenvectors of a small tridiagonal matrix: implicit QL with Wilkinson's shift. d and e are f64; the
// rows of Z, which the rotations run over, are T. An eigenvalue gets at most 60 steps (2 are usual).
// Read next: divide.ts, which uses it for its smallest blocks.
import { Lane, rotate } from "./vector";

/**
 * Diagonalises d [n], e [n - 1]; every rotation is applied to the rows of Z (`pitch` elements apart, `columns` long; none
 * when columns is 0). Returns the number of eigenvalues that were not found.
 */
export function diagonalise<T extends number>(n: i32, d: usize, e: usize, z: usize, pitch: i32, columns: i32): i32 {
  const step = Lane.bytes<T>(pitch);
  for (let l = 0; l < n; l++) {
    const dl = d + ((l as usize) << 3);
    const el = e + ((l as usize) << 3);
    for (let turn = 0; ; turn++) {
      // The block [l, m] ends where the off-diagonal no longer changes its neighbours.
      let m = l;
      while (m < n - 1) {
        const size = Math.abs(load<f64>(d + ((m as usize) << 3))) + Math.abs(load<f64>(d + (((m + 1) as usize) << 3)));
        const joint = Math.abs(load<f64>(e + ((m as usize) << 3)));
        // Scaled input: anything below 1e-300 is nothing.
        if (joint <= 1.1102230246251565e-16 * size || joint < 1e-300) break;
        m++;
      }
      if (m == l) break;
      if (turn == 60) return n - l;
      const p0 = load<f64>(dl);
      const e0 = load<f64>(el);
      let g = (load<f64>(dl, 8) - p0) / (2 * e0);
      let r = Math.sqrt(g * g + 1);
      g = load<f64>(d + ((m as usize) << 3)) - p0 + e0 / (g + (g >= 0 ? r : -r));
      let s: f64 = 1;
      let c: f64 = 1;
      let p: f64 = 0;
      let i = m - 1;
      while (i >= l) {
        const di = d + ((i as usize) << 3);
        const ei = e + ((i as usize) << 3);
        const f = s * load<f64>(ei);
        const b = c * load<f64>(ei);
        r = Math.sqrt(f * f + g * g);
        // The place behind the last off-diagonal is not part of the matrix.
        if (i + 1 < m) store<f64>(ei, r, 8);
        if (r == 0) {
          // The bulge vanished: the matrix has split at i + 1.
          store<f64>(di, load<f64>(di, 8) - p, 8);
          if (m < n - 1) store<f64>(e + ((m as usize) << 3), 0);
          break;
        }
        s = f / r;
        c = g / r;
        g = load<f64>(di, 8) - p;
        r = (load<f64>(di) - g) * s + 2 * c * b;
        p = s * r;
        store<f64>(di, g + p, 8);
        g = c * r - b;
        if (columns > 0) {
          const row = z + (i as usize) * step;
          rotate<T>(row, row + step, c, s, columns);
        }
        i--;
      }
      if (i >= l) continue;
      store<f64>(dl, load<f64>(dl) - p);
      store<f64>(el, g);
      if (m < n - 1) store<f64>(e + ((m as usize) << 3), 0);
    }
  }
  return 0;
}
