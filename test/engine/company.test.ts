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

/** Microseconds that so many runs take, of which each is told its number, whether it is together, and how long it has been so. */
function spent(
  company: Company,
  count: number,
  timeOf: (run: number, isTogether: boolean, since: number) => number,
): number {
  let [total, since] = [0, 0];
  for (let run = 0; run < count; run++) {
    const { isTogether } = company;
    since = isTogether ? since + 1 : 0;
    const time = timeOf(run, isTogether, since);
    total += time;
    company.ran(time, isTogether ? { held: 500, late: 1 } : undefined);
  }
  return total;
}

/** Numbers in [0, 1) that are the same in each test. */
function draws(): () => number {
  let state = 1;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
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

test("where threads are slower always, trying them costs a few percent of one thread's time", () => {
  for (const alone of [50, 1000, 20_000])
    for (const slower of [1.05, 1.5, 20]) {
      const company = new Company();
      const timeOf = (_: number, isTogether: boolean): number => alone * (isTogether ? slower : 1);
      // What the first runs lost is lost once.
      spent(company, 50, timeOf);
      const total = spent(company, 5000, timeOf);
      expect(total / (5000 * alone), `${String(alone)} µs, ${String(slower)} times`).toBeLessThan(1.05);
    }
});

test("where they are faster always, nearly all that can be gained is", () => {
  for (const alone of [80, 600, 20_000]) {
    // Waking takes longer than a short program.
    const timeOf = (_: number, isTogether: boolean, since: number): number =>
      isTogether ? 0.6 * alone + (since === 1 ? 250 : 0) : alone;
    const total = spent(new Company(), 5000, timeOf);
    expect(total / (5000 * 0.6 * alone), `${String(alone)} µs`).toBeLessThan(1.02);
  }
});

test("runs that something interrupts now and then do not end company for long", () => {
  const draw = draws();
  // An interruption takes a scheduler's turn: as long as twenty runs.
  const noisy = (time: number): number => time * (0.9 + 0.3 * draw()) + (draw() < 0.01 ? 8000 : 0);
  const company = new Company();
  let together = 0;
  spent(company, 3000, (_, isTogether) => {
    if (isTogether) together++;
    return noisy(isTogether ? 380 : 600);
  });
  expect(together / 3000).toBeGreaterThan(0.85);
});

test("a process that comes and goes costs little more than one thread, and company comes back", () => {
  // Half a second calm, half a second beside a process that takes a core: both in turns, by what has been spent.
  const company = new Company();
  let [now, together, calm] = [0, 0, 0];
  for (let run = 0; run < 8000; run++) {
    const { isTogether } = company;
    const isCalm = Math.floor(now / 500_000) % 2 === 0;
    const time = isTogether ? (isCalm ? 400 : 9000) : 600;
    if (isCalm) {
      calm++;
      if (isTogether) together++;
    }
    now += time;
    company.ran(time, isTogether ? dense : undefined);
  }
  expect(together / calm).toBeGreaterThan(0.75);
  expect(now / 8000).toBeLessThan(600);
});

test("a machine that slows down as a whole does not part the threads", () => {
  const company = new Company();
  runs(company, 1000, { together: 400, alone: 600 }, dense);
  expect(runs(company, 1000, { together: 800, alone: 1200 }, dense)).toBeGreaterThan(900);
});
