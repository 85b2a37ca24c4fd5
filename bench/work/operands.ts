// The operands of a task: their shapes and their values, the same for everyone and in every run.
// Read next: work.ts for what is measured.
import type { ParameterSpec } from "./nets.ts";
import { imageShape, inferenceEdges, inferenceParameters, trainingParameters } from "./nets.ts";
import type { Task } from "./task.ts";
import { outputEdge, sizeOf } from "./task.ts";

export type Operand = Float32Array | Float64Array;

/** Shapes of the operands. A training step takes images, the classes of the images, and the parameters; a net image and parameters. */
export function inputShapes(task: Task): readonly (readonly number[])[] {
  switch (task.op) {
    case "matmul": {
      const { m, k, n, transposed } = task;
      return [transposed === "a" ? [k, m] : [m, k], transposed === "b" ? [n, k] : [k, n]];
    }
    case "conv": {
      const { batch, edge, inputs, outputs, window, depthwise, gives } = task;
      const x = [batch, edge, edge, inputs];
      const y = [batch, outputEdge(task), outputEdge(task), outputs];
      const filter = [window, window, depthwise ? 1 : inputs, outputs];
      return gives === "output" ? [x, filter] : gives === "inputGradient" ? [y, filter] : [x, y];
    }
    case "pool": {
      const x = [task.batch, task.edge, task.edge, task.channels];
      const edge = outputEdge(task);
      return task.gives === "output" ? [x] : [x, [task.batch, edge, edge, task.channels]];
    }
    case "map":
      return task.name === "add" ? [[task.count], [task.count]] : [[task.count]];
    case "sum":
      return [[task.count]];
    case "softmax":
      return [[task.rows, task.columns]];
    case "layerNorm":
      return [[task.rows, task.columns], [task.columns], [task.columns]];
    case "linalg":
      return [[task.rows, task.columns], ...(task.name === "solve" ? [[task.rows, 1]] : [])];
    case "attention": {
      const shape = [task.heads, task.length, task.depth];
      return task.gives === "output" ? [shape, shape, shape] : [shape, shape, shape, shape];
    }
    case "layer": {
      const { product } = task;
      const shapes = inputShapes(product);
      if (product.op === "matmul") return [...shapes, [product.n]];
      const edge = outputEdge(product);
      return [...shapes, [product.outputs], [product.batch, edge, edge, product.outputs]];
    }
    case "convAxes": {
      const { axes, batch, edge, inputs, outputs, window } = task;
      const along = (size: number): number[] => new Array<number>(axes).fill(size);
      return [
        [batch, ...along(edge), inputs],
        [...along(window), inputs, outputs],
      ];
    }
    case "train":
      return [
        imageShape(task.net, task.batch),
        [task.batch],
        ...trainingParameters[task.net].map(({ shape }) => shape),
      ];
    case "infer": {
      const edge = inferenceEdges[task.net];
      return [[1, edge, edge, 3], ...inferenceParameters(task.net).map(({ shape }) => shape)];
    }
  }
}

/** The values: uniform in ±1, of a fixed generator. */
export function inputsOf(task: Task): readonly Operand[] {
  const next = generator();
  const shapes = inputShapes(task);
  if (task.op === "train" || task.op === "infer") {
    const isTraining = task.op === "train";
    const parameters = isTraining ? trainingParameters[task.net] : inferenceParameters(task.net);
    const images = filled(sizeOf(shapes[0]!), next);
    const classes = isTraining ? [Float32Array.from({ length: task.batch }, (_, index) => index % 10)] : [];
    return [images, ...classes, ...parameters.map((spec) => parameter(spec, next))];
  }
  return shapes.map((shape, operand) => {
    let values = filled(sizeOf(shape), next);
    if (task.op === "linalg" && operand === 0 && task.name !== "svd" && task.name !== "qr")
      values = symmetric(values, task.rows, task.name === "eigh" ? 0 : 2 * Math.sqrt(task.rows));
    return "dtype" in task && task.dtype === "f64" ? Float64Array.from(values) : values;
  });
}

/** Numbers in ±1 that every run repeats. */
export function generator(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function filled(size: number, next: () => number, scale = 1): Float32Array {
  const values = new Float32Array(size);
  for (let index = 0; index < size; index++) values[index] = scale * next();
  return values;
}

/** Weights are scaled by their fan-in, so that losses move and signals neither vanish nor grow. */
function parameter({ shape, fill }: ParameterSpec, next: () => number): Float32Array {
  if (fill !== undefined) return new Float32Array(sizeOf(shape)).fill(fill);
  return filled(sizeOf(shape), next, Math.sqrt(3 / sizeOf(shape.slice(0, -1))));
}

/** A symmetric matrix, with `more` on its diagonal: eigenvalues of the rest are within ±1.2 √size. */
function symmetric(values: Float32Array, size: number, more: number): Float32Array {
  return values.map((_, index) => {
    const [row, column] = [Math.floor(index / size), index % size];
    const value = values[Math.min(row, column) * size + Math.max(row, column)] ?? 0;
    return row === column ? value + more : value;
  });
}

/** Runs before results are compared: a few steps of training, or one computation. */
export const runsToCompare = (task: Task): number => (task.op === "train" ? 3 : 1);
