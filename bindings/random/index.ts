// Random numbers: the public face of bindings/random.
export type { DrawOptions, FloatDrawOptions } from "./draw.ts";
export { bernoulli, bits, normal, permutation, rand, randint, randn, truncatedNormal, uniform } from "./draw.ts";
export { defaultGenerator, Generator, manualSeed } from "./generator.ts";
