// Every kernel the host can call, by name: exports only. A kernel is `<name>_<dtype>(args, worker, workers)`, reads its
// pointers and parameters from the words at args (program/words.ts) and does its worker's share.
// Read next: folds/reduce.ts for a simple one, products/matmul.ts for the one that matters most.
export * from "./folds/reduce";
export * from "./folds/reduce-index";
export { finish_sum_f32, partial_sum_f32 } from "./folds/partial";
export * from "./folds/scan";
export { matmul_f32, matmul_f64, matmul_i32, matmulPacked_f32, matmulPacked_f64 } from "./products/matmul";
export { quantizedMatmul_f32 } from "./products/quantized";
export * from "./attention/attention";
export * from "./attention/attention-gradient";
export * from "./convolution/convolution";
export * from "./convolution/convolution-gradient";
export * from "./pooling/pooling";
export * from "./pooling/pooling-gradient";
export { avgPool2d_f32, avgPool2d_f64 } from "./pooling/pooling-average";
export * from "./pooling/pooling-average-gradient";
export * from "./indexing/indexing";
export * from "./sorting/search";
export * from "./sorting/sort";
export * from "./sorting/sort-top";
export { cholesky_f32, cholesky_f64 } from "./linalg/cholesky";
export { eig_f32, eig_f64 } from "./linalg/eig";
export { eigh_f32, eigh_f64, eigvalsh_f32, eigvalsh_f64 } from "./linalg/eigh";
export { determinant_f32, determinant_f64, lu_f32, lu_f64, solve_f32, solve_f64 } from "./linalg/lu";
export { qr_f32, qr_f64 } from "./linalg/qr";
export { refinedSolve_f64 } from "./linalg/refined";
export { schur_f32, schur_f64 } from "./linalg/schur";
export { svd_f32, svd_f64, svdvals_f32, svdvals_f64 } from "./linalg/svd";
export * from "./linalg/triangular-solve";
export { fourier_f32, fourier_f64 } from "./fourier/fourier";
export * from "./lanes/functions";
export { map } from "./elementwise/map";
export { strips } from "./program/strips";
export { run, runPart, runTogether } from "./program/program";
export { awaitJob, breakTeam, joinTeam, meetingsHeld, readWord, teamSize } from "./program/team";
export { heapBase } from "./program/heap";
export * from "./generated/elementwise";
