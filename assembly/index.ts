// Every kernel the host can call, by name: exports only. A kernel is `<name>_<dtype>(args, worker, workers)`, reads its
// pointers and parameters from the words at args (words.ts) and does its worker's share.
// Read next: reduce.ts for a simple one, matmul.ts for the one that matters most.
export * from "./reduce";
export * from "./reduce-index";
export { finish_sum_f32, partial_sum_f32 } from "./partial";
export * from "./scan";
export { matmul_f32, matmul_f64, matmul_i32, matmulPacked_f32, matmulPacked_f64 } from "./matmul";
export { quantizedMatmul_f32 } from "./quantized";
export * from "./attention";
export * from "./attention-gradient";
export * from "./convolution";
export * from "./convolution-gradient";
export * from "./pooling";
export * from "./pooling-gradient";
export { avgPool2d_f32, avgPool2d_f64 } from "./pooling-average";
export * from "./pooling-average-gradient";
export * from "./indexing";
export * from "./search";
export * from "./sort";
export * from "./sort-top";
export { cholesky_f32, cholesky_f64 } from "./linalg/cholesky";
export { eig_f32, eig_f64 } from "./linalg/eig";
export { eigh_f32, eigh_f64, eigvalsh_f32, eigvalsh_f64 } from "./linalg/eigh";
export { determinant_f32, determinant_f64, lu_f32, lu_f64, solve_f32, solve_f64 } from "./linalg/lu";
export { qr_f32, qr_f64 } from "./linalg/qr";
export { refinedSolve_f64 } from "./linalg/refined";
export { schur_f32, schur_f64 } from "./linalg/schur";
export { svd_f32, svd_f64, svdvals_f32, svdvals_f64 } from "./linalg/svd";
export * from "./linalg/triangular-solve";
export { fourier_f32, fourier_f64 } from "./fourier";
export * from "./functions";
export { map } from "./map";
export { strips } from "./strips";
export { run, runPart, runTogether } from "./program";
export { awaitJob, breakTeam, joinTeam, meetingsHeld, readWord, teamSize } from "./team";
export { heapBase } from "./heap";
export * from "./generated/elementwise";
