// Recurrent layers over whole sequences: RNN, LSTM and GRU with torch's semantics and parameter names (in camelCase, weights
// transposed). The product with the inputs of all steps is one, the steps are a scan.
// Knows no cell's arithmetic but RNN's. Read next: cells.ts for single steps, ../ops/recurrent.ts, ../engine/compile/scan.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger, sameShape, show } from "../core/shape.ts";
import { scan } from "../engine/compile/scan.ts";
import { relu } from "../ops/activation.ts";
import { add } from "../ops/arithmetic.ts";
import { broadcasted, reshaped } from "../ops/broadcasting.ts";
import { matmul } from "../ops/contraction.ts";
import { tanh } from "../ops/exponential.ts";
import { concat, stack } from "../ops/joining.ts";
import { range, transpose } from "../ops/movement.ts";
import { gruFromGates, lstmFromGates } from "../ops/recurrent.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";
import { Dropout } from "./dropout.ts";
import { uniformWithin } from "./initialisers.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface RecurrentOptions {
  /** Layers on top of each other; 1 when absent. */
  readonly numLayers?: number;
  /** Whether biases are added; true when absent. */
  readonly bias?: boolean;
  /** Inputs and outputs are [batch, steps, features] instead of [steps, batch, features]. States are not affected. */
  readonly batchFirst?: boolean;
  /** Probability of dropout between layers, in training. */
  readonly dropout?: number;
  /** Walks both ways and puts the two outputs side by side. */
  readonly bidirectional?: boolean;
  /** Source of the starting values and of dropout. */
  readonly generator?: Generator;
}

/** The parameters of one layer in one direction, by the ends of their names. */
interface Weights {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | undefined;
  readonly biasHh: Parameter | undefined;
}

/** What a direction of a layer leaves: results of all steps [steps, batch, hidden], and the last states. */
interface Walked {
  readonly outputs: Tensor;
  readonly states: readonly Tensor[];
}

type NamedParameter = readonly [name: string, value: Parameter | Dropout];

/**
 * What the three layers share: layers, directions, layouts and states. All parameters start as U(±1/√hiddenSize).
 * Their names are weightIhL0 [inputs, gates · hidden], weightHhL0 [hidden, gates · hidden], biasIhL0, biasHhL0, then L1 …, and
 * with Reverse behind for the way back.
 */
abstract class Recurrent<State, Output> extends Module<[x: Tensor, state?: State], Output> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly batchFirst: boolean;
  readonly bidirectional: boolean;
  readonly #layer: string;
  readonly #weights: readonly (readonly Weights[])[];
  readonly #dropout: Dropout;

  constructor(layer: string, inputSize: number, hiddenSize: number, gates: number, options: RecurrentOptions) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, bidirectional = false, ...rest } = options;
    requireInteger(layer, "inputSize", inputSize, 1);
    requireInteger(layer, "hiddenSize", hiddenSize, 1);
    requireInteger(layer, "numLayers", numLayers, 1);
    const { dropout = 0, generator } = rest;
    if (!(dropout >= 0 && dropout < 1)) throw new ParameterError(layer, `dropout must be in [0, 1), got ${dropout}`);
    this.#layer = layer;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.batchFirst = batchFirst;
    this.bidirectional = bidirectional;
    const draw = generator === undefined ? {} : { generator };
    const start = uniformWithin(1 / Math.sqrt(hiddenSize));
    const ways = bidirectional ? 2 : 1;
    this.#weights = Array.from({ length: numLayers }, (_, number) =>
      Array.from({ length: ways }, (): Weights => {
        const width = gates * hiddenSize;
        const inputs = number === 0 ? inputSize : hiddenSize * ways;
        return {
          weightIh: new Parameter(start([inputs, width], draw)),
          weightHh: new Parameter(start([hiddenSize, width], draw)),
          biasIh: bias ? new Parameter(start([width], draw)) : undefined,
          biasHh: bias ? new Parameter(start([width], draw)) : undefined,
        };
      }),
    );
    this.#dropout = new Dropout(dropout, draw);
  }

  protected override children(): NamedParameter[] {
    const parameters = this.#weights.flatMap((ways, number) =>
      ways.flatMap((weights, way) =>
        Object.entries(weights as unknown as Record<string, Parameter | undefined>).flatMap(
          ([name, parameter]): NamedParameter[] =>
            parameter === undefined ? [] : [[`${name}L${number}${way === 1 ? "Reverse" : ""}`, parameter]],
        ),
      ),
    );
    return [...parameters, ["dropout", this.#dropout]];
  }

  /** One layer in one direction over x [steps, batch, inputs]. */
  protected abstract walk(x: Tensor, initial: readonly Tensor[], weights: Weights, reverse: boolean): Walked;

  /** The whole net over x with `given` states [layers · directions, batch, hidden] each (zeros without). */
  protected run(x: Tensor, given: readonly Tensor[] | undefined, count: number): [Tensor, Tensor[]] {
    const { hiddenSize, numLayers } = this;
    const ways = this.bidirectional ? 2 : 1;
    const isBatched = x.rank === 3;
    if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== this.inputSize) {
      const axes = this.batchFirst ? "[batch, steps, features]" : "[steps, batch, features]";
      throw new ShapeError(
        this.#layer,
        `expects ${axes} or [steps, features] with ${this.inputSize} features, got ${show(x.shape)}`,
      );
    }
    const turned = isBatched && this.batchFirst;
    const [steps = 0, batch = 1] = turned ? [x.shape[1], x.shape[0]] : isBatched ? x.shape : [x.shape[0], 1];
    const expected = isBatched ? [numLayers * ways, batch, hiddenSize] : [numLayers * ways, hiddenSize];
    for (const state of given ?? []) {
      if (!sameShape(state.shape, expected))
        throw new ShapeError(this.#layer, `a state must be ${show(expected)}, got ${show(state.shape)}`);
    }
    return x.recorder.compose(this.#layer, (): [Tensor, Tensor[]] => {
      const initial = (at: number): Tensor[] =>
        given === undefined
          ? new Array<Tensor>(count).fill(broadcasted(x.recorder.scalar(0, x.dtype), [batch, hiddenSize]))
          : given.map((state) => reshaped(range(state, 0, at, at + 1), [batch, hiddenSize]));
      let sequence = turned ? transpose(x, 0, 1) : reshaped(x, [steps, batch, this.inputSize]);
      const last: Tensor[][] = Array.from({ length: count }, () => []);
      this.#weights.forEach((directions, number) => {
        if (number > 0) sequence = this.#dropout.forward(sequence);
        const walked = directions.map((weights, way) =>
          this.walk(sequence, initial(number * ways + way), weights, way === 1),
        );
        for (const { states } of walked) states.forEach((state, index) => last[index]?.push(state));
        const [first] = walked;
        if (first === undefined) return;
        sequence =
          walked.length === 1
            ? first.outputs
            : concat(
                walked.map(({ outputs }) => outputs),
                { axis: -1 },
              );
      });
      const output = turned ? transpose(sequence, 0, 1) : sequence;
      const states = last.map((each) => reshaped(stack(each), expected));
      return [isBatched ? output : reshaped(output, [steps, hiddenSize * ways]), states];
    });
  }
}

