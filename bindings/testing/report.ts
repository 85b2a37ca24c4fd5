// What testOp found, row by row and in words. Read next: test-op.ts.
import type { BackendName } from "./backends.ts";
import type { Check } from "./checks.ts";

/** One check of one sample on one backend. */
export interface TestRow {
  readonly backend: BackendName;
  readonly check: Check;
  readonly sample: string;
  readonly ok: boolean;
  readonly message: string;
  /** The largest error, in ulps of the tolerance. */
  readonly error: number;
}

/** What was tried, where, and what failed. */
export interface TestReport {
  readonly op: string;
  readonly rows: readonly TestRow[];
  readonly failures: readonly TestRow[];
  /** Devices that this machine has not got, and why. */
  readonly missing: readonly { readonly backend: BackendName; readonly reason: string }[];
  /** True if something was tried and nothing failed. */
  readonly ok: boolean;
  /** Throws an Error with the failures, if there are any or nothing was tried. Returns the report. */
  assert(): TestReport;
  /** A line for every device and for every failure. */
  toString(): string;
}

/** The report over rows. */
export function reportOf(op: string, rows: readonly TestRow[], missing: TestReport["missing"]): TestReport {
  const failures = rows.filter(({ ok }) => !ok);
  const report: TestReport = {
    op,
    rows,
    failures,
    missing,
    ok: rows.length > 0 && failures.length === 0,
    assert: () => {
      if (!report.ok) throw new Error(report.toString());
      return report;
    },
    toString: () => textOf(report),
  };
  return report;
}

function textOf({ op, rows, failures, missing }: TestReport): string {
  const lines = [...new Set(rows.map(({ backend }) => backend))].map((backend) => {
    const here = rows.filter((row) => row.backend === backend);
    const bad = here.filter(({ ok }) => !ok).length;
    const error = Math.max(0, ...here.filter(({ check, ok }) => ok && check === "values").map((row) => row.error));
    const samples = new Set(here.map(({ sample }) => sample.replace(/ \((?:second|operands)\)$/, ""))).size;
    const verdict = bad === 0 ? "all passed" : `${bad} failed`;
    return `${op} on ${backend}: ${here.length} checks of ${samples} samples, ${verdict}; largest error ${error.toFixed(1)} ulp`;
  });
  for (const { backend, reason } of missing) lines.push(`${op} on ${backend}: not tried: ${reason}`);
  if (rows.length === 0) lines.push(`${op}: nothing was tried`);
  for (const { backend, check, sample, message } of failures)
    lines.push(`  ${backend} ${check}, ${sample}: ${message}`);
  return lines.join("\n");
}
