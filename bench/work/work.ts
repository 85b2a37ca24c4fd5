// The work that is measured: tasks with a name, and what one run of each amounts to. Shared by our own rows, by the race
// against other libraries and by the native yardstick. Knows no library and no clock.
// Read next: task.ts for the tasks, ../contender.ts for who does them.
import type { InferenceNet, TrainingNet } from "./nets.ts";
import { inferenceFlops, trainingFlops } from "./nets.ts";
import type {
  AttentionTask,
  ConvolutionTask,
  LinalgTask,
  MapName,
  MapTask,
  MatmulTask,
  PoolingTask,
  RowsTask,
  Task,
} from "./task.ts";
import { outputEdge } from "./task.ts";

export interface Work {
  readonly name: string;
  readonly task: Task;
  readonly unit: "GFLOP/s" | "GB/s" | "steps/s" | "images/s";
  /** Units of one run: 10⁹ operations, 10⁹ bytes, or one step or image. */
  readonly amount: number;
  /** Floating-point operations of a run, where they bound it: the share of the peak is taken of this. */
  readonly flops?: number;
  /** Bytes that a run must at least read and write, where they bound it. */
  readonly bytes?: number;
  /** Left out by --quick. */
  readonly long: boolean;
}

const computing = (name: string, task: Task, flops: number, long = false): Work => {
  return { name, task, unit: "GFLOP/s", amount: flops / 1e9, flops, long };
};
const moving = (name: string, task: Task, bytes: number, long = false): Work => {
  return { name, task, unit: "GB/s", amount: bytes / 1e9, bytes, long };
};

function matmul(m: number, k = m, n = m, options: Partial<Pick<MatmulTask, "dtype" | "transposed">> = {}): Work {
  const { dtype = "f32", transposed = "none" } = options;
  const size = m === k && k === n ? String(m) : `${m}x${k}x${n}`;
  const suffix = `${transposed === "none" ? "" : `-${transposed}T`}${dtype === "f32" ? "" : `-${dtype}`}`;
  const flops = 2 * m * k * n;
  return computing(`matmul/${size}${suffix}`, { op: "matmul", m, k, n, dtype, transposed }, flops, flops > 3e8);
}

type Gives = ConvolutionTask["gives"];

/** One row for each thing it can give. `outputs` 0 makes it depthwise. */
function convolution(sizes: readonly number[], gives: readonly Gives[]): readonly Work[] {
  const [batch = 1, edge = 1, inputs = 1, outputs = 0, window = 1, stride = 1] = sizes;
  const depthwise = outputs === 0;
  const shape = `${batch}x${edge}x${edge}x${inputs}`;
  const filter = `${window}x${window}${stride === 1 ? "" : `s${stride}`}`;
  const name = depthwise ? `conv/dw-${shape}-${filter}` : `conv/${shape}-${outputs}-${filter}`;
  const flops = 2 * batch * Math.ceil(edge / stride) ** 2 * window ** 2 * inputs * (depthwise ? 1 : outputs);
  const task = { batch, edge, inputs, outputs: depthwise ? inputs : outputs, window, stride, depthwise };
  const suffixes: Readonly<Record<Gives, string>> = { output: "", inputGradient: "/dx", filterGradient: "/df" };
  return gives.map((given) => computing(name + suffixes[given], { op: "conv", ...task, gives: given }, flops));
}

/** A row for what follows too. */
function layer({ name, task, flops = 0 }: Work): Work {
  if (task.op === "matmul") return computing(`${name}+gelu`, { op: "layer", product: task }, flops);
  if (task.op === "conv") return computing(`${name}+relu`, { op: "layer", product: task }, flops);
  throw new Error(`${name} is no layer`);
}

function convolutionAlong(axes: 1 | 3, batch: number, edge: number, channels: number, window: number): Work {
  const task: Task = { op: "convAxes", axes, batch, edge, inputs: channels, outputs: channels, window };
  const flops = 2 * batch * (edge * window) ** axes * channels ** 2;
  return computing(`conv${axes}d/${batch}x${edge}x${channels}-${window}`, task, flops);
}

function pooling(kind: PoolingTask["kind"], window: number, gives: PoolingTask["gives"]): Work {
  const task: PoolingTask = { op: "pool", kind, batch: 1, edge: 112, channels: 64, window, stride: 2, gives };
  // The gradient of a maximum reads what it was taken from.
  const outputs = 64 * outputEdge(task) ** 2;
  const inputs = 64 * 112 ** 2 * (gives === "inputGradient" && kind === "max" ? 2 : 1);
  const name = `pool/${kind}${window}x${window}s2${gives === "output" ? "" : "/dx"}`;
  return moving(name, task, 4 * (inputs + outputs));
}

const mega = 2 ** 20;

function map(name: MapName, count: number, dtype: MapTask["dtype"] = "f32"): Work {
  const bytes = (dtype === "f16" ? 2 : 4) * count * (name === "add" ? 3 : 2);
  const suffix = dtype === "f32" ? "" : `-${dtype}`;
  return moving(`map/${name}-${count / mega}M${suffix}`, { op: "map", name, count, dtype }, bytes, count > mega);
}

const sum = (count: number): Work => moving(`sum/${count / mega}M`, { op: "sum", count }, 4 * count, count > mega);

const rows = (op: RowsTask["op"], count: number, columns: number): Work =>
  moving(`${op}/${count}x${columns}`, { op, rows: count, columns }, 8 * count * columns);

