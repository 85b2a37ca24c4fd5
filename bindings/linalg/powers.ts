// Functions of square matrices and small products: powers, the exponential, traces, Kronecker products. All composites.
// Read next: solve.ts.
import { requireInteger } from "../core/shape.ts";
import { abs, add, ceil, maximum, minimum, mul, sub } from "../ops/arithmetic.ts";
import { broadcasted, reshaped } from "../ops/broadcasting.ts";
import { greater, where } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import { exp2, log2 } from "../ops/exponential.ts";
import { alignBatches, identityLike, matricesOf, requireMatrices, requireSquare } from "../ops/matrices.ts";
import { expandDims } from "../ops/movement.ts";
import { max, sum } from "../ops/reduction.ts";
import { stopGradient } from "../ops/stop-gradient.ts";
import type { Tensor } from "../ops/tensor.ts";
import { requireArguments } from "../ops/tensor.ts";
import { inverse, solved } from "./solve.ts";

/** Sum of the diagonal: [..., m, n] → [...]. */
export function trace(a: Tensor): Tensor {
  const input = requireMatrices("trace", a);
  const { rows: m, columns: n } = matricesOf(a);
  const k = Math.min(m, n);
  return a.recorder.compose("trace", () => {
    const square = m === n ? input : input.slice([...a.shape.map(() => 0)], [...a.shape.slice(0, -2), k, k]);
    return sum(where(greater(identityLike(square, k), 0), square, 0), { axis: [-2, -1] });
  });
}

/** Every element of a times all of b: [..., m, n] and [..., p, q] → [..., m·p, n·q]. Batches broadcast. */
export function kron(a: Tensor, b: Tensor): Tensor {
  requireArguments("kron", { a, b });
  const [left, right] = alignBatches("kron", requireMatrices("kron", a), requireMatrices("kron", b, "b"));
  const { batch, rows: m, columns: n } = matricesOf(left);
  const { rows: p, columns: q } = matricesOf(right);
  return a.recorder.compose("kron", () =>
    reshaped(mul(reshaped(left, [...batch, m, 1, n, 1]), reshaped(right, [...batch, 1, p, 1, q])), [
      ...batch,
      m * p,
      n * q,
    ]),
  );
}

/**
 * aⁿ of square matrices [..., n, n] for a whole exponent, by repeated squaring. A negative one takes the inverse first: the
 * run then throws a LinAlgError for a singular matrix.
 */
export function matrixPower(a: Tensor, exponent: number): Tensor {
  const input = requireSquare("matrixPower", a);
  requireInteger("matrixPower", "the exponent", exponent, -(2 ** 31), 2 ** 31 - 1);
  return a.recorder.compose("matrixPower", () => {
    let square = exponent < 0 ? inverse("matrixPower", input) : input;
    let result: Tensor | undefined;
    for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) result = result === undefined ? square : matmul(result, square);
      if (rest > 1) square = matmul(square, square);
    }
    // A product with the identity keeps the result apart from the operand.
    const unit = broadcasted(identityLike(input, a.shape.at(-1) ?? 0), a.shape);
    return exponent === 0 ? mul(unit, 1) : Math.abs(exponent) === 1 ? matmul(result ?? unit, unit) : (result ?? unit);
  });
}

/** Numerator coefficients of the [13/13] Padé approximant of eˣ, lowest power first; the denominator has them with (−1)ⁿ. */
const pade = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
  670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
].map((coefficient) => coefficient / 64764752532480000);
/** Norm up to which the approximant is exact to f64, and how often a matrix is halved at most to get there. */
const padeNorm = 5.371920351148152;
const maxHalvings = 20;

/**
 * The exponential of square matrices [..., n, n]: Padé approximant of degree 13 with scaling and squaring (Higham, SIAM J.
 * Matrix Anal. Appl. 26, 2005). Each matrix of a batch is scaled by its own norm; one whose largest column sum of magnitudes
 * exceeds 5.4 · 2²⁰ gives NaN. The run throws a LinAlgError for NaN or infinity.
 */
export function expm(a: Tensor): Tensor {
  const input = requireSquare("expm", a);
  const n = a.shape.at(-1) ?? 0;
  return a.recorder.compose("expm", () => {
    if (a.size === 0) return mul(input, 1);
    const size = stopGradient(max(sum(abs(input), { axis: -2 }), { axis: -1 }));
    const needed = expandDims(expandDims(ceil(log2(maximum(mul(size, 1 / padeNorm), 1))), -1), -1);
    const halvings = minimum(needed, maxHalvings);
    const x = mul(input, exp2(mul(halvings, -1)));
    const unit = identityLike(input, n);
    const x2 = matmul(x, x);
    const x4 = matmul(x2, x2);
    const x6 = matmul(x4, x2);
    /** The even powers of x whose coefficients begin at `first`, two apart. */
    const powers = (first: number): Tensor =>
      add(
        add(mul(unit, pade[first] ?? 0), mul(x2, pade[first + 2] ?? 0)),
        add(mul(x4, pade[first + 4] ?? 0), mul(x6, pade[first + 6] ?? 0)),
      );
    const high = (first: number): Tensor =>
      add(add(mul(x2, pade[first] ?? 0), mul(x4, pade[first + 2] ?? 0)), mul(x6, pade[first + 4] ?? 0));
    const odd = matmul(x, add(matmul(x6, high(9)), powers(1)));
    const even = add(matmul(x6, high(8)), powers(0));
    let result = solved("expm", sub(even, odd), add(even, odd));
    // How often to square is data, so every square is computed; a matrix takes those that are its own.
    for (let turn = 0; turn < maxHalvings; turn++) {
      const isWanted = greater(halvings, turn);
      // Of the others zero is squared: their square might overflow, and spoil the gradient.
      const base = where(isWanted, result, 0);
      result = where(isWanted, matmul(base, base), result);
    }
    return where(greater(needed, maxHalvings), Number.NaN, result);
  });
}
