// What lowering for the CPU makes of steps over the same rows: strip loops, loops with several results, chunks of long folds, and
// memory for no more than a strip. No kernel runs here. Read next: bindings/graph/strips.ts, join-maps.ts, slots.ts.
import { describe, expect, test } from "vitest";
import { createEngine } from "../../bindings/engine/default.ts";
import { CostModel } from "../../bindings/engine/dispatch/cost-model.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { makePlan } from "../../bindings/graph/plan.ts";
import type { LoweredSegment } from "../../bindings/graph/lower.ts";
import type { StripStep } from "../../bindings/graph/step.ts";
import * as ops from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";

const engine = createEngine({ webgpu: "off" });
const host = (...shape: readonly number[]): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return engine.fromArray(new Float32Array(size), shape, "f32");
};

interface Options {
  readonly workers?: number;
  readonly given?: readonly boolean[];
}

function segmentOf(results: readonly Tensor[], { workers = 1, given }: Options = {}): LoweredSegment {
  const captured = capture(results.map((result) => engine.valueOf(result, "test")));
  const device = { name: "wasm" as const, workers, refusesDType: () => undefined, hasKernel: () => true };
  const surroundings = { residence: captured.inputs.map(() => ["wasm" as const]), readBack: true };
  const plan = makePlan(
    captured,
    [device],
    new CostModel(),
    given === undefined ? surroundings : { ...surroundings, given },
  );
  const [segment] = plan.segments;
  if (segment === undefined) throw new Error("nothing to do");
  return segment;
}

const inScope = (body: () => void): void => engine.scopes.run("test", body);
const kinds = (segment: LoweredSegment): string[] =>
  segment.steps.map((step) => (step.kind === "reduce" ? (step.stage ?? "reduce") : step.kind));
const loopOf = (segment: LoweredSegment): StripStep => {
  const loop = segment.steps.find((step) => step.kind === "strips");
  if (loop === undefined) throw new Error("no strip loop");
  return loop;
};

describe("strip loops", () => {
  test("a large softmax is one, with memory for a strip", () => {
    inScope(() => {
      const segment = segmentOf([ops.softmax(host(1003, 1000))]);
      expect(kinds(segment)).toEqual(["strips"]);
      const { strips, steps, tail } = loopOf(segment);
      expect(steps.map(({ kind }) => kind)).toEqual(["reduce", "map", "reduce", "map", "map"]);
      const [first] = steps;
      const [last] = tail ?? [];
      if (first?.kind !== "reduce" || last?.kind !== "reduce") throw new Error("the maximum comes first");
      expect((strips - 1) * first.outer + last.outer).toBe(1003);
      expect(segment.buffers.length).toBe(1);
      expect(segment.buffers[0]).toBeLessThan(128 * 1024);
    });
  });

  test("every worker has a strip's memory of its own", () => {
    inScope(() => {
      const alone = segmentOf([ops.softmax(host(1000, 1000))]);
      const together = segmentOf([ops.softmax(host(1000, 1000))], { workers: 4 });
      const share = loopOf(together).steps[1];
      if (share?.kind !== "map") throw new Error("exponentials come second");
      expect(share.output.advance).toBe(0);
      expect((together.buffers[0] ?? 0) / 4).toBe((share.output.share ?? 0) * 4);
      expect(loopOf(together).strips).toBeGreaterThanOrEqual(16);
      expect(loopOf(alone).strips).toBeGreaterThan(1);
    });
  });

  test("small work and folds whose order matters stay apart; a single row is cut across", () => {
    inScope(() => {
      expect(kinds(segmentOf([ops.softmax(host(64, 10))]))).not.toContain("strips");
      expect(kinds(segmentOf([ops.softmax(host(1, 4_000_000))]))).toEqual(["reduce", "strips", "finish", "map", "map"]);
      const products = ops.prod(ops.add(host(1_000_000), 1));
      expect(kinds(segmentOf([products]))).toEqual(["map", "reduce"]);
    });
  });

  test("what all rows need is done before them", () => {
    inScope(() => {
      const x = host(1000, 1000);
      const shifted = ops.sub(x, ops.mean(x));
      const segment = segmentOf([ops.softmax(shifted)]);
      expect(kinds(segment)).toEqual(["reduce", "map", "strips"]);
    });
  });

  test("a long sum of something is made in chunks of fixed size, whoever makes them", () => {
    inScope(() => {
      for (const workers of [1, 2, 3]) {
        const segment = segmentOf([ops.sum(ops.square(host(1_000_001)))], { workers });
        expect(kinds(segment)).toEqual(["strips", "finish"]);
        const { steps } = loopOf(segment);
        const partial = steps[1];
        if (partial?.kind !== "reduce") throw new Error("the fold comes second");
        expect(partial.stage).toBe("partial");
        expect(partial.length % 4096).toBe(0);
      }
    });
  });

  test("a plain sum is one step alone and chunks among workers", () => {
    inScope(() => {
      expect(kinds(segmentOf([ops.sum(host(1_000_000))]))).toEqual(["reduce"]);
      expect(kinds(segmentOf([ops.sum(host(1_000_000))], { workers: 2 }))).toEqual(["strips", "finish"]);
      expect(kinds(segmentOf([ops.max(host(1_000_000))], { workers: 2 }))).toEqual(["strips", "reduce"]);
      expect(kinds(segmentOf([ops.sum(host(1000))], { workers: 2 }))).toEqual(["reduce"]);
    });
  });
});

