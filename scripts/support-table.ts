// Writes the support table of README.md: for every op its largest measured error on each backend of this machine, found by
// the conformance suite in mode "support". Run: `node scripts/run.mjs scripts/support-table.ts`; `--check` only compares.
// The table is never written by hand. Read next: test/conformance/run.ts.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import type { BackendName } from "../bindings/testing/backends.ts";
import { backendNames } from "../bindings/testing/backends.ts";
import { runConformance } from "../test/conformance/run.ts";
import { opNames } from "../test/conformance/table.ts";
import { format, resolveConfig } from "prettier";
import { gpuEnvironment, unpackSoftwareGpu } from "./software-gpu.ts";

const begin = "<!-- support-table:begin -->";
const end = "<!-- support-table:end -->";
const child = "ATHANOR_SUPPORT_CHILD";

/** What one op reached on one backend. */
interface Entry {
  /** Largest error of the values and of the gradients in ulps, undefined where nothing was measured. */
  values?: number;
  gradients?: number;
  failures: number;
}

type Measured = Map<string, Map<BackendName, Entry>>;

async function measure(): Promise<{ measured: Measured; missing: string[] }> {
  const measured: Measured = new Map(opNames.map((op) => [op, new Map<BackendName, Entry>()]));
  const missing: string[] = [];
  for (const backend of backendNames) {
    for await (const row of runConformance(backend, { mode: "support" })) {
      if (row.check === "backend") {
        missing.push(`${backend}: ${row.message}`);
        continue;
      }
      const entries = measured.get(row.op);
      const entry = entries?.get(backend) ?? { failures: 0 };
      entries?.set(backend, entry);
      if (!row.ok) entry.failures++;
      // Halves have units of their own: they are rounded once, which their checks demand.
      else if (row.sample.startsWith("f16 ")) continue;
      else if (row.check === "values") entry.values = Math.max(entry.values ?? 0, row.error);
      else if (row.check === "gradient") entry.gradients = Math.max(entry.gradients ?? 0, row.error);
    }
  }
  return { measured, missing };
}

function cell(entry: Entry | undefined): string {
  if (entry === undefined) return "–";
  if (entry.failures > 0) return `${entry.failures} failing`;
  const values = entry.values === undefined ? "–" : shorten(entry.values);
  return entry.gradients === undefined ? values : `${values} / ${shorten(entry.gradients)}`;
}

function shorten(error: number): string {
  return error === 0 ? "0" : error < 10 ? error.toFixed(1) : error.toFixed(0);
}

function render({ measured, missing }: Awaited<ReturnType<typeof measure>>): string {
  const lines = [
    "Largest measured error of values / gradients in ulps of f32 (of f64 for f64 results; of Σ|terms| for sums), over all samples of",
    "the conformance suite. `0` is exact. Made by `npm run support`.",
    "",
    `| op | ${backendNames.join(" | ")} |`,
    `| --- | ${backendNames.map(() => "---").join(" | ")} |`,
    ...[...measured].map(
      ([op, entries]) => `| ${op} | ${backendNames.map((name) => cell(entries.get(name))).join(" | ")} |`,
    ),
    ...(missing.length === 0 ? [] : ["", `Not on this machine: ${missing.join("; ")}`]),
  ];
  return lines.join("\n");
}

async function write(): Promise<void> {
  const readme = readFileSync("README.md", "utf8");
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md has no ${begin} … ${end}`);
  const config = await resolveConfig("README.md");
  const next = await format(
    `${readme.slice(0, from + begin.length)}\n\n${render(await measure())}\n\n${readme.slice(to)}`,
    { ...config, parser: "markdown" },
  );
  if (!process.argv.includes("--check")) writeFileSync("README.md", next);
  else if (opsOf(next) !== opsOf(readme))
    throw new Error("the support table lacks ops: run node scripts/run.mjs scripts/support-table.ts");
}

/** The first column: errors differ a little from machine to machine, the ops must not. */
function opsOf(readme: string): string {
  return readme
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|")[1]?.trim())
    .join();
}

if (process.env[child] === undefined) {
  // The loader of shared libraries reads its environment when a process starts, so the work is done in a second one.
  const software = await unpackSoftwareGpu();
  const environment = { ...process.env, ...(software === undefined ? {} : gpuEnvironment(software)), [child]: "1" };
  const { status } = spawnSync(
    process.execPath,
    ["scripts/run.mjs", "scripts/support-table.ts", ...process.argv.slice(2)],
    { stdio: "inherit", env: environment },
  );
  process.exitCode = status ?? 1;
} else {
  if (Number(process.versions.node.split(".")[0]) < 22) setFlagsFromString("--experimental-wasm-relaxed-simd");
  await write();
}
