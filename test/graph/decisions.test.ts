// What is decided on machines that are made up: with an integrated GPU, a discrete one, a software one, and none. And, for small
// graphs on each of them, the decision against all placements there are. No kernel runs.
// Read next: bench/dispatch/machines.ts; bindings/graph/place.ts.
import { describe, expect, test } from "vitest";
import type { Setting } from "../../bench/dispatch/decisions.ts";
import { decide, decideGraph } from "../../bench/dispatch/decisions.ts";
import type { MachineName } from "../../bench/dispatch/machines.ts";
import { machines } from "../../bench/dispatch/machines.ts";
import { works } from "../../bench/work/work.ts";
import { parseProfile } from "../../bindings/engine/dispatch/profile.ts";
import { hysteresis } from "../../bindings/graph/place.ts";
import * as ops from "../../bindings/ops/index.ts";

const deviceOf = (machine: MachineName, name: string, setting: Setting): string => {
  const work = works.find((other) => other.name === name);
  if (work === undefined) throw new Error(`no work is called ${name}`);
  return decide(work.task, machines[machine], setting).device;
};

test("the made-up machines are profiles", () => {
  for (const machine of Object.values(machines)) expect(parseProfile("test", JSON.stringify(machine))).toEqual(machine);
});

describe("decisions", () => {
  // name, setting, then the device on a machine with an integrated, a discrete, a software GPU, and without one.
  test.each([
    ["matmul/32", "once", "wasm", "wasm", "wasm", "wasm"],
    ["matmul/32", "resident", "wasm", "wasm", "wasm", "wasm"],
    ["matmul/256", "once", "webgpu", "wasm", "wasm", "wasm"],
    ["matmul/256", "resident", "webgpu", "webgpu", "wasm", "wasm"],
    ["matmul/1024", "once", "webgpu", "webgpu", "wasm", "wasm"],
    ["matmul/1024", "resident", "webgpu", "webgpu", "wasm", "wasm"],
    ["matmul/512-f64", "resident", "wasm", "wasm", "wasm", "wasm"],
    ["conv/1x28x28x1-6-5x5", "once", "wasm", "wasm", "wasm", "wasm"],
    ["conv/1x56x56x64-64-3x3", "once", "webgpu", "webgpu", "wasm", "wasm"],
    ["map/add-1M", "once", "wasm", "wasm", "wasm", "wasm"],
    ["map/add-1M", "resident", "webgpu", "webgpu", "wasm", "wasm"],
    ["sum/1M", "once", "wasm", "wasm", "wasm", "wasm"],
    ["linalg/eigh-512", "resident", "wasm", "wasm", "wasm", "wasm"],
    ["train/mlp-64", "resident", "wasm", "webgpu", "wasm", "wasm"],
    ["train/resblock-4", "resident", "webgpu", "webgpu", "wasm", "wasm"],
  ] as const)("%s, %s", (name, setting, ...expected) => {
    const found = (["integrated", "discrete", "software", "none"] as const).map((machine) =>
      deviceOf(machine, name, setting),
    );
    expect(found).toEqual(expected);
  });

  test("no decision is predicted to be slower than the better device alone by more than hysteresis gives away", () => {
    for (const machine of ["integrated", "discrete", "software"] as const) {
      for (const { task, name } of works) {
        if (task.op === "infer" || (task.op === "matmul" && task.dtype === "int8")) continue;
        for (const setting of ["once", "resident"] as const) {
          const { predicted, alone } = decide(task, machines[machine], setting);
          const { wasm = predicted, webgpu = predicted } = alone;
          const allowed = Math.max(
            Math.min(wasm, webgpu) / hysteresis.factor,
            Math.min(wasm, webgpu) + hysteresis.microseconds,
          );
          expect(predicted, `${name} ${setting} ${machine}`).toBeLessThanOrEqual(1.0001 * allowed);
        }
      }
    }
  });

  test("a reason says what it takes here and there, transfers included", () => {
    const work = works.find(({ name }) => name === "matmul/32");
    const [kernel] = decide(work!.task, machines.discrete, "once").kernels;
    expect(kernel?.reason).toMatch(/^[\d.]+ µs here against [\d.]+ µs \+ \d+ µs transfer there \(webgpu\)$/);
    const none = decide(work!.task, machines.none, "once").kernels;
    expect(none.map(({ reason }) => reason)).toEqual(["no GPU in use"]);
  });

  test("a plan is cut in two where a device cannot do a part of it", () => {
    const decision = decideGraph(
      machines.discrete,
      (operand) => {
        const product = ops.matmul(operand([1024, 1024], "f32"), operand([1024, 1024], "f32"));
        return [ops.eigh(product).values];
      },
      "once",
    );
    expect(decision.device).toBe("both");
    expect(decision.kernels.map(({ device }) => device)).toEqual(["webgpu", "wasm"]);
    expect(decision.kernels[1]?.reason).toContain("eigh on webgpu takes matrices up to 32 by 32");
  });
});

describe("a loop", () => {
  /** A step that multiplies a state by a matrix: worth the GPU if the state stays there, not if it is moved every time. */
  const step = (machine: MachineName, isLoop: boolean): string =>
    decideGraph(
      machines[machine],
      (operand) => {
        const [state, matrix] = [operand([200, 200], "f32"), operand([200, 200], "f32")];
        const results = [ops.matmul(state, matrix)];
        return isLoop ? { carried: [state], results } : results;
      },
      isLoop ? "resident" : "once",
    ).device;

  test("is placed as one: its state is not moved in every turn", () => {
    expect([step("discrete", true), step("discrete", false)]).toEqual(["webgpu", "wasm"]);
    expect([step("integrated", true), step("integrated", false)]).toEqual(["webgpu", "wasm"]);
    expect(step("software", true)).toBe("wasm");
  });

  test("does not cross between devices for a little gain", () => {
    // The second part is faster on the CPU, but by less than going there and back costs.
    const decision = decideGraph(
      machines.discrete,
      (operand) => {
        const [state, small] = [operand([1024, 1024], "f32"), operand([4, 4], "f32")];
        const next = ops.matmul(state, state);
        const tiny = ops.matmul(small, ops.slice(next, [0, 0], [4, 4]));
        return { carried: [state, small], results: [next, tiny] };
      },
      "resident",
    );
    expect(decision.device).toBe("webgpu");
  });
});
