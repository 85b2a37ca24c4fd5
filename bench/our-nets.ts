// The nets of work/nets.ts in athanor: training steps under jit, whole nets for inference. Read next: ours.ts.
import { valueAndGrad } from "../bindings/autodiff/index.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { jit, tensorsOf } from "../bindings/engine/index.ts";
import { crossEntropy } from "../bindings/nn/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Rule, RuleState } from "../bindings/optim/index.ts";
import { adam, sgd } from "../bindings/optim/index.ts";
import type { Prepared } from "./contender.ts";
import type { Forward } from "./ours.ts";
import type { TrainingNet } from "./work/nets.ts";
import { layersOf, learningRates, recurrence } from "./work/nets.ts";
import type { InferenceTask, TrainingTask } from "./work/task.ts";

interface Carried {
  readonly values: readonly Tensor[];
  readonly state: RuleState;
  readonly loss: Tensor;
}

const ruleOf = (net: TrainingNet): Rule => (net === "mlp" ? adam() : sgd());

/** What the rule of a net carries beside the parameters. */
export const initialState = ({ net }: TrainingTask, values: readonly Tensor[]): RuleState =>
  ruleOf(net).initialState(values);

/** One step: the new parameters and state, and the loss before it. */
export function trainingStep({ net }: TrainingTask) {
  const rule = ruleOf(net);
  return (parameters: readonly Tensor[], state: RuleState, images: Tensor, classes: Tensor): Carried => {
    const lossOf = (current: readonly Tensor[]): Tensor => crossEntropy(nets[net](current, images), classes);
    const [loss, gradients] = valueAndGrad(lossOf)(parameters);
    const next = rule.update(parameters, gradients, state, learningRates[net]);
    return { values: tensorsOf(next.parameters), state: next.state, loss };
  };
}

export function training(task: TrainingTask, [x, y, ...values]: readonly Tensor[]): Prepared {
  const labels = y!.cast("i32");
  const compiled = jit(trainingStep(task), { donate: [0, 1] });
  let carried: Carried = { values, state: initialState(task, values), loss: tensor(0) };
  return {
    run: () => {
      carried.loss.dispose();
      carried = compiled(carried.values, carried.state, x!, labels);
    },
    result: () => carried.loss.data(),
    dispose: () => {
      compiled.dispose();
      for (const held of [x!, y!, labels, carried.loss, ...carried.values, ...tensorsOf(carried.state)]) held.dispose();
    },
  };
}

type Net = (parameters: readonly Tensor[], x: Tensor) => Tensor;

const dense = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => ops.matmul(x, weight).add(bias);

/** Batch norm by the statistics of the batch. */
function normalised(x: Tensor, scale: Tensor, shift: Tensor): Tensor {
  const centred = x.sub(x.mean({ axis: [0, 1, 2], keepDims: true }));
  const variance = centred.square().mean({ axis: [0, 1, 2], keepDims: true });
  return centred.div(variance.add(1e-5).sqrt()).mul(scale).add(shift);
}

const nets: Readonly<Record<TrainingNet, Net>> = {
  mlp: ([w1, b1, w2, b2], x) => dense(dense(x, w1!, b1!).relu(), w2!, b2!),
  lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3], x) => {
    const coarse = ops.maxPool2d(ops.conv2d(x, f1!, { padding: "same" }).add(c1!).relu(), { window: 2 });
    const fine = ops.maxPool2d(ops.conv2d(coarse, f2!).add(c2!).relu(), { window: 2 });
    const hidden = dense(dense(fine.flatten(1), w1!, b1!).relu(), w2!, b2!);
    return dense(hidden.relu(), w3!, b3!);
  },
  resblock: ([f1, g1, b1, f2, g2, b2, w, b], x) => {
    const middle = normalised(ops.conv2d(x, f1!, { padding: "same" }), g1!, b1!).relu();
    const y = normalised(ops.conv2d(middle, f2!, { padding: "same" }), g2!, b2!);
    return dense(ops.globalAveragePool2d(y.add(x).relu()), w!, b!);
  },
  lstm: ([wx, wh, bias, w, b], x) => {
    const { steps, hidden } = recurrence;
    const batch = x.shape[0]!;
    // What the inputs add to the gates, of all steps in one product.
    const driven = dense(x, wx!, bias!);
    let [h, c]: [Tensor | undefined, Tensor | undefined] = [undefined, undefined];
    for (let step = 0; step < steps; step++) {
      const inputs = driven.slice([0, step, 0], [batch, step + 1, 4 * hidden]).squeeze(1);
      const gates = h === undefined ? inputs : inputs.add(ops.matmul(h, wh!));
      const [input, forget, cell, output] = ops.split(gates, 4, { axis: 1 });
      const written = input!.sigmoid().mul(cell!.tanh());
      c = c === undefined ? written : forget!.sigmoid().mul(c).add(written);
      h = output!.sigmoid().mul(c.tanh());
    }
    return dense(h!, w!, b!);
  },
};

/** The logits of an image, layer by layer. */
export function inference({ net }: InferenceTask): Forward {
  return (image, ...parameters) => {
    const values = [image];
    let position = 0;
    const parameter = (): Tensor => parameters[position++]!;
    for (const layer of layersOf(net)) {
      const x = values[layer.of]!;
      switch (layer.kind) {
        case "conv": {
          const { inputs, window, stride, depthwise, plus, relu } = layer;
          const options = { stride, padding: Math.floor(window / 2), groups: depthwise ? inputs : 1 };
          const y = ops.conv2d(x, parameter(), options).add(parameter());
          const sum = plus === undefined ? y : y.add(values[plus]!);
          values.push(relu ? sum.relu() : sum);
          break;
        }
        case "maxPool":
          values.push(
            ops.maxPool2d(x, { window: layer.window, stride: layer.stride, padding: Math.floor(layer.window / 2) }),
          );
          break;
        case "mean":
          values.push(ops.globalAveragePool2d(x));
          break;
        case "dense":
          values.push(dense(x, parameter(), parameter()));
          break;
      }
    }
    return values.at(-1)!;
  };
}
