// Cells of recurrent networks: one time step each, as compositions. The gates are slices of one tensor, so a cell costs two
// matrix products and a few passes over [batch, hidden]; the planner pastes the sum of the products behind the second.
// A layer computes the product with the inputs of all time steps at once and calls the functions on gates.
// Knows no time and no layers. Read next: ../engine/compile/scan.ts, which walks over time; ../nn/recurrent.ts.
import type { DType } from "../core/dtype.ts";
import { computedIn, floatOf, promote } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { sameShape, show } from "../core/shape.ts";
import { sigmoid } from "./activation.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { converted } from "./comparison.ts";
import { matmul } from "./contraction.ts";
import { tanh } from "./exponential.ts";
import { range } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments, requireList } from "./tensor.ts";

/** Weights of a cell with `gates` gates: 4 for an LSTM, 3 for a GRU. */
export interface CellWeights {
  /** [inputs, gates · hidden]: the transpose of torch's weight_ih. */
  readonly inputWeight: Tensor;
  /** [hidden, gates · hidden]: the transpose of torch's weight_hh. */
  readonly hiddenWeight: Tensor;
  /** [gates · hidden] */
  readonly inputBias?: Tensor;
  /** [gates · hidden] */
  readonly hiddenBias?: Tensor;
}

/** State of an LSTM: what it says and what it remembers, [..., hidden] each. */
export type LstmState = readonly [hidden: Tensor, cell: Tensor];

/** Gate `index` of tensors whose last axis holds all gates side by side. */
function gate(gates: Tensor, index: number, hidden: number): Tensor {
  return range(gates, gates.rank - 1, index * hidden, (index + 1) * hidden);
}

/** The LSTM's new state from the sums of its gates, [..., 4 · hidden] in the order i, f, g, o. */
export function lstmFromGates(gates: Tensor, cell: Tensor): [hidden: Tensor, cell: Tensor] {
  const size = cell.shape.at(-1) ?? 0;
  const kept = mul(sigmoid(gate(gates, 1, size)), cell);
  const next = add(kept, mul(sigmoid(gate(gates, 0, size)), tanh(gate(gates, 2, size))));
  return [mul(sigmoid(gate(gates, 3, size)), tanh(next)), next];
}

/** The GRU's new state from the parts of its gates that come from the input and from the state, order r, z, n. */
export function gruFromGates(fromInput: Tensor, fromHidden: Tensor, hidden: Tensor): Tensor {
  const size = hidden.shape.at(-1) ?? 0;
  const both = (index: number): Tensor => sigmoid(add(gate(fromInput, index, size), gate(fromHidden, index, size)));
  const reset = both(0);
  const update = both(1);
  const candidate = tanh(add(gate(fromInput, 2, size), mul(reset, gate(fromHidden, 2, size))));
  return add(candidate, mul(update, sub(hidden, candidate)));
}

const biased = (product: Tensor, bias: Tensor | undefined): Tensor =>
  bias === undefined ? product : add(product, bias);

/**
 * One step of an LSTM (Hochreiter and Schmidhuber, 1997, with Gers' forget gate), as torch.lstm_cell: with the gates
 * [i, f, g, o] = x · inputWeight + inputBias + h · hiddenWeight + hiddenBias,
 * c′ = σ(f) · c + σ(i) · tanh(g) and h′ = σ(o) · tanh(c′). x is [..., inputs], h and c are [..., hidden]; returns [h′, c′].
 */
export function lstmCell(x: Tensor, state: LstmState, weights: CellWeights): [hidden: Tensor, cell: Tensor] {
  requireList("lstmCell", "state", state);
  const [hidden, cell] = state;
  requireArguments("lstmCell", { x, h: hidden, c: cell });
  check("lstmCell", x, { h: hidden, c: cell }, weights, 4);
  const [input, h, c, w, dtype] = floats(x, hidden, cell, weights);
  return x.recorder.compose("lstmCell", (): [Tensor, Tensor] => {
    const fromInput = biased(matmul(input, w.inputWeight), w.inputBias);
    const [said, remembered] = lstmFromGates(add(biased(matmul(h, w.hiddenWeight), w.hiddenBias), fromInput), c);
    return [converted(said, dtype), converted(remembered, dtype)];
  });
}

