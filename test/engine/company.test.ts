// Whether threads pay is decided by what runs took. No clock and no thread here: times are made up.
// Read next: ../../bindings/backends/wasm/company.ts; threads.test.ts for results, which do not depend on it.
import { expect, test } from "vitest";
import type { Meetings } from "../../bindings/backends/wasm/company.ts";
import { Company } from "../../bindings/backends/wasm/company.ts";

/** How many of so many runs were on all threads, on a machine where runs take this long each way. */
function runs(company: Company, count: number, times: { together: number; alone: number }, meetings: Meetings): number {
  let together = 0;
  for (let run = 0; run < count; run++) {
    const { isTogether } = company;
    if (isTogether) together++;
    company.ran(isTogether ? times.together : times.alone, isTogether ? meetings : undefined);
  }
  return together;
}

const dense: Meetings = { held: 500, late: 0 };

test("a program whose threads hardly meet runs on all of them, always", () => {
  expect(runs(new Company(), 1000, { together: 5000, alone: 10 }, { held: 20, late: 0 })).toBe(1000);
});

test("where threads meet often and are faster, one thread is tried less and less often", () => {
  const company = new Company();
  const first = runs(company, 100, { together: 1000, alone: 1500 }, dense);
  const later = runs(company, 1000, { together: 1000, alone: 1500 }, dense);
  expect(first).toBeGreaterThanOrEqual(85);
  expect(later).toBeGreaterThanOrEqual(985);
});

test("where they are slower, one thread works, and they are tried again", () => {
  const company = new Company();
  const together = runs(company, 1000, { together: 1500, alone: 1000 }, dense);
  expect(together).toBeGreaterThan(5);
  expect(together).toBeLessThan(40);
});

test("a process that takes a core is noticed within a few runs, and so is its end", () => {
  const company = new Company();
  const calm = { together: 1000, alone: 1600 };
  const busy = { together: 9000, alone: 1700 };
  runs(company, 300, calm, dense);
  const disturbed = runs(company, 60, busy, { held: 500, late: 9 });
  expect(disturbed).toBeLessThan(15);
  const again = runs(company, 300, calm, dense);
  expect(again).toBeGreaterThan(200);
});

test("threads that had to wait for each other are compared even where they meet rarely", () => {
  expect(runs(new Company(), 200, { together: 9000, alone: 1000 }, { held: 10, late: 5 })).toBeLessThan(30);
});
