// The version of this package. A test holds it to package.json; what is kept between runs is marked with it.
// Read next: ../engine/dispatch/machine.ts, which does so.

export const version = "0.1.0";
