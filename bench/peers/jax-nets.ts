// The training steps of work/nets.ts in jax-js, channels first, with Adam and gradient descent by hand. Read next: jax.ts.
import type { Array as JaxArray } from "@jax-js/jax";
import type { Prepared } from "../contender.ts";
import type { TrainingNet } from "../work/nets.ts";
import { learningRates, recurrence } from "../work/nets.ts";
import { inputShapes } from "../work/operands.ts";
import type { TrainingTask } from "../work/task.ts";
import { channelsFirst, outputsFirst, permuted, reordered } from "./layout.ts";

type Jax = typeof import("@jax-js/jax");

/** Prepares training steps under jit; the module is given because it is loaded late. */
export function trainer(jax: Jax): (task: TrainingTask, inputs: readonly Float32Array[]) => Prepared {
  const { lax, nn, numpy: np, tree } = jax;
  const array = (data: Float32Array, shape: readonly number[]): JaxArray =>
    np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
  const dense = (x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray => np.matmul(x, weight).add(bias);
  const convolved = (x: JaxArray, filter: JaxArray, bias: JaxArray, padding: "SAME" | "VALID"): JaxArray => {
    const y = lax.convGeneralDilated(x, filter, [1, 1], padding).add(np.reshape(bias, [1, -1, 1, 1]));
    return lax.reduceWindow(nn.relu(y), (values) => np.max(values), [2, 2], [2, 2]);
  };
  /** Batch norm by the statistics of the batch. */
  const normalised = (x: JaxArray, scale: JaxArray, shift: JaxArray): JaxArray => {
    const centred = x.ref.sub(np.mean(x, [0, 2, 3], { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
    const normal = centred.div(np.sqrt(variance.add(1e-5)));
    return normal.mul(np.reshape(scale, [1, -1, 1, 1])).add(np.reshape(shift, [1, -1, 1, 1]));
  };
  const nets: Readonly<Record<TrainingNet, (parameters: JaxArray[], x: JaxArray) => JaxArray>> = {
    mlp: ([w1, b1, w2, b2], x) => dense(nn.relu(dense(x, w1!, b1!)), w2!, b2!),
    lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3], x) => {
      const fine = convolved(convolved(x, f1!, c1!, "SAME"), f2!, c2!, "VALID");
      const hidden = nn.relu(dense(np.reshape(fine, [-1, 400]), w1!, b1!));
      return dense(nn.relu(dense(hidden, w2!, b2!)), w3!, b3!);
    },
    resblock: ([f1, g1, b1, f2, g2, b2, w, b], x) => {
      const same = (y: JaxArray, filter: JaxArray): JaxArray => lax.convGeneralDilated(y, filter, [1, 1], "SAME");
      const middle = nn.relu(normalised(same(x.ref, f1!), g1!, b1!));
      const y = normalised(same(middle, f2!), g2!, b2!);
      return dense(np.mean(nn.relu(y.add(x)), [2, 3]), w!, b!);
    },
    lstm: ([wx, wh, bias, w, b], x) => {
      const { steps, inputs, hidden } = recurrence;
      const batch = x.shape[0]!;
      const rows = dense(np.reshape(x, [batch * steps, inputs]), wx!, bias!);
      const driven = np.reshape(rows, [batch, steps, 4 * hidden]);
      let [h, c]: [JaxArray | undefined, JaxArray | undefined] = [undefined, undefined];
      for (let step = 0; step < steps; step++) {
        const own = driven.ref.slice([], step, []);
        const gates = h === undefined ? own : own.add(np.matmul(h, wh!.ref));
        const gate = (index: number): JaxArray => gates.ref.slice([], [index * hidden, (index + 1) * hidden]);
        const written = nn.sigmoid(gate(0)).mul(np.tanh(gate(2)));
        c = c === undefined ? written : nn.sigmoid(gate(1)).mul(c).add(written);
        h = nn.sigmoid(gate(3)).mul(np.tanh(c.ref));
        gates.dispose();
      }
      for (const used of [driven, wh!, c!]) used.dispose();
      return dense(h!, w!, b!);
    },
  };

  interface Carried extends Record<string, JaxArray[]> {
    readonly values: JaxArray[];
    /** Adam's means of gradients and of their squares; empty for SGD. */
    readonly means: JaxArray[];
    readonly squares: JaxArray[];
    readonly loss: JaxArray[];
  }

  return training;

  function training({ net, batch }: TrainingTask, inputs: readonly Float32Array[]): Prepared {
    const shapes = inputShapes({ op: "train", net, batch });
    const operand = (index: number): JaxArray => {
      const shape = shapes[index]!;
      if (index !== 1 && shape.length === 4) {
        const order = index === 0 ? channelsFirst : outputsFirst;
        return array(permuted(inputs[index]!, shape, order), reordered(shape, order));
      }
      // The first dense layer of LeNet takes what the convolutions left, channels first.
      if (net === "lenet" && shape[0] === 400)
        return array(permuted(inputs[index]!, [5, 5, 16, shape[1]!], [2, 0, 1, 3]), shape);
      return array(inputs[index]!, shape);
    };
    const x = operand(0);
    const classes = Float32Array.from({ length: batch * 10 }, (_, index) =>
      inputs[1]![Math.floor(index / 10)] === index % 10 ? 1 : 0,
    );
    const y = array(classes, [batch, 10]);
    const values = shapes.slice(2).map((_, index) => operand(index + 2));
    const zeros = (): JaxArray[] => (net === "mlp" ? shapes.slice(2).map((shape) => np.zeros([...shape])) : []);
    const lossOf = (current: JaxArray[], images: JaxArray, targets: JaxArray): JaxArray =>
      np.sum(nn.logSoftmax(nets[net](current, images)).mul(targets)).mul(-1 / batch);
    const compiled = jax.jit(
      (held: Carried, images: JaxArray, targets: JaxArray, rate: JaxArray, root: JaxArray): Carried => {
        const [loss, gradients] = jax.valueAndGrad(lossOf)(tree.ref(held.values), images, targets) as [
          JaxArray,
          JaxArray[],
        ];
        if (net !== "mlp") {
          root.dispose();
          const next = held.values.map((p, index) => p.sub(gradients[index]!.mul(rate.ref)));
          return { values: next, means: [], squares: [], loss: [loss] };
        }
        const means = held.means.map((m, index) => m.mul(0.9).add(gradients[index]!.ref.mul(0.1)));
        const squares = held.squares.map((v, index) => v.mul(0.999).add(np.square(gradients[index]!).mul(0.001)));
        const next = held.values.map((p, index) => {
          const denominator = np.sqrt(squares[index]!.ref).mul(root.ref).add(1e-8);
          return p.sub(means[index]!.ref.div(denominator).mul(rate.ref));
        });
        return { values: next, means, squares, loss: [loss] };
      },
    );
    let held: Carried = { values, means: zeros(), squares: zeros(), loss: [] };
    let step = 0;
    return {
      run: async () => {
        step++;
        tree.dispose(held.loss);
        const corrected = net === "mlp" ? learningRates.mlp / (1 - 0.9 ** step) : learningRates[net];
        const root = 1 / Math.sqrt(1 - 0.999 ** step);
        held = compiled({ ...held, loss: [] }, x.ref, y.ref, np.array(corrected), np.array(root)) as Carried;
        await jax.blockUntilReady(held);
      },
      result: async () => (await held.loss[0]!.ref.data()) as Float32Array,
      dispose: () => {
        tree.dispose([held, x, y]);
        compiled.dispose();
      },
    };
  }
}
