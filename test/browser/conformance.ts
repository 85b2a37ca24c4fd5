// The conformance suite in the page: the harness that runs in Node, its rows gathered to one check per op and check.
// Knows nothing of how rows reach Vitest. Read next: ../conformance/run.ts, entry.ts.
import type { BackendName } from "../conformance/backends.ts";
import type { Row } from "../conformance/run.ts";
import { runConformance } from "../conformance/run.ts";
import { record } from "./report.ts";

/** Records one row for every op and check, with all failing samples as its error. */
export async function checkConformance(name: BackendName): Promise<void> {
  const groups = new Map<string, Row[]>();
  for await (const row of runConformance(name)) {
    const key = `${name} in a page: ${row.op} ${row.check}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  for (const [key, rows] of groups) {
    const bad = rows.filter(({ ok }) => !ok).map(({ sample, message }) => `${sample}: ${message}`);
    record(bad.length === 0 ? { name: key } : { name: key, error: bad.join("\n") });
  }
}
