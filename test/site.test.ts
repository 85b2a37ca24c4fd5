// The benchmark page's arithmetic, which needs no browser: marks of axes, the crossover, packed digits, centred drawings, turns.
// The page itself is visited in browser/site.test.ts. Read next: ../site/README.md.
import { describe, expect, test } from "vitest";
import { crossover } from "../site/charts/crossover.ts";
import { decades, labelled } from "../site/charts/decades.ts";
import { edge, packDigits, pixelsOf, unpackDigits } from "../site/digits.ts";
import { centred } from "../site/drawing/centring.ts";
import type { Lane } from "../site/lanes.ts";
import { digits, showCount, showDuration } from "../site/numbers.ts";
import type { Contestant } from "../site/work/contest.ts";
import { clockOf, Contest } from "../site/work/contest.ts";

describe("marks of a logarithmic axis", () => {
  test("lie between the ends", () => {
    expect(decades(0.25, 4)).toEqual([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4]);
    expect(decades(3e-4, 1.5e-3)).toEqual([0.0003, 0.0004, 0.0005, 0.0006, 0.0007, 0.0008, 0.0009, 0.001]);
  });

  test("are labelled at powers of ten, and more where those are few", () => {
    const shown = (least: number, largest: number): number[] =>
      labelled(decades(least, largest)).filter((mark) => mark !== null);
    expect(shown(0.5, 200)).toEqual([1, 10, 100]);
    expect(shown(3, 30)).toEqual([5, 10, 20]);
    expect(shown(6, 9)).toEqual([6, 7, 8, 9]);
  });
});

describe("the crossover", () => {
  const pair = (size: number, cpu: number | undefined, gpu: number | undefined) => ({ size, cpu, gpu });

  test("lies where the lines meet on logarithmic axes", () => {
    // CPU n³, GPU 64·n²: equal at 64.
    const pairs = [16, 256].map((n) => pair(n, n ** 3, 64 * n ** 2));
    expect(crossover(pairs)).toBeCloseTo(64, 9);
  });

  test("is the last one where they meet more than once", () => {
    const found = crossover([pair(1, 1, 2), pair(2, 2, 1), pair(4, 1, 4), pair(16, 4, 1)]) ?? 0;
    expect(found).toBeGreaterThan(4);
    expect(found).toBeCloseTo(8, 9);
  });

  test("is nowhere where the CPU stays ahead, and the first size where the GPU always is", () => {
    expect(crossover([pair(8, 1, 2), pair(16, 1, 2)])).toBe(Infinity);
    expect(crossover([pair(8, 2, 1), pair(16, 2, 1)])).toBe(8);
    expect(crossover([pair(8, 2, undefined), pair(16, undefined, 1)])).toBeUndefined();
  });
});

describe("a contest", () => {
  /** A worker whose turns do one step in `milliseconds`; `fails` says in which turn it cannot. */
  function contestant(order: string[], title: string, milliseconds: number, fails?: number): Contestant {
    const lane: Lane = { key: "single", title, device: "wasm", options: {} };
    const steps = 6;
    let turns = 0;
    const call = (name: string): Promise<unknown> => {
      if (name === "examine") return Promise.resolve(0.5);
      order.push(title);
      turns += 1;
      if (turns === fails) return Promise.reject(new Error("the device was lost"));
      return Promise.resolve({ losses: [1 / turns], milliseconds, done: turns === steps });
    };
    const worker = { call, end: () => undefined } as Contestant["worker"];
    const start = { losses: [], seconds: [], accuracy: undefined, isDone: false, failure: undefined };
    return { lane, worker, steps, ...start };
  }

  test("gives the next turn to whoever has computed least", async () => {
    const order: string[] = [];
    const contest = new Contest([contestant(order, "fast", 125), contestant(order, "slow", 375)]);
    await contest.run(() => undefined);
    expect(order.slice(0, 8).join(" ")).toBe("fast slow fast fast fast slow fast fast");
    expect(contest.contestants.map(({ losses, accuracy }) => [losses.length, accuracy])).toEqual([
      [6, 0.5],
      [6, 0.5],
    ]);
    expect(contest.contestants.map(clockOf)).toEqual([0.75, 2.25]);
  });

  test("pauses after a turn and goes on where it was", async () => {
    const order: string[] = [];
    const contest = new Contest([contestant(order, "only", 100)]);
    await contest.run(() => contest.pause());
    expect([order.length, contest.isDone]).toEqual([1, false]);
    await contest.run(() => undefined);
    expect([order.length, contest.isDone]).toEqual([6, true]);
  });

  test("goes on without one whose device fails, and says why", async () => {
    const order: string[] = [];
    const contest = new Contest([contestant(order, "lost", 100, 3), contestant(order, "other", 100)]);
    await contest.run(() => undefined);
    expect(contest.contestants.map(({ isDone, failure }) => [isDone, failure])).toEqual([
      [false, "the device was lost"],
      [true, undefined],
    ]);
  });
});

describe("digits", () => {
  const some = (count: number, first: number) => ({
    labels: Uint8Array.from({ length: count }, (_, index) => first + index),
    pixels: Uint8Array.from({ length: count * edge * edge }, (_, index) => (first * 7 + index) % 251),
  });

  test("come out as they were packed", () => {
    const sets = { training: some(3, 1), test: some(2, 5) };
    expect(unpackDigits(packDigits(sets))).toEqual(sets);
    expect(pixelsOf(sets.test, 1)).toEqual(sets.test.pixels.slice(edge * edge));
  });

  test("that are cut short are refused", () => {
    const file = packDigits({ training: some(3, 1), test: some(2, 5) });
    expect(() => unpackDigits(file.subarray(0, file.length - 1))).toThrow("digits: expected 3933 bytes, got 3932");
    expect(() => unpackDigits(new Uint8Array(3))).toThrow(RangeError);
  });
});

describe("a drawing", () => {
  const size = 280;
  const drawn = (left: number, top: number, width: number, height: number): Uint8Array => {
    const ink = new Uint8Array(size * size);
    for (let row = top; row < top + height; row++) ink.fill(255, row * size + left, row * size + left + width);
    return ink;
  };

  test("is 20 pixels long and centred, wherever and however large it was", () => {
    const small = centred(drawn(10, 30, 10, 40), size);
    expect(small).toEqual(centred(drawn(100, 60, 40, 160), size));
    const rows = Array.from({ length: edge }, (_, row) => small?.[row * edge + 14] ?? 0);
    expect(rows.filter((value) => value > 128)).toHaveLength(20);
    expect(rows[3]).toBe(0);
    expect(rows[4]).toBe(255);
  });

  test("that is empty is none", () => {
    expect(centred(new Uint8Array(size * size), size)).toBeUndefined();
  });

  test("keeps its ink", () => {
    // A square of 20 × 20: all of it white.
    const sum = centred(drawn(50, 50, 100, 100), size)?.reduce((total, value) => total + value, 0);
    expect(sum).toBeCloseTo(255 * 20 * 20, -2);
  });
});

test("numbers are three digits with a unit", () => {
  expect([0.0123456, 0.9999, 12.345, 1234.5].map(showDuration)).toEqual(["12.3 µs", "1 ms", "12.3 ms", "1.23 s"]);
  expect([0.00123456, 1.5, 12345].map(digits)).toEqual(["0.00123", "1.5", "12,300"]);
  expect([showCount(1, "thread"), showCount(1200, "thread")]).toEqual(["1 thread", "1,200 threads"]);
});