/**
 * One step of a gated recurrent unit (Cho et al., 2014), as torch.gru_cell: with [r, z, n] the parts of
 * a = x · inputWeight + inputBias and of b = h · hiddenWeight + hiddenBias, r = σ(a_r + b_r), z = σ(a_z + b_z),
 * n = tanh(a_n + r · b_n) and h′ = (1 − z) · n + z · h. x is [..., inputs], h is [..., hidden]; returns h′.
 */
export function gruCell(x: Tensor, hidden: Tensor, weights: CellWeights): Tensor {
  requireArguments("gruCell", { x, h: hidden });
  check("gruCell", x, { h: hidden }, weights, 3);
  const [input, h, , w, dtype] = floats(x, hidden, hidden, weights);
  return x.recorder.compose("gruCell", () => {
    const fromInput = biased(matmul(input, w.inputWeight), w.inputBias);
    return converted(gruFromGates(fromInput, biased(matmul(h, w.hiddenWeight), w.hiddenBias), h), dtype);
  });
}

/** Everything in the type that holds all of it, halves in f32; and that type. */
function floats(
  x: Tensor,
  hidden: Tensor,
  cell: Tensor,
  weights: CellWeights,
): readonly [x: Tensor, hidden: Tensor, cell: Tensor, weights: CellWeights, dtype: DType] {
  const { inputWeight, hiddenWeight, inputBias, hiddenBias } = weights;
  const all = [x, hidden, cell, inputWeight, hiddenWeight, inputBias, hiddenBias].flatMap((tensor) => tensor ?? []);
  const dtype = floatOf(all.map((tensor) => tensor.dtype).reduce(promote));
  const to = (tensor: Tensor): Tensor => converted(tensor, computedIn(dtype));
  return [
    to(x),
    to(hidden),
    to(cell),
    {
      inputWeight: to(inputWeight),
      hiddenWeight: to(hiddenWeight),
      ...(inputBias === undefined ? {} : { inputBias: to(inputBias) }),
      ...(hiddenBias === undefined ? {} : { hiddenBias: to(hiddenBias) }),
    },
    dtype,
  ];
}

function check(
  op: string,
  x: Tensor,
  states: Readonly<Record<string, Tensor>>,
  weights: CellWeights,
  gates: number,
): void {
  const { inputWeight, hiddenWeight, inputBias, hiddenBias } = weights;
  requireArguments(op, {
    inputWeight,
    hiddenWeight,
    ...(inputBias && { inputBias }),
    ...(hiddenBias && { hiddenBias }),
  });
  const inputs = x.shape.at(-1) ?? 0;
  const size = hiddenWeight.shape[0] ?? 0;
  const width = gates * size;
  const expect = (name: string, got: Tensor, shape: readonly number[]): void => {
    if (sameShape(got.shape, shape)) return;
    throw new ShapeError(
      op,
      `${name} must be ${show(shape)} for x ${show(x.shape)} and ${String(gates)} gates of ${String(size)}, got ${show(got.shape)}. Weights are [in, gates · hidden], the transpose of torch's`,
    );
  };
  if (x.rank === 0) throw new ShapeError(op, "x must have an axis of inputs, got a scalar");
  expect("hiddenWeight", hiddenWeight, [size, width]);
  expect("inputWeight", inputWeight, [inputs, width]);
  for (const [name, state] of Object.entries(states)) expect(name, state, [...x.shape.slice(0, -1), size]);
  if (inputBias !== undefined) expect("inputBias", inputBias, [width]);
  if (hiddenBias !== undefined) expect("hiddenBias", hiddenBias, [width]);
}
