// Conformance of every op on CPU threads. Read next: conformance/suite.ts.
import { testBackends } from "./conformance/suite.ts";

testBackends(["wasm-threads"]);
