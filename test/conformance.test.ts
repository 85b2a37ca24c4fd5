// Conformance of every op on one CPU thread, with and without relaxed SIMD.
// Run one op on all backends: `ATHANOR_OPS=matmul,conv2d npx vitest run test/conformance`. Read next: conformance/suite.ts.
import { testBackends } from "./conformance/suite.ts";

testBackends(["wasm", "wasm-relaxed"]);
