// The work that is measured, as data: what is computed on which numbers, and what one run amounts to. Shared by our own rows
// and by the race against other libraries. Images are NHWC, filters HWIO. Knows no library and no clock.
// Read next: contender.ts for who does it; ours.ts; peers/.

/** One computation. Convolutions pad to the input's size ("same"), pooling does not pad. */
export type Task =
  | { readonly op: "matmul"; readonly m: number; readonly k: number; readonly n: number }
  | ConvolutionTask
  | PoolingTask
  | { readonly op: "map"; readonly name: MapName; readonly count: number }
  | { readonly op: "sum"; readonly count: number }
  | { readonly op: "softmax"; readonly rows: number; readonly columns: number }
  | { readonly op: "eigh"; readonly size: number }
  | TrainingTask;

/** add: x + y; gelu: the tanh form of x · 1.1 + 0.1; the others of x. */
export type MapName = "add" | "exp" | "tanh" | "sigmoid" | "gelu";

export interface ConvolutionTask {
  readonly op: "conv";
  readonly batch: number;
  readonly edge: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: number;
  readonly stride: number;
  readonly depthwise: boolean;
}

export interface PoolingTask {
  readonly op: "pool";
  readonly kind: "max" | "avg";
  readonly batch: number;
  readonly edge: number;
  readonly channels: number;
  readonly window: number;
  readonly stride: number;
}

/**
 * A step of training: forward, backward and update, of the mean cross entropy of ten classes.
 * mlp: 784 → 128 → 10 with relu; Adam, rate 0.001. lenet: LeNet-5 with relu and max pooling; plain SGD, rate 0.01.
 */
export interface TrainingTask {
  readonly op: "train";
  readonly net: "mlp" | "lenet";
  readonly batch: number;
}

export interface Work {
  readonly name: string;
  readonly task: Task;
  readonly unit: "GFLOP/s" | "GB/s" | "steps/s";
  /** Units of one run: 10⁹ operations, 10⁹ bytes, or one step. */
  readonly amount: number;
  /** Floating-point operations of a run, where they bound it: the share of the peak is taken of this. */
  readonly flops?: number;
  /** Bytes that a run must at least read and write, where they bound it. */
  readonly bytes?: number;
  /** Left out by --quick. */
  readonly long: boolean;
}

export const learningRates = { mlp: 0.001, lenet: 0.01 } as const;

