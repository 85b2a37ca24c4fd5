// Conformance of every op on CPU threads and on the GPU. Read next: conformance/suite.ts.
import { testBackends } from "./conformance/suite.ts";

testBackends(["wasm-threads", "webgpu"]);
