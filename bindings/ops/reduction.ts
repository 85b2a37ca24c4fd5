// Reductions over axes. Four monoids have kernels; mean, variance, norm and the rest are compositions.
// Read next: broadcasting.ts for sum, ../graph/lower.ts, which turns any set of axes into folds of [outer, length, inner].
