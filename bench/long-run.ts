// Thousands of training steps, and whether memory stays as it was: `npm run bench -- memory --steps 5000`. Three small nets (a
// convolutional one, an LSTM, an encoder with attention), through `fit` and through the plain loop, on each device there is.
// Grown memory is a problem in the row and exit code 1. Read next: memory.ts; ../test/webgpu/steady.test.ts for a step's counts.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { DeviceName } from "../bindings/backends/backend.ts";
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { dataset } from "../bindings/data/index.ts";
import { defaultEngine, init, memory, scope, shutdown, withDevice } from "../bindings/engine/index.ts";
import * as nn from "../bindings/nn/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { Adam } from "../bindings/optim/index.ts";
import { manualSeed } from "../bindings/random/index.ts";
import { fit } from "../bindings/train/index.ts";
import { classes, Encoder, labelled, length, samples, SequenceClassifier, width } from "../test/webgpu/networks.ts";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";
import { say } from "./row.ts";

const batchSize = 4;
/** Steps of an epoch: memory is looked at when one ends, so that the same things are under way each time. */
const epochSteps = samples / batchSize;
/** The steps after which memory is looked at. What comes before the first may still grow. */
const marksOf = (steps: number): readonly number[] =>
  [...new Set([100, 1000, steps / 2, steps].map((step) => step - (step % epochSteps)))]
    .filter((step) => step > 0 && step <= steps)
    .sort((a, b) => a - b);

interface Net {
  readonly name: string;
  readonly shape: readonly number[];
  readonly make: () => nn.Module<[x: Tensor]>;
}

/** A LeNet in small: two convolutions, each with relu and pooling, and two layers. */
class Convolutional extends nn.Module<[x: Tensor]> {
  readonly first = new nn.Conv2d(1, 4, 5, { padding: 2 });
  readonly second = new nn.Conv2d(4, 8, 3);
  readonly hidden = new nn.Linear(32, 16);
  readonly head = new nn.Linear(16, classes);

  forward(x: Tensor): Tensor {
    const coarse = ops.maxPool2d(this.first.forward(x).relu(), { window: 2 });
    const fine = ops.maxPool2d(this.second.forward(coarse).relu(), { window: 2 });
    return this.head.forward(this.hidden.forward(ops.flatten(fine, 1)).relu());
  }
}

const nets: readonly Net[] = [
  { name: "lenet", shape: [12, 12, 1], make: () => new Convolutional() },
  { name: "lstm", shape: [length, width], make: () => new SequenceClassifier() },
  { name: "transformer", shape: [length, width], make: () => new Encoder() },
];

/** What is there after so many steps. */
interface Mark {
  readonly step: number;
  readonly inUse: number;
  readonly reserved: number;
  readonly peak: number;
  readonly tensors: number;
  readonly script: number;
  readonly counts: WebGPUBackend["counts"] | undefined;
}

/** Counts the tensors that were neither disposed nor collected. */
class Census {
  private seen: WeakRef<Tensor>[] = [];
  private limit = 1000;
  private readonly collect: () => void;

  constructor() {
    setFlagsFromString("--expose-gc");
    this.collect = runInNewContext("gc") as () => void;
    const engine = defaultEngine();
    const handle = engine.handle.bind(engine);
    engine.handle = (...parameters) => {
      const made = handle(...parameters);
      this.seen.push(new WeakRef(made));
      if (this.seen.length > this.limit) this.tidy();
      return made;
    };
  }

