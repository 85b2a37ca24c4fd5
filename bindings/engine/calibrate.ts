// Measures a device so that placement compares figures of this machine: products, convolutions, streams, exponentials,
// eigenproblems and transfers at several sizes, and what a kernel costs that does nothing. In slices of a few milliseconds
// with the event loop in between. Knows backends through their interface only.
// Read next: probe.ts for what is run; profile.ts for what comes of it; tuning.ts, which decides when.
import type { Backend, Program, Storage } from "../backends/backend.ts";
import { sizeOf } from "../core/shape.ts";
import type { Work } from "../ops/descriptor.ts";
import type { Probe, Ready } from "./probe.ts";
import { launches, probes, readyProbe } from "./probe.ts";
import type { Curve, DeviceProfile, Link, Rate } from "./profile.ts";
import { works } from "./profile.ts";

/** How a measurement goes about it. */
export interface Pace {
  /** Milliseconds for a device, roughly. */
  readonly budget: number;
  /** Lets others have a turn. Throws to give up. */
  readonly breathe: () => Promise<void>;
}

/** Milliseconds that no run of a GPU is expected to take longer than: larger sizes are left out on a slow one. */
const longestRun = 12;
/** The runtime compiles kernels better once they have run for a while: every figure is the best of two visits. */
const visits = 2;
/** Least microseconds a kernel is said to take: below that the clock decides. */
const least = 0.02;

/** Measures a device. */
export async function measure(backend: Backend, pace: Pace): Promise<DeviceProfile> {
  await backend.started?.();
  const timer = new Timer(backend, pace);
  try {
    return await timer.profile();
  } finally {
    timer.dispose();
  }
}

/** A probe with what it takes to run it. */
interface Bench {
  readonly probe: Probe;
  readonly ready: Ready;
  readonly program: Program;
  readonly inputs: readonly Storage[];
  /** Microseconds of the fastest run. */
  best: number;
}

class Timer {
  private readonly backend: Backend;
  private readonly pace: Pace;
  private readonly open: Bench[] = [];
  /** Milliseconds for one visit to one probe. */
  private readonly share: number;
  /** Microseconds of waiting for a device that has next to nothing to do. */
  private wait = 0;

  constructor(backend: Backend, pace: Pace) {
    this.backend = backend;
    this.pace = pace;
    this.share = pace.budget / visits / (probes.length + 12);
  }

  async profile(): Promise<DeviceProfile> {
    const [single, many] = [await this.bench(launches(1)), await this.bench(launches(17))];
    for (let visit = 0; visit < visits; visit++) for (const bench of [single, many]) await this.visit(bench);
    this.wait = this.backend.readsSynchronously ? 0 : single.best;
    // Kernels beyond the first share a program: their cost is that of a launch inside of one.
    const launch = Math.max(least, (many.best - single.best) / 16);
    const start = await this.startOf(single);
    const benches = await this.benchAll();
    const { flops, bytes } = curvesOf(benches, launch);
    const rateOf = (work: Work): Rate => ({
      launch,
      flops: flops[work] ?? [[1, 1000]],
      bytes: bytes.length > 0 ? bytes : [[1, 1000]],
    });
    return {
      start,
      rates: Object.fromEntries(works.map((work) => [work, rateOf(work)])) as Record<Work, Rate>,
      upload: await this.link("upload"),
      download: await this.link("download"),
      measured: true,
      corrections: [],
    };
  }

  dispose(): void {
    for (const { program, inputs } of this.open.splice(0)) {
      program.dispose();
      for (const storage of inputs) storage.release();
    }
  }

  /** Every probe that is not too large for the device, smaller ones before larger ones of their kind. */
  private async benchAll(): Promise<Bench[]> {
    const found: Bench[] = [];
    for (const probe of probes) {
      const known = found.filter((bench) => bench.probe.kind === probe.kind).at(-1);
      if (probe.devices?.includes(this.backend.name) === false) continue;
      const scale = known === undefined ? 0 : probe.size / known.probe.size;
      const isSlow = known !== undefined && known.best * scale > 1000 * longestRun;
      if (isSlow && !this.backend.readsSynchronously) continue;
      const bench = await this.bench(probe);
      await this.visit(bench);
      found.push(bench);
    }
    for (let visit = 1; visit < visits; visit++) for (const bench of found) await this.visit(bench);
    return found;
  }