/** Shapes of the parameters, weights and biases in turn. */
export const parameterShapes: Readonly<Record<TrainingTask["net"], readonly (readonly number[])[]>> = {
  mlp: [[784, 128], [128], [128, 10], [10]],
  lenet: [[5, 5, 1, 6], [6], [5, 5, 6, 16], [16], [400, 120], [120], [120, 84], [84], [84, 10], [10]],
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const computing = (name: string, task: Task, flops: number, long = false): Work => {
  return { name, task, unit: "GFLOP/s", amount: flops / 1e9, flops, long };
};
const moving = (name: string, task: Task, bytes: number, long = false): Work => {
  return { name, task, unit: "GB/s", amount: bytes / 1e9, bytes, long };
};

function matmul(m: number, k = m, n = m): Work {
  const name = m === k && k === n ? `matmul/${m}` : `matmul/${m}x${k}x${n}`;
  return computing(name, { op: "matmul", m, k, n }, 2 * m * k * n, m > 512);
}

function convolution(batch: number, edge: number, inputs: number, outputs: number, window: number, stride = 1): Work {
  const depthwise = outputs === 0;
  const shape = `${batch}x${edge}x${edge}x${inputs}`;
  const filter = `${window}x${window}${stride === 1 ? "" : `s${stride}`}`;
  return computing(
    depthwise ? `conv/dw-${shape}-${filter}` : `conv/${shape}-${outputs}-${filter}`,
    { op: "conv", batch, edge, inputs, outputs: depthwise ? inputs : outputs, window, stride, depthwise },
    2 * batch * Math.ceil(edge / stride) ** 2 * window ** 2 * inputs * (depthwise ? 1 : outputs),
  );
}

function pooling(kind: PoolingTask["kind"], window: number): Work {
  const task: PoolingTask = { op: "pool", kind, batch: 1, edge: 112, channels: 64, window, stride: 2 };
  const elements = 64 * (112 ** 2 + outputEdge(task) ** 2);
  return moving(`pool/${kind}${window}x${window}s2`, task, 4 * elements);
}

function map(name: MapName, count: number): Work {
  return moving(`map/${name}-${millions(count)}`, { op: "map", name, count }, 4 * count * (name === "add" ? 3 : 2));
}

const millions = (count: number): string => `${count / 2 ** 20}M`;

/** 9 n³ is the nominal cost of the symmetric QR algorithm with vectors (Golub and Van Loan, 8.3). */
const eigh = (size: number): Work => computing(`eigh/${size}`, { op: "eigh", size }, 9 * size ** 3, size > 128);

/** Forward, filter gradient and input gradient cost the same; the first layer has no input gradient. */
function training(net: TrainingTask["net"], batch: number): Work {
  const positions = net === "mlp" ? [1, 1] : [28 * 28, 10 * 10, 1, 1, 1];
  const flops = positions.reduce((total, count, layer) => {
    return total + 2 * batch * count * sizeOf(parameterShapes[net][2 * layer] ?? []) * (layer === 0 ? 2 : 3);
  }, 0);
  return {
    name: `train/${net}-${batch}`,
    task: { op: "train", net, batch },
    unit: "steps/s",
    amount: 1,
    flops,
    long: false,
  };
}

/** Edge of a pooling's result. */
export const outputEdge = ({ edge, window, stride }: PoolingTask): number => Math.floor((edge - window) / stride) + 1;

/** All the work, in the order of its rows. */
export const works: readonly Work[] = [
  ...[32, 64, 128, 256, 512, 1024].map((size) => matmul(size)),
  matmul(1, 1024, 1024),
  matmul(64, 784, 128),
  convolution(1, 28, 1, 6, 5),
  convolution(32, 28, 1, 32, 3),
  convolution(1, 56, 64, 64, 3),
  convolution(1, 14, 256, 256, 3),
  convolution(1, 56, 64, 256, 1),
  convolution(1, 112, 32, 0, 3),
  convolution(1, 224, 3, 64, 7, 2),
  pooling("max", 2),
  pooling("max", 3),
  pooling("avg", 2),
  pooling("avg", 3),
  ...(["add", "exp", "tanh", "sigmoid", "gelu"] as const).map((name) => map(name, 2 ** 20)),
  moving("sum/1M", { op: "sum", count: 2 ** 20 }, 4 * 2 ** 20),
  moving("softmax/1000x1000", { op: "softmax", rows: 1000, columns: 1000 }, 8e6),
  ...[32, 64, 128, 256].map(eigh),
  training("mlp", 64),
  training("lenet", 64),
];

/** The work that the command line asks for: names that contain one of its words; --quick leaves out the long ones. */
export function chosenWorks(argv: readonly string[] = process.argv.slice(2)): readonly Work[] {
  const words = argv.filter((argument) => !argument.startsWith("-"));
  const quick = argv.includes("--quick");
  const chosen = works.filter(
    ({ name, long }) => !(quick && long) && (words.length === 0 || words.some((word) => name.includes(word))),
  );
  if (chosen.length === 0)
    throw new RangeError(`no work is called ${words.join(", ")}: ${works.map((w) => w.name).join(" ")}`);
  return chosen;
}

/** Rows and columns of zeros before and after an image that make the result ⌈edge / stride⌉ wide. */
export function samePadding({ edge, window, stride }: ConvolutionTask): readonly [before: number, after: number] {
  const total = Math.max(0, (Math.ceil(edge / stride) - 1) * stride + window - edge);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** Shapes of the operands. A training step takes images, the classes of the images, and the parameters. */
export function inputShapes(task: Task): readonly (readonly number[])[] {
  switch (task.op) {
    case "matmul":
      return [
        [task.m, task.k],
        [task.k, task.n],
      ];
    case "conv": {
      const { batch, edge, inputs, outputs, window, depthwise } = task;
      return [
        [batch, edge, edge, inputs],
        [window, window, depthwise ? 1 : inputs, outputs],
      ];
    }
    case "pool":
      return [[task.batch, task.edge, task.edge, task.channels]];
    case "map":
      return task.name === "add" ? [[task.count], [task.count]] : [[task.count]];
    case "sum":
      return [[task.count]];
    case "softmax":
      return [[task.rows, task.columns]];
    case "eigh":
      return [[task.size, task.size]];
    case "train":
      return [
        task.net === "mlp" ? [task.batch, 784] : [task.batch, 28, 28, 1],
        [task.batch],
        ...parameterShapes[task.net],
      ];
  }
}

/** The operands, the same for everyone and in every run. */
export function inputsOf(task: Task): readonly Float32Array[] {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return inputShapes(task).map((shape, operand) => {
    const size = sizeOf(shape);
    if (task.op === "train" && operand === 1) return Float32Array.from({ length: size }, (_, index) => index % 10);
    // Weights are scaled by their fan-in, so that the loss moves; biases start at zero.
    const scale =
      task.op !== "train" || operand === 0 ? 1 : shape.length === 1 ? 0 : Math.sqrt(3 / sizeOf(shape.slice(0, -1)));
    const values = Float32Array.from({ length: size }, () => scale * next());
    return task.op === "eigh" ? symmetric(values, task.size) : values;
  });
}

function symmetric(values: Float32Array, size: number): Float32Array {
  return values.map((_, index) => {
    const [row, column] = [Math.floor(index / size), index % size];
    return values[Math.min(row, column) * size + Math.max(row, column)] ?? 0;
  });
}

/** Runs before results are compared: a few steps of training, or one computation. */
export const runsToCompare = (task: Task): number => (task.op === "train" ? 3 : 1);
