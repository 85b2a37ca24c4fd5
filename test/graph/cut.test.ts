// The cheapest placement against all placements there are, on random graphs of up to twelve groups and for several kinds of
// GPU; and the network behind it on cuts known by hand. No kernel runs. Read next: bindings/graph/cheapest.ts, cut.ts.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contiguous } from "../../bindings/core/layout.ts";
import { input } from "../../bindings/expr/expression.ts";
import { Network } from "../../bindings/graph/cut.ts";
import type { Buffer, Fused, Group } from "../../bindings/graph/group.ts";
import type { DeviceName } from "../../bindings/graph/node.ts";
import type { Outlook, Predict } from "../../bindings/graph/cheapest.ts";
import { cheapestPlacement, predictedTime } from "../../bindings/graph/cheapest.ts";
import type { Costs, Surroundings } from "../../bindings/graph/place.ts";

describe("a network", () => {
  test("is cut where that is cheapest", () => {
    const network = new Network();
    const [a, b] = [network.add(), network.add()];
    network.connect(Network.source, a, 5);
    network.connect(a, b, 1);
    network.connect(b, Network.sink, 7);
    expect(network.cut()).toEqual([true, false, true, false]);
  });

  test("leaves on the source's side what costs the same on both", () => {
    const network = new Network();
    const a = network.add();
    network.connect(Network.source, a, 3);
    network.connect(a, Network.sink, 3);
    expect(network.cut()[a]).toBe(true);
  });
});

interface Machine {
  readonly name: string;
  /** Microseconds for a transfer's start, and for each unit of size. */
  readonly latency: number;
  readonly perUnit: number;
}

const machines: readonly Machine[] = [
  { name: "a discrete GPU", latency: 60, perUnit: 0.5 },
  { name: "an integrated GPU", latency: 15, perUnit: 0.02 },
  { name: "a software GPU", latency: 100, perUnit: 0.1 },
];

interface Sketch {
  readonly reads: readonly number[];
  readonly size: number;
  readonly cpu: number;
  readonly gpu: number;
  readonly pinned: number;
}

const sketch: fc.Arbitrary<Sketch> = fc.record({
  reads: fc.array(fc.nat(15), { minLength: 1, maxLength: 3 }),
  size: fc.integer({ min: 1, max: 400 }),
  cpu: fc.integer({ min: 1, max: 500 }),
  gpu: fc.integer({ min: 1, max: 200 }),
  pinned: fc.nat(11),
});

/** Groups that read three inputs and each other. */
function graphOf(sketches: readonly Sketch[]): Fused {
  const buffers: Buffer[] = [0, 1, 2].map((index) => ({ dtype: "f32", size: 100, input: index, scalar: undefined }));
  const groups = sketches.map(({ reads, size }): Group => {
    const known = buffers.length;
    const output = buffers.push({ dtype: "f32", size, input: undefined, scalar: undefined }) - 1;
    const operands = reads.map((read) => ({ buffer: read % known, layout: contiguous([size]) }));
    const tile = { shape: [size], expression: input(0, "f32"), operands, label: "" };
    return { kind: "map", label: "", device: undefined, outputs: [output], tile };
  });
  const last = buffers.length - 1;
  return { buffers, groups, results: [last, Math.max(3, last - 2)] };
}

describe("the cheapest placement", () => {
  test.each(machines)("$name: within 5 % of the best of all placements", ({ latency, perUnit }) => {
    const costs: Costs = {
      compute: () => 0,
      transfer: (from, to, bytes) => {
        if (from === to) return 0;
        const isFar = from === "webgpu" || to === "webgpu";
        return isFar ? latency + (perUnit * bytes) / 4 : 0.3;
      },
    };
    // Read once by the host; in a loop, where the first input is the last result of the turn before; and with a lasting input.
    const residence: Surroundings["residence"] = [["host"], ["webgpu"], ["wasm"]];
    const once: Surroundings = { residence, readBack: true };
    const loop: Surroundings = { residence, readBack: false, carried: new Map([[0, 0]]) };
    const lasting: Surroundings = { residence, readBack: true, lasting: [true, true, false] };
    fc.assert(
      fc.property(fc.array(sketch, { minLength: 1, maxLength: 12 }), fc.nat(2), (sketches, kind) => {
        const surroundings = [once, loop, lasting][kind] ?? once;
        const fused = graphOf(sketches);
        const predict: Predict = (index, device) => sketches[index]?.[device === "wasm" ? "cpu" : "gpu"] ?? 0;
        const outlook: Outlook = { predict, moved: (buffer) => 4 * (fused.buffers[buffer]?.size ?? 0) };
        const forced = sketches.map(({ pinned }) =>
          pinned === 0 ? { device: "wasm" as const } : pinned === 1 ? { device: "webgpu" as const } : undefined,
        );
        const time = (choice: readonly DeviceName[]): number =>
          predictedTime(fused, choice, outlook, costs, surroundings);
        let best = Number.POSITIVE_INFINITY;
        for (let bits = 0; bits < 2 ** sketches.length; bits++) {
          const choice = sketches.map((_, index): DeviceName => (((bits >> index) & 1) === 1 ? "webgpu" : "wasm"));
          if (choice.every((device, index) => (forced[index]?.device ?? device) === device))
            best = Math.min(best, time(choice));
        }
        const found = cheapestPlacement(fused, forced, outlook, costs, surroundings);
        for (const [index, choice] of forced.entries())
          if (choice !== undefined) expect(found[index]).toBe(choice.device);
        expect(time(found)).toBeLessThanOrEqual(best * 1.05);
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});
