// The conformance suite in the page: the harness that runs in Node, with one result for every op and check.
// Knows nothing of how results reach Vitest. Read next: ../conformance/run.ts, entry.ts.
import type { BackendName } from "../../bindings/testing/backends.ts";
import type { Row } from "../conformance/run.ts";
import { runConformance } from "../conformance/run.ts";
import { check } from "./report.ts";

/** Runs all ops on one backend; a result carries all failing samples of its op and check. */
export async function checkConformance(name: BackendName): Promise<void> {
  let rows: Row[] = [];
  const report = async (): Promise<void> => {
    for (const kind of new Set(rows.map((row) => row.check))) {
      const bad = rows
        .filter((row) => row.check === kind && !row.ok)
        .map(({ sample, message }) => `${sample}: ${message}`);
      await check(`${name} in a page: ${rows[0]?.op ?? ""} ${kind}`, () => {
        if (bad.length > 0) throw new Error(bad.join("\n"));
      });
    }
    rows = [];
  };
  for await (const row of runConformance(name)) {
    if (rows.length > 0 && rows[0]?.op !== row.op) await report();
    rows.push(row);
  }
  await report();
}