  async count(): Promise<{ readonly tensors: number; readonly script: number }> {
    // Finalizers and what they let go of get their turns.
    for (let round = 0; round < 3; round++) {
      this.collect();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.tidy();
    return { tensors: this.seen.length, script: process.memoryUsage().heapUsed };
  }

  private tidy(): void {
    this.seen = this.seen.filter((entry) => entry.deref()?.isDisposed === false);
    this.limit = 1000 + 2 * this.seen.length;
  }
}

/** Trains for so many steps; `look` is called after those of `marks`. */
type Loop = (
  net: Net,
  device: DeviceName,
  steps: number,
  marks: readonly number[],
  look: (step: number) => Promise<void>,
) => Promise<void>;

/** By `fit`; epochs end at the marks. */
const fitted: Loop = async (net, device, steps, marks, look) => {
  const model = net.make();
  const onEpochEnd = async ({ epoch }: { readonly epoch: number }): Promise<undefined> => {
    if (marks.includes(epoch * epochSteps)) await look(epoch * epochSteps);
  };
  const { x, y } = labelled(net.shape);
  await fit(model, dataset(x, y), {
    optimizer: new Adam(model.parameters()),
    ...{ loss: nn.crossEntropy, epochs: Math.ceil(steps / epochSteps), batchSize, device, seed: 5, progress: false },
    callbacks: [{ onEpochEnd }],
  });
};

/** By hand: losses are read now and then. */
const looped: Loop = async (net, device, steps, marks, look) => {
  const model = net.make();
  const optimizer = new Adam(model.parameters());
  const { x, y } = labelled(net.shape);
  for (let step = 1; step <= steps; step++) {
    const from = ((step - 1) % epochSteps) * batchSize;
    const loss = withDevice(device, () =>
      optimizer.step(() =>
        scope(() =>
          nn.crossEntropy(model.forward(x.slice([from], [from + batchSize])), y.slice([from], [from + batchSize])),
        ),
      ),
    );
    if (step % 10 === 0) await loss.data();
    loss.dispose();
    if (marks.includes(step)) await look(step);
  }
};

const loops = { fit: fitted, loop: looped } as const;

async function measure(net: Net, kind: keyof typeof loops, device: DeviceName, steps: number): Promise<Row> {
  const name = `memory/${net.name}-${kind}-${steps}`;
  await init({ threads: 1, tune: "off", ...(device === "wasm" ? { webgpu: "off" } : {}) });
  try {
    const backend = defaultEngine().backends.get(device);
    if (backend === undefined) return rowOf(name, device, [], "there is no GPU");
    const census = new Census();
    const marks: Mark[] = [];
    manualSeed(3);
    const begun = performance.now();
    await loops[kind](net, device, steps, marksOf(steps), async (step) => {
      await backend.idle();
      const found = await census.count();
      const { inUse, reserved, peak } = memory()[device] ?? { inUse: 0, reserved: 0, peak: 0 };
      const counts = device === "webgpu" ? (backend as WebGPUBackend).counts : undefined;
      marks.push({ step, inUse, reserved, peak, ...found, counts });
    });
    const seconds = (performance.now() - begun) / 1000;
    say(`${name} on ${device}, ${seconds.toFixed(0)} s`);
    marks.forEach((mark, index) => {
      say(`  ${lineOf(mark, marks[index - 1])}`);
    });
    return rowOf(name, device, marks, growthOf(marks));
  } finally {
    await shutdown();
  }
}

function lineOf({ step, inUse, reserved, peak, tensors, script, counts }: Mark, before: Mark | undefined): string {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const parts = [`in use ${kib(inUse)}`, `reserved ${kib(reserved)}`, `peak ${kib(peak)}`, `${tensors} tensors`];
  parts.push(`script ${(script / 2 ** 20).toFixed(1)} MiB`);
  if (counts !== undefined) {
    const turns = step - (before?.step ?? 0);
    const since = (name: keyof typeof counts): number => counts[name] - (before?.counts?.[name] ?? 0);
    parts.push(`${counts.pipelines} pipelines`, `${since("bindGroups")} bind groups`, `${since("buffers")} buffers`);
    parts.push(`${(since("submits") / turns).toFixed(2)} submits a step`);
  }
  return `${String(step).padStart(5)}: ${parts.join(", ")}`;
}

/** What has grown since the first mark, in words; undefined if nothing has. */
function growthOf(marks: readonly Mark[]): string | undefined {
  const [first, last] = [marks[0], marks.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const grown = (["inUse", "reserved", "peak", "tensors"] as const).filter((part) => last[part] > first[part]);
  return grown.length === 0
    ? undefined
    : `grew between steps ${first.step} and ${last.step}: ${grown.map((part) => `${part} ${first[part]} → ${last[part]}`).join(", ")}`;
}

function rowOf(name: string, backend: DeviceName, marks: readonly Mark[], problem: string | undefined): Row {
  if (problem !== undefined && marks.length > 0) process.exitCode = 1;
  const last = marks.at(-1);
  return {
    ...{ name, backend, threads: 1, unit: "KiB" },
    value: last === undefined ? null : last.inUse / 1024,
    versus: marks.length === 0 ? null : "after the first steps",
    ratio: last === undefined ? null : (marks[0]?.inUse ?? 0) / last.inUse,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** A row for each net, loop and device. */
export const longRuns = (steps: number): readonly Measurement[] =>
  nets.flatMap((net) =>
    (["fit", "loop"] as const).map((kind) => ({
      name: `memory/${net.name}-${kind}-${steps}`,
      long: false,
      measure: async () => {
        const rows: Row[] = [];
        for (const device of ["wasm", "webgpu"] as const) rows.push(await measure(net, kind, device, steps));
        return rows;
      },
    })),
  );
