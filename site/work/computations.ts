// The works as compiled functions over host data: what a user of athanor would write, through its public faces only.
// Knows no clock. Read next: sampling.ts, which runs them; catalogue.ts for what they are.
import type { Tensor, TypedArray } from "../../bindings/index.ts";
import {
  add,
  conv2d,
  defaultEngine,
  gelu,
  Generator,
  jit,
  linalg,
  matmul,
  maxPool2d,
  mul,
  scope,
  tensor,
} from "../../bindings/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import { LeNet5 } from "../../bindings/zoo/index.ts";
import type { WorkName } from "./catalogue.ts";
import { channels, matrices, poolingChannels } from "./catalogue.ts";
import { compileStep } from "./training-step.ts";

interface Operand {
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

/** One work at one size. */
export interface Computation {
  /** Runs on tensors that are where they were computed; results are disposed by the caller. */
  run(): readonly Tensor[];
  /** From arrays in JavaScript to a result that is still to be read; undefined where that makes no sense. */
  readonly fromHost: (() => Tensor) | undefined;
  /** The same recorded and not compiled, for explain(). */
  record(): readonly Tensor[];
  dispose(): void;
}

export function computationOf(name: WorkName, size: number): Computation {
  switch (name) {
    case "matmul":
      return single([draw([size, size], 1), draw([size, size], 2)], (a, b) => matmul(a, b));
    case "conv2d":
      return single([draw([1, size, size, channels], 1), draw([3, 3, channels, channels], 2)], (x, filter) =>
        conv2d(x, filter, { padding: "same" }),
      );
    case "maxPool2d":
      return single([draw([1, size, size, poolingChannels], 1)], (x) => maxPool2d(x, { window: 2 }));
    case "elementwise":
      return single([draw([size], 1), draw([size], 2), draw([size], 3)], (x, y, z) => gelu(add(mul(x, y), z)));
    case "eigh":
      return single([symmetric(size)], (a) => linalg.eigh(a).vectors);
    case "training":
      return training(size);
  }
}

/** Numbers between −1 and 1 from a seed, on the host. */
function draw(shape: readonly number[], seed: number): Operand {
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  let state = seed * 0x9e3779b9;
  for (let index = 0; index < data.length; index++) {
    // A linear congruential generator: these numbers only have to differ.
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[index] = state / 2 ** 31;
  }
  return { data, shape };
}

function symmetric(size: number): Operand {
  const { data, shape } = draw([matrices, size, size], 1);
  for (let matrix = 0; matrix < matrices; matrix++) {
    const start = matrix * size * size;
    for (let row = 0; row < size; row++)
      for (let column = 0; column < row; column++)
        data[start + row * size + column] = data[start + column * size + row]!;
  }
  return { data, shape };
}

const tensorOf = ({ data, shape }: Operand): Tensor => tensor(data, { shape });

function single(operands: readonly Operand[], compute: (...tensors: readonly Tensor[]) => Tensor): Computation {
  const compiled = jit((...tensors: readonly Tensor[]) => compute(...tensors));
  const held = operands.map(tensorOf);
  return {
    run: () => [compiled(...held)],
    fromHost: () => scope(() => compiled(...operands.map(tensorOf))),
    record: () => scope(() => [compute(...operands.map(tensorOf))]),
    dispose: () => {
      compiled.dispose();
      for (const operand of held) operand.dispose();
    },
  };
}

function training(batch: number): Computation {
  const model = new LeNet5({ generator: new Generator(1) });
  const optimizer = new Adam(model.parameters());
  const step = compileStep(model, optimizer);
  const images = draw([batch, 28, 28, 1], 1);
  const x = tensorOf(images);
  const y = tensor(Int32Array.from({ length: batch }, (_, index) => index % 10));
  return {
    run: () => [step.run({ x, y })],
    fromHost: undefined,
    record: () => step.record({ x, y }),
    dispose: () => {
      step.dispose();
      for (const held of [x, y, ...model.parameters().map((parameter) => parameter.value)]) held.dispose();
    },
  };
}

/** Resolves when a device has done all it was given. */
export async function settled(device: "wasm" | "webgpu"): Promise<void> {
  await defaultEngine().backends.get(device)?.idle();
}
