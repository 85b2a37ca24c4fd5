// `npm run build`: everything between the sources and dist/, each step skipped when its inputs have not changed.
//   (default)   kernels, bundles, declarations          --kernels   generated sources and wasm only
// The order is the data flow: descriptors → assembly/generated → build/*.wasm → generated modules → dist/.
// Knows the order only. Read next: generate-kernels.ts, compile-kernels.ts, inline-artefacts.ts, bundle.ts.
import { bundle } from "./bundle.ts";
import { compileKernels } from "./compile-kernels.ts";
import { emitDeclarations } from "./declarations.ts";
import { withLock } from "./files.ts";
import { generateKernels } from "./generate-kernels.ts";
import { inlineShaders, inlineWasm, inlineWorker } from "./inline-artefacts.ts";

const onlyKernels = process.argv.includes("--kernels");

await withLock("build/.lock", async () => {
  inlineShaders();
  await generateKernels();
  await compileKernels();
  inlineWasm();
  await inlineWorker();
  if (onlyKernels) return;
  await bundle();
  await emitDeclarations();
});
