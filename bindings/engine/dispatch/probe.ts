// What calibration runs: small graphs of ordinary ops at several sizes, planned for one device as a user's would be.
// Knows no clock. Read next: calibrate.ts, which times them.
import type { Backend, DeviceName } from "../../backends/backend.ts";
import type { Shape } from "../../core/shape.ts";
import { capture } from "../../graph/capture.ts";
import { Value } from "../../graph/node.ts";
import { workOf } from "../../graph/place.ts";
import { makePlan } from "../../graph/plan.ts";
import type { Segment } from "../../graph/step.ts";
import type { Work } from "../../ops/descriptor.ts";
import * as ops from "../../ops/index.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { CostModel } from "./cost-model.ts";
import { Engine } from "../engine.ts";

/** A graph to be timed. */
export interface Probe {
  /** Probes of one kind differ in size only. */
  readonly kind: string;
  /** The class that it measures; none where it is all the same. */
  readonly work?: Work;
  /** What it measures: operations a second, bytes, or how often invocations wait for each other. */
  readonly bounds: "flops" | "bytes" | "meetings";
  /** Grows as the time does. */
  readonly size: number;
  /** Where it is worth running; everywhere when absent. */
  readonly devices?: readonly DeviceName[];
  readonly shapes: readonly Shape[];
  /** Operands that hold indices of rows instead of numbers, by position. */
  readonly indices?: readonly number[];
  readonly compute: (...inputs: Tensor[]) => Tensor;
}

/** A probe planned for a device, with what it amounts to by the count that placement uses. */
export interface Ready {
  readonly segment: Segment;
  readonly flops: number;
  readonly bytes: number;
  readonly meetings: number;
  /** Whether all of it is of the class that the probe is for: a device may have another method for it. */
  readonly isOfItsClass: boolean;
}

/** For GPUs only: so much at a time that the CPU would be busy for long, and a GPU has just enough to do. */
const onGpu = (probe: Probe): Probe => ({ ...probe, devices: ["webgpu"] });

const pair = (first: readonly Tensor[]): readonly [Tensor, Tensor] => [first[0]!, first[1] ?? first[0]!];

const product = (n: number): Probe => ({
  ...{ kind: "product", work: "contraction", bounds: "flops", size: n ** 3 },
  shapes: [
    [n, n],
    [n, n],
  ],
  compute: (...inputs) => ops.matmul(...pair(inputs)),
});

const images = (batch: number, edge: number, channels: number): Pick<Probe, "size" | "shapes"> => ({
  size: batch * edge ** 2 * channels ** 2,
  shapes: [
    [batch, edge, edge, channels],
    [3, 3, channels, channels],
  ],
});

/** Without Winograd's method, whatever a device would choose. */
const convolution = (batch: number, edge: number): Probe => ({
  ...{ kind: "convolution", work: "convolution", bounds: "flops", ...images(batch, edge, 32) },
  compute: (...inputs) => ops.conv2d(...pair(inputs), { padding: "same", strict: true }),
});

/** With as many channels as every device wants for Winograd's method. */
const winograd = (batch: number, edge: number): Probe => ({
  ...{ kind: "convolution", work: "winograd", bounds: "flops", ...images(batch, edge, 64) },
  compute: (...inputs) => ops.conv2d(...pair(inputs), { padding: "same" }),
});

const stream = (elements: number): Probe => ({
  ...{ kind: "stream", work: "stream", bounds: "bytes", size: elements },
  shapes: [[elements], [elements]],
  compute: (...inputs) => ops.add(...pair(inputs)),
});

const sums = (rows: number, length: number): Probe => ({
  ...{ kind: "sums", work: "reduction", bounds: "bytes", size: rows * length },
  shapes: [[rows, length]],
  compute: (x) => ops.sum(x, { axis: -1 }),
});

const picks = (rows: number, length: number): Probe => ({
  ...{ kind: "picks", work: "indexed", bounds: "bytes", size: rows * length, indices: [1] },
  shapes: [
    [length, rows],
    [length, rows],
  ],
  compute: (...inputs) => ops.gather(inputs[0]!, 0, inputs[1]!),
});

/** Few numbers of which each is looked for among a row of others. */
const searches = (values: number): Probe => ({
  ...{ kind: "searches", work: "indexed", bounds: "flops", size: values },
  shapes: [[256], [values]],
  compute: (...inputs) => ops.searchSorted(...pair(inputs)),
});

const sorts = (rows: number): Probe => ({
  ...{ kind: "sorts", work: "sorting", bounds: "flops", size: rows },
  shapes: [[rows, 256]],
  compute: (x) => ops.sort(x),
});