/** x · weight + both biases, of all steps at once. */
function driven(x: Tensor, { weightIh, biasIh, biasHh }: Weights, both: boolean): Tensor {
  const product = matmul(x, weightIh.value);
  if (biasIh === undefined || biasHh === undefined) return product;
  return add(product, both ? add(biasIh.value, biasHh.value) : biasIh.value);
}

/** State of an LSTM layer: hidden and cell states, [numLayers · directions, batch, hiddenSize] each. */
export type LSTMState = readonly [hidden: Tensor, cell: Tensor];

/**
 * Long short-term memory over a sequence: x [steps, batch, inputSize] gives [output, [h, c]] with output
 * [steps, batch, hiddenSize · directions] of the last layer, and the last states. See `lstmCell` for the formula.
 */
export class LSTM extends Recurrent<LSTMState, [output: Tensor, state: [hidden: Tensor, cell: Tensor]]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("LSTM", inputSize, hiddenSize, 4, options);
  }

  forward(x: Tensor, state?: LSTMState): [output: Tensor, state: [hidden: Tensor, cell: Tensor]] {
    const [output, [hidden, cell]] = this.run(x, state, 2);
    return [output, [hidden ?? output, cell ?? output]];
  }

  protected walk(x: Tensor, initial: readonly Tensor[], weights: Weights, reverse: boolean): Walked {
    const [hidden, cell] = initial as [Tensor, Tensor];
    const [states, outputs] = scan(
      ([h, c]: readonly [Tensor, Tensor], gates: Tensor) => {
        const next = lstmFromGates(add(matmul(h, weights.weightHh.value), gates), c);
        return [next, next[0]] as const;
      },
      [hidden, cell] as readonly [Tensor, Tensor],
      driven(x, weights, true),
      { reverse },
    );
    return { outputs, states };
  }
}

/**
 * Gated recurrent units over a sequence: x [steps, batch, inputSize] gives [output, h] with output
 * [steps, batch, hiddenSize · directions] of the last layer, and the last states. See `gruCell` for the formula.
 */
export class GRU extends Recurrent<Tensor, [output: Tensor, state: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("GRU", inputSize, hiddenSize, 3, options);
  }

  forward(x: Tensor, state?: Tensor): [output: Tensor, state: Tensor] {
    const [output, [last]] = this.run(x, state === undefined ? undefined : [state], 1);
    return [output, last ?? output];
  }

  protected walk(x: Tensor, [initial]: readonly Tensor[], weights: Weights, reverse: boolean): Walked {
    const [last, outputs] = scan(
      (h: Tensor, gates: Tensor) => {
        const product = matmul(h, weights.weightHh.value);
        const { biasHh } = weights;
        const next = gruFromGates(gates, biasHh === undefined ? product : add(product, biasHh.value), h);
        return [next, next] as const;
      },
      initial!,
      driven(x, weights, false),
      { reverse },
    );
    return { outputs, states: [last] };
  }
}

export interface RNNOptions extends RecurrentOptions {
  /** "tanh" when absent. */
  readonly nonlinearity?: "tanh" | "relu";
}

/**
 * The simple recurrent net of Elman (1990): h′ = tanh(x · W + b + h · U + d). x [steps, batch, inputSize] gives [output, h]
 * with output [steps, batch, hiddenSize · directions] of the last layer, and the last states.
 */
export class RNN extends Recurrent<Tensor, [output: Tensor, state: Tensor]> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const { nonlinearity = "tanh", ...rest } = options;
    super("RNN", inputSize, hiddenSize, 1, rest);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, state?: Tensor): [output: Tensor, state: Tensor] {
    const [output, [last]] = this.run(x, state === undefined ? undefined : [state], 1);
    return [output, last ?? output];
  }

  protected walk(x: Tensor, [initial]: readonly Tensor[], weights: Weights, reverse: boolean): Walked {
    const activation = this.nonlinearity === "relu" ? relu : tanh;
    const [last, outputs] = scan(
      (h: Tensor, from: Tensor) => {
        const next = activation(add(matmul(h, weights.weightHh.value), from));
        return [next, next] as const;
      },
      initial!,
      driven(x, weights, true),
      { reverse },
    );
    return { outputs, states: [last] };
  }
}
