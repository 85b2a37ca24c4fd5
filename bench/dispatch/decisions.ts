// What placement decides about a piece of work on a machine that is known only by its profile. No kernel runs.
// Read next: machines.ts; ../work/work.ts for the work; ../../bindings/graph/place.ts for the deciding.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { methodOf as methodOnCpu } from "../../bindings/backends/wasm/method.ts";
import type { GPULimits } from "../../bindings/backends/webgpu/device/description.ts";
import type { Find } from "../../bindings/backends/webgpu/kernels/fold-method.ts";
import { foldMethod } from "../../bindings/backends/webgpu/kernels/fold-method.ts";
import { methodOf as methodOnGpu } from "../../bindings/backends/webgpu/kernels/method.ts";
import type { DType } from "../../bindings/core/dtype.ts";
import { CostModel } from "../../bindings/engine/dispatch/cost-model.ts";
import { createEngine, tensorsOf, useEngine } from "../../bindings/engine/index.ts";
import type { Profile } from "../../bindings/engine/dispatch/profile.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { Value } from "../../bindings/graph/node.ts";
import type { Surroundings } from "../../bindings/graph/place.ts";
import type { Plan, PlannedDevice } from "../../bindings/graph/plan.ts";
import { makePlan } from "../../bindings/graph/plan.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";
import { initialState, trainingStep } from "../our-nets.ts";
import { forward } from "../ours.ts";
import { inputShapes } from "../work/operands.ts";
import type { Task } from "../work/task.ts";

/**
 * How the work stands in a program. once: operands come from the host and the host reads the result. read: operands stay the
 * same and the host reads the result. resident: it stays where it is made. A training step is always the latter: its state goes
 * from step to step.
 */
export type Setting = "once" | "read" | "resident";

export interface Decision {
  readonly device: DeviceName | "both";
  /** Microseconds. */
  readonly predicted: number;
  readonly alone: Plan["alone"];
  readonly kernels: readonly { readonly op: string; readonly device: DeviceName; readonly reason: string }[];
}

/** What a usual GPU allows; matrices of subgroups are not in use. */
const usual: GPULimits = {
  ...{ maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31, maxStorageBuffers: 10, uniformAlignment: 256 },
  ...{ maxWorkgroupsPerDimension: 65535, maxWorkgroupStorage: 32768, matrices: [] },
  ...{ minSubgroupSize: 32, maxSubgroupSize: 32 },
};

/** No variant was measured: each is by its rule. */
const find: Find = (family, _, shape) => family.byRule(shape, usual);

/** A device that has every kernel, and does its work by the methods of ours. */
export const planned = (name: DeviceName): PlannedDevice => ({
  name,
  workers: 1,
  refusesDType: (dtype) => (name === "webgpu" && dtype === "f64" ? "f64 is not on webgpu" : undefined),
  hasKernel: () => true,
  ...(name === "wasm"
    ? { methodOf: methodOnCpu }
    : {
        methodOf: (call) => methodOnGpu(call, usual, find),
        methodOfFold: (fold) => foldMethod(fold, usual, find),
        bytesOf: (dtype) => (dtype === "f16" ? 2 : 4),
      }),
});

/** A graph recorded with operands that are not there, and what is known of them. */
interface Recorded {
  readonly results: readonly Tensor[];
  readonly operands: readonly Value[];
  readonly surroundings: Omit<Surroundings, "residence">;
}

/** Decides about a task. */
export const decide = (task: Task, profile: Profile, setting: Setting, devices?: readonly PlannedDevice[]): Decision =>
  decideGraph(
    profile,
    (operand) => {
      const inputs = inputShapes(task).map((shape) =>
        operand(shape, task.op === "matmul" && task.dtype === "f64" ? "f64" : "f32"),
      );
      if (task.op === "infer") throw new RangeError("whole nets are measured, not decided upon here");
      if (task.op !== "train") return tensorsOf(forward(task)(...(inputs as [Tensor, Tensor, Tensor])));
      const [images, , ...values] = inputs;
      const classes = operand(inputShapes(task)[1] ?? [], "i32");
      const next = trainingStep(task)(values, initialState(task, values), images!, classes);
      return { carried: values, results: [...next.values, next.loss, ...tensorsOf(next.state)] };
    },
    setting,
    devices,
  );

type MakeOperand = (shape: readonly number[], dtype: DType) => Tensor;
type Recording = readonly Tensor[] | { readonly carried: readonly Tensor[]; readonly results: readonly Tensor[] };

/**
 * Decides about what `record` computes from operands. Results that are carried take the place of the tensors in `carried`.
 * Devices are ones that have every kernel unless others are given.
 */
export function decideGraph(
  profile: Profile,
  record: (operand: MakeOperand) => Recording,
  setting: Setting,
  devices: readonly PlannedDevice[] = (Object.keys(profile.devices) as DeviceName[]).map(planned),
): Decision {
  const costs = new CostModel();
  costs.adopt(profile, "imported");
  const engine = createEngine({ webgpu: "off", tune: "off" });
  const before = useEngine(engine);
  try {
    return engine.scopes.run("decide", () => {
      const operands: Value[] = [];
      const recording = record((shape, dtype) => {
        const value = new Value(shape, dtype, undefined);
        operands.push(value);
        return engine.handle(value);
      });
      const { results, carried } = "results" in recording ? recording : { results: recording, carried: [] };
      return explained(planOf({ results, operands, surroundings: { readBack: setting !== "resident" } }, carried));
    });
  } finally {
    useEngine(before);
  }

  function planOf({ results, operands, surroundings }: Recorded, carried: readonly Tensor[]): Plan {
    const captured = capture(
      results.map((tensor) => engine.valueOf(tensor, "decide")),
      { placeholders: new Set(operands), rootsOnly: true },
    );
    const states = carried.map((tensor) => engine.valueOf(tensor, "decide"));
    return makePlan(captured, devices, costs, {
      ...surroundings,
      residence: captured.inputs.map(() => ["host"]),
      ...(setting === "once" ? {} : { lasting: captured.inputs.map((value) => !states.includes(value)) }),
      carried: new Map(
        captured.inputs.flatMap((value, input) =>
          states.includes(value) ? [[input, states.indexOf(value)] as const] : [],
        ),
      ),
    });
  }
}

function explained({ fused, placements, predicted, alone }: Plan): Decision {
  const devices = new Set(placements.map(({ device }) => device));
  const [device = "wasm"] = devices;
  return {
    device: devices.size > 1 ? "both" : device,
    predicted,
    alone,
    kernels: placements.map((placement, index) => ({
      op: fused.groups[index]?.label ?? "",
      device: placement.device,
      reason: placement.reason,
    })),
  };
}
