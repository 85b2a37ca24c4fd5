// Single steps of recurrent layers as modules, with torch's semantics and parameter names (in camelCase, weights transposed).
// Read next: ../ops/recurrent.ts for the formulas, recurrent.ts for whole sequences.
import { ShapeError } from "../core/errors.ts";
import { requireInteger, show } from "../core/shape.ts";
import { relu } from "../ops/activation.ts";
import { add } from "../ops/arithmetic.ts";
import { broadcasted } from "../ops/broadcasting.ts";
import { matmul } from "../ops/contraction.ts";
import { tanh } from "../ops/exponential.ts";
import type { CellWeights, LstmState } from "../ops/recurrent.ts";
import { gruCell, lstmCell } from "../ops/recurrent.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";
import { uniformWithin } from "./initialisers.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface CellOptions {
  /** Whether biases are added; true when absent. */
  readonly bias?: boolean;
  /** Source of the starting values. */
  readonly generator?: Generator;
}

/** The parameters of a cell: weightIh [inputs, gates · hidden], weightHh [hidden, gates · hidden], biasIh, biasHh. */
abstract class Cell<State, Output> extends Module<[x: Tensor, state?: State], Output> {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | undefined;
  readonly biasHh: Parameter | undefined;

  constructor(name: string, inputSize: number, hiddenSize: number, gates: number, options: CellOptions) {
    super();
    requireInteger(name, "inputSize", inputSize, 1);
    requireInteger(name, "hiddenSize", hiddenSize, 1);
    const { bias = true, ...draw } = options;
    const start = uniformWithin(1 / Math.sqrt(hiddenSize));
    this.weightIh = new Parameter(start([inputSize, gates * hiddenSize], draw));
    this.weightHh = new Parameter(start([hiddenSize, gates * hiddenSize], draw));
    this.biasIh = bias ? new Parameter(start([gates * hiddenSize], draw)) : undefined;
    this.biasHh = bias ? new Parameter(start([gates * hiddenSize], draw)) : undefined;
  }

  protected get weights(): CellWeights {
    return {
      inputWeight: this.weightIh.value,
      hiddenWeight: this.weightHh.value,
      ...(this.biasIh && { inputBias: this.biasIh.value }),
      ...(this.biasHh && { hiddenBias: this.biasHh.value }),
    };
  }

  /** A state of zeros for these inputs. */
  protected zeros(x: Tensor): Tensor {
    if (x.rank === 0) throw new ShapeError("Cell", `expects [batch, features], got ${show(x.shape)}`);
    return broadcasted(x.recorder.scalar(0, x.dtype), [...x.shape.slice(0, -1), this.weightHh.shape[0] ?? 0]);
  }
}

/** One step of an LSTM: x [batch, inputSize] and [h, c] (zeros when absent) give [h′, c′]. See `lstmCell`. */
export class LSTMCell extends Cell<LstmState, [hidden: Tensor, cell: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("LSTMCell", inputSize, hiddenSize, 4, options);
  }

  forward(x: Tensor, state?: LstmState): [hidden: Tensor, cell: Tensor] {
    return lstmCell(x, state ?? [this.zeros(x), this.zeros(x)], this.weights);
  }
}

/** One step of a GRU: x [batch, inputSize] and h (zeros when absent) give h′. See `gruCell`. */
export class GRUCell extends Cell<Tensor, Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("GRUCell", inputSize, hiddenSize, 3, options);
  }

  forward(x: Tensor, state?: Tensor): Tensor {
    return gruCell(x, state ?? this.zeros(x), this.weights);
  }
}

export interface RNNCellOptions extends CellOptions {
  /** "tanh" when absent. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** One step of Elman's net: x [batch, inputSize] and h (zeros when absent) give h′ = tanh(x · W + b + h · U + d). */
export class RNNCell extends Cell<Tensor, Tensor> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const { nonlinearity = "tanh", ...rest } = options;
    super("RNNCell", inputSize, hiddenSize, 1, rest);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, state?: Tensor): Tensor {
    const { inputWeight, hiddenWeight, inputBias, hiddenBias } = this.weights;
    return x.recorder.compose("RNNCell", () => {
      const from = matmul(x, inputWeight, inputBias === undefined ? {} : { bias: inputBias });
      const kept = matmul(state ?? this.zeros(x), hiddenWeight, hiddenBias === undefined ? {} : { bias: hiddenBias });
      return (this.nonlinearity === "relu" ? relu : tanh)(add(kept, from));
    });
  }
}
