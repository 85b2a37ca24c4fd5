// Names of optional features of WebGPU that more than one file asks for.
// Knows no device. Read next: limits.ts, which asks an adapter for them.

/** The feature with which shaders have 16-bit floats. */
export const halfFeature = "shader-f16";