/** Nominal costs, as Golub and Van Loan count them: with vectors, with Q, of one right side. */
const linalgFlops: Readonly<Record<LinalgTask["name"], (m: number, n: number) => number>> = {
  eigh: (n) => 9 * n ** 3,
  svd: (m, n) => 6 * m * n ** 2 + 20 * n ** 3,
  qr: (m, n) => 4 * m * n ** 2 - (4 * n ** 3) / 3,
  cholesky: (n) => n ** 3 / 3,
  solve: (n) => (2 * n ** 3) / 3,
};

function linalg(name: LinalgTask["name"], rows: number, columns = rows, dtype: LinalgTask["dtype"] = "f32"): Work {
  const flops = linalgFlops[name](rows, columns);
  const size = rows === columns ? String(rows) : `${rows}x${columns}`;
  const type = dtype === "f32" ? "" : `-${dtype}`;
  return computing(`linalg/${name}-${size}${type}`, { op: "linalg", name, rows, columns, dtype }, flops, flops > 1e8);
}

/** Two products of heads × length × length × depth; their gradients are four more and the first one again. */
function attention(heads: number, length: number, depth: number, gives: AttentionTask["gives"]): Work {
  const products = gives === "output" ? 2 : 5;
  const name = `attention/${heads}x${length}x${depth}${gives === "output" ? "" : "/d"}`;
  return computing(name, { op: "attention", heads, length, depth, gives }, 2 * products * heads * length ** 2 * depth);
}

function training(net: TrainingNet, batch: number, long = false): Work {
  const task: Task = { op: "train", net, batch };
  return { name: `train/${net}-${batch}`, task, unit: "steps/s", amount: 1, flops: trainingFlops(net, batch), long };
}

function inference(net: InferenceNet): Work {
  const task: Task = { op: "infer", net };
  return { name: `infer/${net}`, task, unit: "images/s", amount: 1, flops: inferenceFlops(net), long: false };
}

/** All the work, in the order of its rows. */
export const works: readonly Work[] = [
  ...[32, 64, 128, 256, 512, 1024, 2048].map((size) => matmul(size)),
  matmul(1, 1024, 1024),
  matmul(64, 784, 128),
  matmul(4096, 64, 64),
  matmul(8192, 32, 8192),
  matmul(512, 512, 512, { transposed: "a" }),
  matmul(512, 512, 512, { transposed: "b" }),
  matmul(512, 512, 512, { dtype: "f64" }),
  matmul(512, 512, 512, { dtype: "f16" }),
  matmul(1, 1024, 1024, { dtype: "f16" }),
  matmul(512, 512, 512, { dtype: "int8" }),
  matmul(1, 1024, 1024, { dtype: "int8" }),
  ...[matmul(512, 512, 2048), matmul(4096, 64, 64)].map(layer),
  ...convolution([1, 28, 1, 6, 5], ["output", "filterGradient"]),
  ...convolution([32, 28, 1, 32, 3], ["output", "filterGradient"]),
  ...convolution([1, 56, 64, 64, 3], ["output", "inputGradient", "filterGradient"]),
  ...convolution([1, 14, 256, 256, 3], ["output", "inputGradient", "filterGradient"]),
  ...convolution([1, 56, 64, 256, 1], ["output", "inputGradient", "filterGradient"]),
  ...convolution([1, 112, 32, 0, 3], ["output", "inputGradient", "filterGradient"]),
  ...convolution([1, 224, 3, 64, 7, 2], ["output", "filterGradient"]),
  ...[...convolution([1, 56, 64, 64, 3], ["output"]), ...convolution([1, 56, 64, 256, 1], ["output"])].map(layer),
  convolutionAlong(1, 4, 1024, 64, 5),
  convolutionAlong(3, 1, 16, 32, 3),
  ...(["output", "inputGradient"] as const).flatMap((gives) =>
    (["max", "avg"] as const).flatMap((kind) => [2, 3].map((window) => pooling(kind, window, gives))),
  ),
  ...[mega, 10 * mega].flatMap((count) => [
    ...(["add", "exp", "tanh", "sigmoid", "gelu"] as const).map((name) => map(name, count)),
    sum(count),
    ...(["add", "gelu"] as const).map((name) => map(name, count, "f16")),
  ]),
  rows("softmax", 1000, 1000),
  rows("layerNorm", 1000, 1000),
  attention(8, 512, 64, "output"),
  attention(8, 512, 64, "gradients"),
  ...[32, 64, 128, 256, 512].map((size) => linalg("eigh", size)),
  linalg("svd", 512, 256),
  linalg("qr", 512),
  linalg("cholesky", 512),
  linalg("solve", 512),
  training("mlp", 64),
  training("lenet", 64),
  training("resblock", 4),
  training("resblock", 16, true),
  training("lstm", 32),
  inference("resnet18"),
  inference("mobilenet"),
];

/** What is held against LAPACK beside all that: large problems, and f64, for which ../linalg.ts measures us alone. */
export const lapackWorks: readonly Work[] = [
  linalg("eigh", 1024),
  ...[64, 128, 256, 512, 1024].map((size) => linalg("eigh", size, size, "f64")),
  linalg("svd", 512, 256, "f64"),
  ...(["qr", "cholesky", "solve"] as const).map((name) => linalg(name, 512, 512, "f64")),
];

/** The work whose name contains one of `words`, all without words; `quick` leaves out the long ones. */
export function chosenWorks(words: readonly string[], quick: boolean, all: readonly Work[] = works): readonly Work[] {
  return all.filter(
    ({ name, long }) => !(quick && long) && (words.length === 0 || words.some((word) => name.includes(word))),
  );
}
