// What the demo and the benchmarks measure: the main kernels and a training step, each as a compiled function.
// Knows no clock. Read next: measure.ts, ../../bench/ops.ts.
import { valueAndGrad } from "../autodiff/index.ts";
import { tensor } from "../engine/creation.ts";
import { jit } from "../engine/index.ts";
import { eigh } from "../linalg/index.ts";
import { crossEntropy, withValues } from "../nn/index.ts";
import { matmul } from "../ops/contraction.ts";
import { conv2d } from "../ops/convolution.ts";
import { maxPool2d } from "../ops/pooling.ts";
import { add } from "../ops/arithmetic.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/index.ts";
import { Generator, randn } from "../random/index.ts";
import type { TrainingStep } from "../train/step.ts";
import { compileStep, emptyWindow } from "../train/step.ts";
import { LeNet5 } from "../zoo/index.ts";

/** Something that can be run again and again. */
export interface Workload {
  readonly name: string;
  /** Sizes, for people. */
  readonly size: string;
  /** What one run amounts to, in units of `unit`. */
  readonly amount: number;
  readonly unit: "GFLOP/s" | "GB/s" | "matrices/s" | "images/s";
  /** Less of the same, for a device that is known to be very slow. */
  readonly lighter?: Workload;
  /** Makes inputs; called under the device that is measured. */
  prepare(): Prepared;
}

export interface Prepared {
  /** One run; what it returns is disposed by the caller, except where the workload keeps it. */
  run(): readonly Tensor[];
  /** Tensors that are there before a run. */
  readonly inputs: readonly Tensor[];
  /** The same computation recorded and not run, for explain. */
  record(): unknown;
  dispose(): void;
}

function single(inputs: readonly Tensor[], compute: (...tensors: Tensor[]) => Tensor): Prepared {
  const compiled = jit((...tensors: Tensor[]) => compute(...tensors));
  return {
    run: () => [compiled(...inputs)],
    inputs,
    record: () => compute(...inputs),
    dispose: () => {
      compiled.dispose();
      for (const input of inputs) input.dispose();
    },
  };
}

const draw = (shape: readonly number[]): Tensor => randn(shape, { generator: new Generator(1) });

function matmulOf(size: number): Workload {
  return {
    ...{ name: "matmul", size: `${size} × ${size} × ${size}`, amount: 2e-9 * size ** 3, unit: "GFLOP/s" },
    prepare: () => single([draw([size, size]), draw([size, size])], (a, b) => matmul(a, b)),
  };
}

function convolutionOf(batch: number, edge: number, channels: number): Workload {
  return {
    name: "conv2d",
    size: `${batch} × ${edge} × ${edge} × ${channels}, 3 × 3 → ${channels}`,
    amount: 2e-9 * batch * edge * edge * 9 * channels * channels,
    unit: "GFLOP/s",
    prepare: () =>
      single([draw([batch, edge, edge, channels]), draw([3, 3, channels, channels])], (x, filter) =>
        conv2d(x, filter, { padding: "same" }),
      ),
  };
}

function poolingOf(batch: number, edge: number, channels: number): Workload {
  return {
    name: "maxPool2d",
    size: `${batch} × ${edge} × ${edge} × ${channels}, 2 × 2`,
    amount: 1e-9 * 4 * 1.25 * batch * edge * edge * channels,
    unit: "GB/s",
    prepare: () => single([draw([batch, edge, edge, channels])], (x) => maxPool2d(x, { window: 2 })),
  };
}

function eighOf(batch: number, size: number): Workload {
  return {
    ...{ name: "eigh", size: `${batch} of ${size} × ${size}`, amount: batch, unit: "matrices/s" },
    prepare: () => {
      const a = draw([batch, size, size]);
      const symmetric = add(a, a.T);
      return single([symmetric], (x) => eigh(x).values);
    },
  };
}

export function trainingOf(batch: number): Workload {
  return {
    ...{ name: "training step", size: `LeNet-5, ${batch} images`, amount: batch, unit: "images/s" },
    prepare: () => {
      const model = new LeNet5({ generator: new Generator(1) });
      const optimizer = new Adam(model.parameters());
      const step: TrainingStep = compileStep(model, optimizer, { loss: crossEntropy, accuracy: false });
      const x = draw([batch, 28, 28, 1]);
      const y = tensor(Int32Array.from({ length: batch }, (_, index) => index % 10));
      let window = emptyWindow();
      const values = (): Tensor[] => model.parameters().map((parameter) => parameter.value);
      const differentiate = valueAndGrad((current: readonly Tensor[]) =>
        withValues(optimizer.parameters, current, () => crossEntropy(model.forward(x), y)),
      );
      return {
        inputs: [x, y, ...values()],
        record: () => differentiate(values()),
        run: () => {
          window = step.run({ x, y }, window, 0);
          return [];
        },
        dispose: () => {
          step.dispose();
          for (const held of [x, y, window.losses, window.right]) held.dispose();
          for (const value of values()) value.dispose();
        },
      };
    },
  };
}

/** The demo's list; `quick` takes smaller sizes. */
export function workloads(quick: boolean): readonly Workload[] {
  return [
    matmulOf(quick ? 256 : 512),
    convolutionOf(quick ? 1 : 4, 56, 32),
    poolingOf(quick ? 4 : 16, 112, 16),
    eighOf(quick ? 16 : 64, 16),
    { ...trainingOf(64), lighter: trainingOf(4) },
  ];
}
