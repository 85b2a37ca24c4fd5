// The names of optional features that are asked for in several places, each spelt once. Knows no device.
// Read next: limits.ts, which picks features; matrix-units.ts.

/** The feature with which shaders have 16-bit floats. */
export const halfFeature = "shader-f16";
