// Runs the spec table on one backend and yields what it finds, row by row. No test framework: Vitest, the browser page, the
// support table and the benchmarks all read the same rows.
// Read next: table.ts for the ops; bindings/testing/checks.ts for the checks, samples.ts for the samples.
import { bytesOf } from "../../bindings/core/dtype.ts";
import type { NdArray } from "../reference/array.ts";
import { divergences } from "../specs/divergences.ts";
import type { BackendName, OpenedBackend } from "../../bindings/testing/backends.ts";
import { openBackend } from "../../bindings/testing/backends.ts";
import type { Case } from "../../bindings/testing/samples.ts";
import type { Check, Finding } from "../../bindings/testing/checks.ts";
import { runCase, secondsOf } from "../../bindings/testing/checks.ts";
import { checkRefusal } from "../../bindings/testing/refusals.ts";
import { opNames, rowsOf } from "./table.ts";

/** One thing found. A missing backend is one row of check "backend". */
export interface Row {
  readonly backend: BackendName;
  readonly op: string;
  readonly check: Check | "backend" | "perf";
  readonly sample: string;
  readonly ok: boolean;
  readonly message: string;
  /** Largest error in ulps of the tolerance; in mode "perf" GB/s of operands and results, recording and reading included. */
  readonly error: number;
}

export type Mode = "test" | "grad" | "perf" | "support";

export interface ConformanceOptions {
  /** Names of ops; all when absent. */
  readonly filter?: readonly string[];
  readonly mode?: Mode;
}

/** All rows of one backend. The engine is started for it and shut down after it. */
export async function* runConformance(name: BackendName, options: ConformanceOptions = {}): AsyncIterable<Row> {
  const backend = await openBackend(name);
  if ("missing" in backend) {
    yield { backend: name, op: "", check: "backend", sample: "", ok: false, message: backend.missing, error: 0 };
    return;
  }
  try {
    for (const op of options.filter ?? opNames) yield* runOp(backend, op, options.mode ?? "test");
  } finally {
    await backend.close();
  }
}

/** All rows of one op on an open backend. */
export async function* runOp(backend: OpenedBackend, op: string, mode: Mode = "test"): AsyncIterable<Row> {
  const { cases, errors } = rowsOf(op);
  const chosen = cases.filter((sample) => backend.device === "wasm" || sample.gpu);
  if (mode === "perf") {
    for (const sample of chosen)
      yield measured(backend, sample, bytesOfCase(sample) / (await secondsOf(backend, sample)) / 1e9);
    return;
  }
  for (const sample of chosen) {
    if (mode === "grad" && sample.gradient === false) continue;
    for (const finding of await runCase(backend, sample)) yield strict(rowFrom(backend, sample, finding));
  }
  if (mode !== "test") return;
  for (const row of errors) {
    const verdict = checkRefusal(backend, row);
    yield strict({ backend: backend.name, op, check: "errors", sample: row.label, ...verdict });
  }
}

function rowFrom(backend: OpenedBackend, sample: Case, finding: Finding): Row {
  const { check, ok, message, error, detail } = finding;
  return {
    backend: backend.name,
    op: sample.op,
    check,
    sample: detail === undefined ? sample.label : `${sample.label} (${detail})`,
    ok,
    message,
    error,
  };
}

function measured(backend: OpenedBackend, sample: Case, rate: number): Row {
  return {
    backend: backend.name,
    op: sample.op,
    check: "perf",
    sample: sample.label,
    ok: true,
    message: "GB/s",
    error: rate,
  };
}

/** A known divergence must fail; once it passes, its row has to go. */
function strict(row: Row): Row {
  const known = divergences.find(
    ({ backend, op, check, sample }) =>
      backend === row.backend && op === row.op && check === row.check && sample === row.sample,
  );
  if (known === undefined) return row;
  if (!row.ok) return { ...row, ok: true, message: `known divergence: ${known.reason}` };
  return { ...row, ok: false, message: `passes now: delete its row from test/specs/divergences.ts (${known.reason})` };
}

/** Bytes of operands and results, as the CPU stores them. */
function bytesOfCase({ operands, reference, result }: Case): number {
  const arrays = operands.map(({ shape, values }): NdArray => ({ shape, data: values }));
  const results = [reference(...arrays)].flat() as readonly NdArray[];
  return (
    operands.reduce((sum, { values, dtype }) => sum + values.length * bytesOf(dtype), 0) +
    results.reduce((sum, { data }) => sum + data.length * bytesOf(result), 0)
  );
}
