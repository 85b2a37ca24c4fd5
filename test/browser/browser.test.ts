// Turns every row that the page posts into a test of its own. The page runs while Vitest collects, because the names of
// its rows are known only then; a page that fails to run fails the collection of this file.
// Read next: entry.ts for what is checked, run.ts for how.
import { expect, test } from "vitest";
import { runInBrowser } from "./run.ts";

const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const rows = [
  ...(await runInBrowser("test/browser/entry.ts")),
  ...(await runInBrowser("test/browser/plain.ts", { isolated: false, policy })),
  ...(await runInBrowser("test/browser/guarded.ts", { policy })),
];

for (const { name, error } of rows) {
  test(name, () => {
    expect(error, error).toBeUndefined();
  });
}
