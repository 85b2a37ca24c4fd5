// The plain arrays of the reference, which users write theirs with too: nothing there comes from the engine.
// Read next: reduction.ts, movement.ts, contraction.ts, convolution.ts, linalg.ts.
export * from "../../bindings/testing/array.ts";
