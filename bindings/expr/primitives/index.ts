// The scalar vocabulary: all primitive rows under one name, imported as `* as scalar`.
export * from "./arithmetic.ts";
export * from "./functions.ts";
export * from "./logic.ts";
