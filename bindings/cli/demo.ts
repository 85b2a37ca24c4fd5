// `athanor demo`: what was found, a network that learns to read digits, what it misreads, and what each device does best.
// Tells a person on standard output, or a program one JSON row a line. Read next: digits.ts, measure.ts.
import type { DeviceName } from "../backends/backend.ts";
import { defaultEngine, explain, init, withDevice } from "../engine/index.ts";
import type { DeviceChoice } from "./arguments.ts";
import { describeReport } from "./doctor.ts";
import type { Trained } from "./digits.ts";
import { examine, fullRecipe, pixelsOf, quickRecipe, trainDigits } from "./digits.ts";
import { drawImage, drawTable, showDuration, sideBySide } from "./drawing.ts";
import type { Measurement } from "./measure.ts";
import { measure } from "./measure.ts";
import type { Digits } from "./mnist.ts";
import { edge, loadMnist } from "./mnist.ts";
import type { Workload } from "./workloads.ts";
import { workloads } from "./workloads.ts";

export interface DemoOptions {
  readonly json: boolean;
  readonly quick: boolean;
  readonly device: DeviceChoice;
}

/** One measured figure. `versus` names what `ratio` compares it with; null where there is nothing to compare with. */
export interface Row {
  readonly name: string;
  readonly backend: DeviceChoice;
  readonly threads: number;
  readonly value: number;
  readonly unit: string;
  readonly versus: string | null;
  readonly ratio: number | null;
}

/** Where the demo's words and rows go; one of the two is silent. */
interface Outlet {
  say(text: string): void;
  row(row: Row): void;
}

export async function demo(options: DemoOptions): Promise<void> {
  const outlet: Outlet = {
    say: (text) => {
      if (!options.json) console.log(text);
    },
    row: (row) => {
      if (options.json) console.log(JSON.stringify(row));
    },
  };
  const report = await init(deviceOptions(options.device));
  outlet.say(`athanor\n\n${describeReport(report)}\n`);
  await learn(options, outlet);
  await compare(options, outlet);
}

function deviceOptions(device: DeviceChoice): { readonly webgpu: "auto" | "off" | "require" } {
  return { webgpu: device === "wasm" ? "off" : device === "webgpu" ? "require" : "auto" };
}

async function learn(options: DemoOptions, outlet: Outlet): Promise<void> {
  const { training, test } = await loadMnist();
  const recipe = options.quick ? quickRecipe : fullRecipe;
  outlet.say(
    `LeNet-5 learns ${recipe.samples.toLocaleString("en")} MNIST digits, ${recipe.epochs} epochs, ${recipe.batchSize} at a time`,
  );
  const trained = await trainDigits(training, recipe, options.device);
  const { accuracy, misread } = await examine(trained.model, test, options.device);
  report(trained, accuracy, options, outlet);
  outlet.say(
    `\ntest accuracy ${(100 * accuracy).toFixed(2)} % of ${test.count.toLocaleString("en")} digits it has never seen, ` +
      `after ${trained.seconds.toFixed(1)} s (${((1000 * trained.seconds) / trained.steps).toFixed(2)} ms a step)`,
  );
  const shown = misread.slice(0, 3);
  if (shown.length > 0) outlet.say(`\nmisread, with the greatest confidence:\n\n${drawMisread(test, shown)}\n`);
}

function drawMisread(digits: Digits, misread: Awaited<ReturnType<typeof examine>>["misread"]): string {
  return sideBySide(
    misread.map(({ index, label, answer, confidence }) => ({
      title: `${label} read as ${answer} (${(100 * confidence).toFixed(0)} %)`.padEnd(edge),
      lines: drawImage(pixelsOf(digits, index), edge),
    })),
  );
}

function report(trained: Trained, accuracy: number, options: DemoOptions, outlet: Outlet): void {
  const at = { backend: options.device, threads: 1 };
  outlet.row({ name: "mnist test accuracy", ...at, value: 100 * accuracy, unit: "%", versus: null, ratio: null });
  outlet.row({ name: "mnist training", ...at, value: trained.seconds, unit: "s", versus: null, ratio: null });
  const step = (1000 * trained.seconds) / trained.steps;
  outlet.row({ name: "mnist training step", ...at, value: step, unit: "ms", versus: null, ratio: null });
}

/** A device this many times slower than another (a software GPU) is given lighter work from then on. */
const hopeless = 50;

/** The table: each workload on each device, and where dispatch would send it. */
async function compare(options: DemoOptions, outlet: Outlet): Promise<void> {
  const budget = options.quick ? 100 : 300;
  const devices = [...defaultEngine().backends.keys()];
  const rows: string[][] = [];
  const slow = new Set<DeviceName>();
  for (const workload of workloads(options.quick)) {
    const choice = await dispatchOf(workload);
    const measured: Measurement[] = [];
    for (const device of devices) {
      const suited = slow.has(device) ? (workload.lighter ?? workload) : workload;
      measured.push(await measure(suited, device, budget));
    }
    const fastest = Math.max(...measured.map(({ rate }) => rate));
    for (const one of measured) {
      if (one.rate < fastest / hopeless) slow.add(one.backend);
      outlet.row(
        rowOf(
          one,
          measured.find((other) => other !== one),
        ),
      );
      rows.push([
        ...[workload.name, one.workload.size, one.backend, showDuration(one.milliseconds)],
        ...[`${one.rate.toPrecision(3)} ${workload.unit}`, one.backend === choice.device ? `◀ ${choice.reason}` : ""],
      ]);
    }
  }
  outlet.say(drawTable(["work", "size", "device", " time", " rate", "dispatch sends it there, because"], rows));
}

function rowOf(one: Measurement, other: Measurement | undefined): Row {
  const { workload, backend, threads, rate } = one;
  return {
    ...{ name: workload.name, backend, threads, value: rate, unit: workload.unit },
    ...{ versus: other?.backend ?? null, ratio: other === undefined ? null : rate / other.rate },
  };
}

/** Where the work goes when nothing is asked for, from explain(): the device of its heaviest kernel. */
async function dispatchOf(workload: Workload): Promise<{ readonly device: DeviceName; readonly reason: string }> {
  // As data comes: not from the GPU.
  const prepared = withDevice("wasm", () => workload.prepare());
  try {
    await Promise.all(prepared.inputs.map((input) => input.data()));
    const { kernels } = await explain(() => prepared.record());
    const heaviest = kernels.reduce((most, kernel) => (kernel.predicted > most.predicted ? kernel : most));
    return { device: heaviest.device, reason: heaviest.reason };
  } finally {
    prepared.dispose();
  }
}
