// Vitest reporter that counts what really happened over all projects and closes the output with one plain line:
// "N passed, N failed", with ", N skipped" behind it when something was. A file that could not be collected and an error
// outside any test count as one failure each, so that the line never says less than the exit code.
// Read next: vitest.config.ts.
import { writeSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) counts[test.result().state] += 1;
    }
    const { passed, skipped } = counts;
    const failed = counts.failed + counts.pending;
    const line = `${String(passed)} passed, ${String(failed)} failed${skipped > 0 ? `, ${String(skipped)} skipped` : ""}\n`;
    // At exit, because the other reporters print their summaries after this call.
    process.once("exit", () => writeSync(1, line));
  }
}