  private async bench(probe: Probe): Promise<Bench> {
    const ready = readyProbe(probe, this.backend);
    const program = this.backend.compile(ready.segment);
    const inputs: Storage[] = [];
    const bench: Bench = { probe, ready, program, inputs, best: Number.POSITIVE_INFINITY };
    this.open.push(bench);
    for (const shape of probe.shapes) {
      const data = new Float32Array(sizeOf(shape));
      for (let index = 0; index < data.length; index++) data[index] = 0.25 + (index & 7) / 16;
      inputs.push(this.backend.upload(data, "f32"));
    }
    await program.compileAhead?.();
    await this.pace.breathe();
    return bench;
  }

  /** Runs for its share of the time, at least twice, and keeps the fastest. */
  private async visit(bench: Bench): Promise<void> {
    const begun = performance.now();
    let runs = 1;
    for (let round = 0; round < 2 || performance.now() - begun < this.share; round++) {
      const elapsed = await this.time(bench, runs);
      // What waiting takes is little of several runs; where it is much, it cannot be told from the work.
      const waited = runs > 1 ? Math.min(this.wait, 750 * elapsed) : 0;
      bench.best = Math.min(bench.best, Math.max(least, (1000 * elapsed - waited) / runs));
      // A device that must be waited for is given several runs at once, and a clock that ticks slowly more than a tick.
      runs = Math.min(64, Math.max(1, Math.round((runs * Math.min(this.share, 2)) / Math.max(elapsed, 1e-3))));
    }
    await this.pace.breathe();
  }

  /** Milliseconds of so many runs, waited for at the end. */
  private async time({ program, inputs }: Bench, runs: number): Promise<number> {
    const begun = performance.now();
    for (let run = 0; run < runs; run++) for (const output of program.run(inputs, [])) output.release();
    await this.backend.idle();
    return performance.now() - begun;
  }

  /** Microseconds of the host for handing a program over, without waiting for it. */
  private async startOf({ program, inputs }: Bench): Promise<number> {
    const runs = 10;
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const begun = performance.now();
      for (let run = 0; run < runs; run++) for (const output of program.run(inputs, [])) output.release();
      best = Math.min(best, performance.now() - begun);
      await this.backend.idle();
    }
    return Math.max(least, (1000 * best) / runs);
  }

  private async link(direction: "upload" | "download"): Promise<Link> {
    const latency = await this.transfer(direction, 16);
    const points: (readonly [number, number])[] = [];
    for (const bytes of [2 ** 14, 2 ** 18, 2 ** 22]) {
      const time = await this.transfer(direction, bytes / 4);
      points.push([bytes, bytes / Math.max(least, time - latency, time / 4)]);
      if (time > 1000 * longestRun && !this.backend.readsSynchronously) break;
    }
    return { latency, bytes: points };
  }

  /** Microseconds of the fastest of some transfers. */
  private async transfer(direction: "upload" | "download", elements: number): Promise<number> {
    const { backend } = this;
    const data = new Float32Array(elements);
    let storage = backend.upload(data, "f32");
    await backend.idle();
    let best = Number.POSITIVE_INFINITY;
    const begun = performance.now();
    for (let round = 0; round < 3 || performance.now() - begun < this.share; round++) {
      const from = performance.now();
      if (direction === "download") await backend.download(storage);
      else {
        storage.release();
        storage = backend.upload(data, "f32");
        await backend.idle();
      }
      best = Math.min(best, performance.now() - from);
    }
    storage.release();
    await this.pace.breathe();
    return Math.max(least, 1000 * best);
  }
}

/** Rates by size, of operations for every class of work and of bytes for all. */
function curvesOf(
  benches: readonly Bench[],
  launch: number,
): { readonly flops: Partial<Record<Work, Curve>>; readonly bytes: Curve } {
  const points = (kinds: (probe: Probe) => boolean, amount: (ready: Ready) => number): Curve =>
    benches
      .filter(({ probe }) => kinds(probe))
      .map(({ ready, best }): readonly [number, number] => [
        amount(ready),
        amount(ready) / Math.max(best - launch, best / 10),
      ])
      .sort(([a], [b]) => a - b)
      .filter(([at], index, all) => index === 0 || at > (all[index - 1]?.[0] ?? 0));
  const flops: Partial<Record<Work, Curve>> = {};
  for (const work of works) {
    const curve = points(
      (probe) => probe.work === work && probe.bounds === "flops",
      (ready) => ready.flops,
    );
    if (curve.length > 0) flops[work] = curve;
  }
  return {
    flops,
    bytes: points(
      ({ bounds }) => bounds === "bytes",
      (ready) => ready.bytes,
    ),
  };
}
