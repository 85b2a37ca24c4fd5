// Linear algebra: re-exports only.
export { cholesky } from "./cholesky.ts";
export type { EigenDecomposition } from "./eigh.ts";
export { eigh, eigvalsh } from "./eigh.ts";
export type { ComplexTensor, FourierOptions, InverseRealOptions } from "./fourier.ts";
export { fft, ifft, irfft, rfft } from "./fourier.ts";
export type { LeastSquares, LeastSquaresOptions, MatrixNorm, RankOptions } from "./least-squares.ts";
export { cond, lstsq, matrixRank, norm, pinv } from "./least-squares.ts";
export type { LUDecomposition } from "./lu.ts";
export { det, lu, slogdet } from "./lu.ts";
export { expm, kron, matrixPower, trace } from "./powers.ts";
export type { QRDecomposition } from "./qr.ts";
export { qr } from "./qr.ts";
export type { SolveOptions } from "./solve.ts";
export { inv, solve } from "./solve.ts";
export type { SingularDecomposition } from "./svd.ts";
export { svd, svdvals } from "./svd.ts";
export type { TriangularOptions } from "./triangular.ts";
export { solveTriangular } from "./triangular.ts";
