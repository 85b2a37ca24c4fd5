// The page that the browser project runs: first what the machine offers, then the checks of the engine.
// Each check becomes one Vitest test of the same name. Add checks by importing a function that calls `check`.
// Read next: report.ts, machine.ts.
import { checkMachine } from "./machine.ts";
import { page } from "./report.ts";

await page(async () => {
  await checkMachine();
});
