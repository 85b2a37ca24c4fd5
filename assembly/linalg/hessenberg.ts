// Before the QR algorithm: balancing a square matrix by powers of two, so that rows and columns weigh alike, and its reduction to
// upper Hessenberg form H = Vᵀ A V by reflections, all loops along rows. f64.
// Sources: Parlett and Reinsch, Numerische Mathematik 13 (1969); Golub and Van Loan, 7.4. Read next: francis.ts.
import { addScaled, dot } from "./vector";

/** A square f64 matrix: its elements by row and column. */
export class Square {
  @inline static row(a: usize, n: i32, i: i32): usize {
    return a + (((i * n) as usize) << 3);
  }

  @inline static at(a: usize, n: i32, i: i32, j: i32): f64 {
    return load<f64>(a + (((i * n + j) as usize) << 3));
  }

  @inline static put(a: usize, n: i32, i: i32, j: i32, value: f64): void {
    store<f64>(a + (((i * n + j) as usize) << 3), value);
  }
}

/** A ← D⁻¹ A D with D a diagonal of powers of two, which goes to `weights`. */
export function balance(n: i32, a: usize, weights: usize): void {
  for (let i = 0; i < n; i++) store<f64>(weights + ((i as usize) << 3), 1);
  for (let sweep = 0, isDone = false; sweep < 100 && !isDone; sweep++) {
    isDone = true;
    for (let i = 0; i < n; i++) {
      let column: f64 = 0;
      let row: f64 = 0;
      for (let j = 0; j < n; j++) {
        if (j == i) continue;
        column += Math.abs(Square.at(a, n, j, i));
        row += Math.abs(Square.at(a, n, i, j));
      }
      if (column == 0 || row == 0) continue;
      const before = column + row;
      let factor: f64 = 1;
      while (column < row / 2 && factor < 1e150) {
        factor *= 2;
        column *= 2;
        row /= 2;
      }
      while (column >= row * 2 && factor > 1e-150) {
        factor /= 2;
        column /= 2;
        row *= 2;
      }
      if (factor == 1 || column + row >= 0.95 * before) continue;
      isDone = false;
      store<f64>(weights + ((i as usize) << 3), factor * load<f64>(weights + ((i as usize) << 3)));
      for (let j = 0; j < n; j++) {
        Square.put(a, n, i, j, Square.at(a, n, i, j) / factor);
        Square.put(a, n, j, i, Square.at(a, n, j, i) * factor);
      }
    }
  }
}

/** A becomes H, zeros below its subdiagonal included; V the product of the reflections. `line`: f64 [2 n] of work. */
export function toHessenberg(n: i32, a: usize, v: usize, line: usize): void {
  memory.fill(v, 0, ((n * n) as usize) << 3);
  for (let i = 0; i < n; i++) Square.put(v, n, i, i, 1);
  const sums = line + ((n as usize) << 3);
  for (let k = 0; k < n - 2; k++) {
    const count = n - k - 1;
    let rest: f64 = 0;
    for (let i = 0; i < count; i++) {
      const x = Square.at(a, n, k + 1 + i, k);
      store<f64>(line + ((i as usize) << 3), x);
      if (i > 0) rest += x * x;
    }
    const alpha = load<f64>(line);
    if (rest == 0) continue;
    const norm = Math.sqrt(alpha * alpha + rest);
    const beta = alpha > 0 ? -norm : norm;
    const tau = (beta - alpha) / beta;
    const factor = 1 / (alpha - beta);
    store<f64>(line, 1);
    for (let i = 1; i < count; i++) {
      const at = line + ((i as usize) << 3);
      store<f64>(at, load<f64>(at) * factor);
    }
    // From the left: rows k + 1 … lose tau v (vᵀ A).
    memory.fill(sums, 0, (n as usize) << 3);
    for (let i = 0; i < count; i++) {
      addScaled<f64>(sums, Square.row(a, n, k + 1 + i), load<f64>(line + ((i as usize) << 3)), n);
    }
    for (let i = 0; i < count; i++) {
      addScaled<f64>(Square.row(a, n, k + 1 + i), sums, -tau * load<f64>(line + ((i as usize) << 3)), n);
    }
    // From the right: every row loses tau (row v) vᵀ.
    const skip = ((k + 1) as usize) << 3;
    for (let i = 0; i < n; i++) {
      const row = Square.row(a, n, i) + skip;
      addScaled<f64>(row, line, -tau * dot<f64>(row, line, count), count);
      const other = Square.row(v, n, i) + skip;
      addScaled<f64>(other, line, -tau * dot<f64>(other, line, count), count);
    }
    Square.put(a, n, k + 1, k, beta);
    for (let i = k + 2; i < n; i++) Square.put(a, n, i, k, 0);
  }
}