/** Sixteen multiplications and additions of every element. */
const arithmetic = (elements: number): Probe => ({
  ...{ kind: "arithmetic", work: "stream", bounds: "flops", size: elements },
  shapes: [[elements]],
  compute: (x) => {
    let y = x;
    for (let step = 0; step < 8; step++) y = ops.add(ops.mul(y, x), 0.25);
    return y;
  },
});

const exponentials = (elements: number): Probe => ({
  ...{ kind: "exponentials", work: "transcendental", bounds: "flops", size: elements },
  shapes: [[elements]],
  compute: (x) => ops.tanh(ops.exp(ops.neg(x))),
});

/** Windows over images of 32 channels, each channel by itself. */
const walks = (batch: number, edge: number): Probe => ({
  ...{ kind: "walks", work: "walk", bounds: "flops", size: batch * edge ** 2 },
  shapes: [
    [batch, edge, edge, 32],
    [3, 3, 32, 1],
  ],
  compute: (...inputs) => ops.depthwiseConv2d(...pair(inputs), { padding: "same" }),
});

/** Running sums, for which the invocations of a workgroup meet again and again. */
const scans = (rows: number): Probe =>
  onGpu({
    ...{ kind: "scans", work: "reduction", bounds: "meetings", size: rows },
    shapes: [[rows, 256]],
    compute: (x) => ops.cumSum(x, { axis: -1 }),
  });

const eigenproblem = (count: number, n: number): Probe => ({
  kind: n > 32 ? "large eigenproblem" : "eigenproblem",
  work: n > 32 ? "factorization" : "smallFactorization",
  bounds: "flops",
  // A GPU does many at a time.
  size: count * n,
  shapes: [[count, n, n]],
  compute: (x) => ops.eigh(x).values,
});

/** Everything that is timed, smaller before larger. */
export const probes: readonly Probe[] = [
  ...[32, 64, 128, 256, 384, 1024].map(product),
  onGpu(product(2048)),
  convolution(1, 8),
  convolution(1, 28),
  convolution(2, 56),
  onGpu(convolution(8, 56)),
  winograd(1, 14),
  winograd(1, 28),
  winograd(1, 56),
  onGpu(winograd(8, 56)),
  ...[2 ** 12, 2 ** 16, 2 ** 20].map(stream),
  walks(1, 14),
  walks(1, 56),
  onGpu(walks(8, 112)),
  ...[4, 32, 256].map(scans),
  sums(16, 64),
  sums(256, 256),
  sums(1024, 1024),
  picks(64, 64),
  picks(256, 256),
  searches(2 ** 12),
  onGpu(searches(2 ** 16)),
  sorts(4),
  sorts(64),
  onGpu(sorts(1024)),
  ...[2 ** 12, 2 ** 16].map(arithmetic),
  onGpu(arithmetic(2 ** 20)),
  ...[2 ** 12, 2 ** 16].map(exponentials),
  onGpu(exponentials(2 ** 20)),
  eigenproblem(1, 8),
  eigenproblem(32, 16),
  onGpu(eigenproblem(256, 32)),
  ...[eigenproblem(1, 48), eigenproblem(1, 96)].map((probe): Probe => ({ ...probe, devices: ["wasm"] })),
];

/** A chain of products so small that they cost what a launch costs. Products do not fuse. */
export const launches = (count: number): Probe => ({
  ...{ kind: "launch", bounds: "flops", size: count },
  shapes: [[4, 4]],
  compute: (x) => {
    let y = x;
    for (let link = 0; link < count; link++) y = ops.matmul(y, x);
    return y;
  },
});

/** Plans a probe for one device. */
export function readyProbe(probe: Probe, backend: Backend): Ready {
  const recorder = new Engine(() => Promise.resolve());
  return recorder.scopes.run("calibrate", (): Ready => {
    const inputs = probe.shapes.map(
      (shape, index) => new Value(shape, probe.indices?.includes(index) === true ? "i32" : "f32", undefined),
    );
    const result = probe.compute(...inputs.map((value) => recorder.handle(value)));
    const captured = capture([recorder.valueOf(result, "calibrate")], {
      placeholders: new Set(inputs),
      rootsOnly: true,
    });
    const residence = captured.inputs.map((): DeviceName[] => [backend.name]);
    const { fused, segments } = makePlan(captured, [backend], new CostModel(), { residence, readBack: false });
    const [segment] = segments;
    if (segment === undefined || segments.length > 1) throw new Error("a probe is one program");
    const amounts = fused.groups.map((group) => workOf(fused, group, backend));
    return {
      segment,
      flops: amounts.reduce((sum, { flops }) => sum + flops, 0),
      bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
      meetings: amounts.reduce((sum, { meetings = 0 }) => sum + meetings, 0),
      isOfItsClass: amounts.every(({ work }) => work === (probe.work ?? work)),
    };
  });
}