describe("loops with several results", () => {
  test("an update of three tensors is one", () => {
    inScope(() => {
      const [p, m, v, g] = [host(5000), host(5000), host(5000), host(5000)];
      const nextM = ops.add(ops.mul(m, 0.9), g);
      const nextV = ops.add(ops.mul(v, 0.99), ops.square(g));
      const segment = segmentOf([ops.sub(p, ops.div(nextM, ops.sqrt(nextV))), nextM, nextV]);
      expect(kinds(segment)).toEqual(["map"]);
      const [step] = segment.steps;
      if (step?.kind !== "map") throw new Error("a map");
      expect(step.also?.length).toBe(2);
      expect(step.inputs.filter(({ strides }) => strides[0] === 1).length).toBe(4);
      expect(segment.buffers).toEqual([]);
    });
  });

  test("what two results share is computed once and not stored", () => {
    inScope(() => {
      const x = host(100, 90);
      const shared = ops.exp(ops.add(x, 1));
      const segment = segmentOf([ops.mul(shared, 2), ops.add(shared, host(90))]);
      expect(kinds(segment)).toEqual(["map"]);
      expect(segment.buffers).toEqual([]);
    });
  });

  test("an element that moves keeps two loops apart", () => {
    inScope(() => {
      const x = ops.exp(host(100, 100));
      expect(kinds(segmentOf([ops.add(x, 1), ops.mul(ops.transpose(x), 2)]))).toEqual(["map", "map"]);
    });
  });
});

describe("operands given away", () => {
  const over = (segment: LoweredSegment): (number | undefined)[] =>
    segment.slots.flatMap((slot) => (slot.kind === "output" ? [slot.over] : []));

  test("each serves one result, and only if it is given", () => {
    inScope(() => {
      const [p, g] = [host(5000), host(5000)];
      const results = [ops.add(p, g), ops.sub(p, g)];
      expect(over(segmentOf(results))).toEqual([undefined, undefined]);
      expect(over(segmentOf(results, { given: [true, true] })).sort()).toEqual([0, 1]);
      expect(over(segmentOf(results, { given: [true, false] })).filter((input) => input !== undefined)).toEqual([0]);
    });
  });

  test("inside of a strip loop a row may be overwritten once it has been read", () => {
    inScope(() => {
      expect(over(segmentOf([ops.softmax(host(1000, 1000))], { given: [true] }))).toEqual([0]);
      const near = host(1000, 1000);
      const squares = ops.sum(ops.square(near), { axis: 1, keepDims: true });
      const normed = segmentOf([ops.div(near, ops.sqrt(squares))], { given: [true] });
      expect(kinds(normed)).toEqual(["strips"]);
      expect(over(normed)).toContain(0);
    });
  });
});
