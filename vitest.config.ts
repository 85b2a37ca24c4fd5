// Two projects: "node" runs everything under test/ in Node, with a software GPU; "browser" runs test/browser in headless
// Chromium, also from Node's side. One file: `npx vitest run test/tensor.test.ts`; names: `-t "matmul"`.
// Sets up processes only; it knows nothing of what is tested. Read next: scripts/software-gpu.ts, test/browser/run.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ViteUserConfig } from "vitest/config";
import { gpuEnvironment, unpackSoftwareGpu } from "./scripts/software-gpu.ts";
import { ClosingLine } from "./test/setup/closing-line.ts";
import { LongestFirst } from "./test/setup/longest-first.ts";

// Tests keep no profiles among the user's.
const profiles = (process.env.ATHANOR_CACHE = mkdtempSync(join(tmpdir(), "athanor-test-")));
process.once("exit", () => {
  rmSync(profiles, { recursive: true, force: true });
});

// The dynamic loader reads these when a process starts, so they must be in place before Vitest forks its workers.
const software = await unpackSoftwareGpu();
if (software !== undefined) Object.assign(process.env, gpuEnvironment(software));

// Node 20 has relaxed SIMD behind a flag; later versions have it on and may not know the flag any more.
const needsFlag = Number(process.versions.node.split(".")[0]) < 22;

const shared = {
  environment: "node",
  setupFiles: ["test/setup/polling.ts", "test/setup/equality.ts"] as string[],
  pool: "forks",
  maxWorkers: 2,
  testTimeout: 60_000,
  hookTimeout: 120_000,
  execArgv: needsFlag ? ["--experimental-wasm-relaxed-simd"] : [],
} as const;

const config: ViteUserConfig = {
  test: {
    maxWorkers: 2,
    reporters: ["default", new ClosingLine()],
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...shared, name: "node", include: ["test/**/*.test.ts"], exclude: ["test/browser/**"] } },
      { test: { ...shared, name: "browser", include: ["test/browser/**/*.test.ts"] } },
    ],
  },
};

export default config;
