// Measures a device so that placement compares figures of this machine: products, convolutions, streams, exponentials, folds,
// eigenproblems and transfers at several sizes, and what a kernel costs that does nothing. Samples are taken until they agree,
// in slices of a few milliseconds with the event loop in between. Knows backends through their interface only.
// Read next: probe.ts for what is run; samples.ts; profile.ts for what comes of it; tuning.ts, which decides when.
import type { Backend, Program, Storage } from "../../backends/backend.ts";
import type { TypedArray } from "../../core/dtype.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Work } from "../../ops/descriptor.ts";
import { resolution } from "./learning.ts";
import type { Probe, Ready } from "./probe.ts";
import { launches, probes, readyProbe } from "./probe.ts";
import type { Curve, DeviceProfile, Effort, Link, Rate } from "./profile.ts";
import { rateAt, works } from "./profile.ts";
import { Samples } from "./samples.ts";

/** How a measurement goes about it. */
export interface Pace {
  /** Milliseconds for a device, roughly, where samples never agree. */
  readonly budget: number;
  /** Lets others have a turn. Throws to give up. */
  readonly breathe: () => Promise<void>;
}

/** Milliseconds that no run is expected to take longer than, on the CPU and on a GPU: larger sizes are left out there. */
const [longestOnCpu, longestOnGpu] = [10, 12];
/** Milliseconds of a visit after which no other run of it begins: some sizes take longer than smaller ones have told. */
const longestVisit = 40;
/** Milliseconds after which others have a turn: a run that begins sooner is finished first. */
const slice = 2;
/** Milliseconds of a sample on a device that is not waited for, and on one that is. */
const [shortSample, waitedSample] = [0.25, 2];
/** Least ticks of the clock in a sample. */
const ticks = 20;
/** The runtime compiles kernels better once they have run for a while: every figure is the best of two visits. */
const visits = 2;
/** Least microseconds a kernel is said to take: below that the clock decides. */
const least = 0.02;
/** What a launch is at most of the quickest thing that was measured. */
const launchShare = 0.75;
/** A kernel that waits for more than this share of its time tells how fast waiting is, and nothing else. */
const mostWaiting = 0.6;
/** Kernels beyond the first in the longer of the two programs that tell what a launch costs. */
const links = 8;

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
  /** Microseconds of a run. */
  readonly samples: Samples;
  /** Runs of the next sample. */
  runs: number;
}

class Timer {
  private readonly backend: Backend;
  private readonly pace: Pace;
  private readonly open: Bench[] = [];
  /** Milliseconds for one visit to one probe whose samples do not agree, and for one sample. */
  private readonly share: number;
  private readonly sample: number;
  /** Microseconds of waiting for a device that has next to nothing to do. */
  private wait = 0;
  /** When it began, when others were last given a turn, when they last had one, and what it came to. */
  private readonly begun = performance.now();
  private breathed = this.begun;
  private turned = this.begun;
  private compiling = 0;
  private longest = 0;

  constructor(backend: Backend, pace: Pace) {
    this.backend = backend;
    this.pace = pace;
    this.share = pace.budget / visits / (probes.length + 12);
    const shortest = backend.readsSynchronously ? shortSample : waitedSample;
    this.sample = Math.max(shortest, (ticks * resolution()) / 1000);
  }

  async profile(): Promise<DeviceProfile> {
    const [single, many] = [await this.bench(launches(1)), await this.bench(launches(1 + links))];
    for (let visit = 0; visit < visits; visit++) for (const bench of [single, many]) await this.visit(bench);
    this.wait = this.backend.readsSynchronously ? 0 : single.samples.best;
    // Kernels beyond the first share a program: their cost is that of a launch inside of one.
    const inChain = (many.samples.best - single.samples.best) / links;
    const start = await this.startOf(single);
    const benches = await this.benchAll();
    // No kernel takes less than a launch, but the chain may say more than a launch: barriers of products are dear on some devices.
    const most = Math.min(...benches.map(({ samples: { best } }) => launchShare * best));
    const launch = Math.max(least, Math.min(inChain, most));
    const meetings = curveOf(
      benches.filter(({ probe }) => probe.bounds === "meetings"),
      "meetings",
      ({ samples: { best } }) => Math.max(best - launch, best / 10),
    );
    const rates = ratesOf(benches, launch, meetings);
    const upload = await this.link("upload");
    const download = await this.link("download", this.copying(rates.stream));
    const waiting = meetings === undefined ? {} : { meetings };
    const effort = this.effort();
    return { start, rates, ...waiting, upload, download, measured: true, effort, corrections: [] };
  }

  dispose(): void {
    for (const { program, inputs } of this.open.splice(0)) {
      program.dispose();
      for (const storage of inputs) storage.release();
    }
  }

  private effort(): Effort {
    const { compiling, longest } = this;
    return { total: performance.now() - this.begun, compiling, longest };
  }

  /** Lets others have a turn if they have waited for a while. */
  private async rest(): Promise<void> {
    if (performance.now() - this.breathed < slice) return;
    this.longest = Math.max(this.longest, performance.now() - this.turned);
    await this.pace.breathe();
    this.turned = this.breathed = performance.now();
  }

  /** Waits for the device. While a GPU computes others have their turns. */
  private async meanwhile<T>(work: Promise<T>): Promise<T> {
    if (this.backend.readsSynchronously) return await work;
    this.longest = Math.max(this.longest, performance.now() - this.turned);
    const result = await work;
    this.turned = performance.now();
    return result;
  }

  /** Every probe that is not too large for the device, smaller ones before larger ones of their kind. */
  private async benchAll(): Promise<Bench[]> {
    const found: Bench[] = [];
    const longest = 1000 * (this.backend.readsSynchronously ? longestOnCpu : longestOnGpu);
    for (const probe of probes) {
      if (probe.devices?.includes(this.backend.name) === false) continue;
      const smaller = found.filter(({ probe: { kind } }) => kind === probe.kind);
      const known = smaller.at(-1);
      const isTooLong = (): boolean =>
        known !== undefined && known.samples.best * (probe.size / known.probe.size) > longest;
      // One that was disturbed would be all that is known of its kind.
      if (known !== undefined && isTooLong() && smaller.length === 1) await this.visit(known, 1);
      if (isTooLong()) continue;
      const bench = await this.bench(probe);
      // A device may have another method for the smaller ones.
      if (!bench.ready.isOfItsClass) continue;
      await this.visit(bench);
      found.push(bench);
    }
    for (let visit = 1; visit < visits; visit++) for (const bench of found) await this.visit(bench, 1);
    // What was disturbed cannot have taken longer than a larger one of its kind.
    for (const bench of found)
      for (const { probe, samples } of found)
        if (probe.kind === bench.probe.kind && probe.size > bench.probe.size) bench.samples.add(samples.best);
    return found;
  }

  private async bench(probe: Probe): Promise<Bench> {
    const ready = readyProbe(probe, this.backend);
    const inputs: Storage[] = [];
    const program = this.backend.compile(ready.segment);
    const bench: Bench = { probe, ready, program, inputs, samples: new Samples(), runs: 1 };
    this.open.push(bench);
    await this.rest();
    if (!ready.isOfItsClass) return bench;
    for (const [index, shape] of probe.shapes.entries()) {
      const rows = probe.indices?.includes(index) === true ? shape[0] : undefined;
      inputs.push(this.backend.upload(operand(sizeOf(shape), rows), rows === undefined ? "f32" : "i32"));
      await this.rest();
    }
    const from = performance.now();
    await this.meanwhile(program.compileAhead?.() ?? Promise.resolve());
    this.compiling += performance.now() - from;
    return bench;
  }

  /** Runs until samples agree or its share of the time is over, at least so many times unless it is found to take long. */
  private async visit(bench: Bench, fewest = 2): Promise<void> {
    const { samples } = bench;
    const begun = performance.now();
    for (let round = 0; ; round++) {
      const spent = performance.now() - begun;
      if (round > 0 && spent > longestVisit) break;
      if (round >= fewest && (samples.agree || spent >= this.share)) break;
      const { runs } = bench;
      const elapsed = await this.time(bench, runs);
      // What waiting takes is little of several runs; where it is much, it cannot be told from the work.
      const waited = runs > 1 ? Math.min(this.wait, 750 * elapsed) : 0;
      samples.add(Math.max(least, (1000 * elapsed - waited) / runs));
      bench.runs = this.runsOf(runs, elapsed);
      await this.rest();
    }
  }

  /** So many runs that a sample is long enough, by what some took. */
  private runsOf(runs: number, elapsed: number): number {
    return Math.min(256, Math.max(1, Math.round((runs * Math.min(this.share, this.sample)) / Math.max(elapsed, 1e-3))));
  }

  /** Milliseconds of so many runs, waited for at the end. */
  private async time({ program, inputs }: Bench, runs: number): Promise<number> {
    const begun = performance.now();
    for (let run = 0; run < runs; run++) for (const output of program.run(inputs, [])) output.release();
    await this.meanwhile(this.backend.idle());
    return performance.now() - begun;
  }

  /** Microseconds of the host for handing a program over, without waiting for it. */
  private async startOf({ program, inputs }: Bench): Promise<number> {
    const runs = 10;
    const samples = new Samples();
    for (let round = 0; round < 3; round++) {
      const begun = performance.now();
      for (let run = 0; run < runs; run++) for (const output of program.run(inputs, [])) output.release();
      samples.add((1000 * (performance.now() - begun)) / runs);
      await this.meanwhile(this.backend.idle());
      await this.rest();
    }
    return Math.max(least, samples.best);
  }

  /**
   * Bytes a microsecond of a large copy for the host, where the device has the same memory: it reads and writes each. It is not
   * measured there: the first copies go to memory that nobody has touched, which takes several times as long; later ones do not.
   */
  private copying({ bytes }: Rate): number | undefined {
    return this.backend.readsSynchronously ? (bytes.at(-1)?.[1] ?? 0) / 2 : undefined;
  }

  private async link(direction: "upload" | "download", copying?: number): Promise<Link> {
    const latency = await this.transfer(direction, 16);
    const points: (readonly [number, number])[] = [];
    for (const bytes of [2 ** 16, 2 ** 18, 2 ** 22]) {
      if (copying !== undefined && bytes === 2 ** 22) {
        points.push([bytes, copying]);
        break;
      }
      const time = await this.transfer(direction, bytes / 4);
      const rate = bytes / Math.max(least, time - latency, time / 4);
      // Beyond small ones, some go to memory that was touched before and some do not.
      points.push([bytes, copying === undefined || bytes === 2 ** 16 ? rate : Math.sqrt(rate * copying)]);
      if (time > 1000 * longestOnGpu && !this.backend.readsSynchronously) break;
    }
    return { latency, bytes: points };
  }

  /** Microseconds of the fastest of some transfers. */
  private async transfer(direction: "upload" | "download", elements: number): Promise<number> {
    const { backend } = this;
    const data = operand(elements);
    let storage = backend.upload(data, "f32");
    await this.meanwhile(backend.idle());
    const samples = new Samples();
    const begun = performance.now();
    let runs = 1;
    for (let round = 0; round < 3 || (!samples.agree && performance.now() - begun < this.share); round++) {
      const from = performance.now();
      for (let run = 0; run < runs; run++) {
        if (direction === "download") await this.meanwhile(backend.download(storage));
        else {
          storage.release();
          storage = backend.upload(data, "f32");
          await this.meanwhile(backend.idle());
        }
      }
      const elapsed = performance.now() - from;
      samples.add((1000 * elapsed) / runs);
      if (backend.readsSynchronously) runs = this.runsOf(runs, elapsed);
      await this.rest();
    }
    storage.release();
    return Math.max(least, samples.best);
  }
}

/** Numbers that do not repeat within a row: a few that are drawn, copied again and again. Of `rows`, indices of rows. */
function operand(size: number, rows?: number): TypedArray {
  const data = rows === undefined ? new Float32Array(size) : new Int32Array(size);
  const head = Math.min(size, 1021);
  for (let index = 0; index < head; index++) {
    const share = (index * 0.618034) % 1;
    data[index] = rows === undefined ? 0.25 + share / 2 : Math.floor(share * rows);
  }
  for (let done = head; done < size; done *= 2) data.copyWithin(done, 0, Math.min(done, size - done));
  return data;
}

/** What is done in a microsecond, by how much of it there is; undefined where nothing tells. */
function curveOf(
  benches: readonly Bench[],
  bounds: Probe["bounds"],
  timeOf: (bench: Bench) => number,
): Curve | undefined {
  const curve = benches
    .map((bench): readonly [number, number] => [bench.ready[bounds], bench.ready[bounds] / timeOf(bench)])
    .sort(([a], [b]) => a - b)
    .filter(([at], index, all) => at > (index === 0 ? 0 : (all[index - 1]?.[0] ?? 0)));
  return curve.length > 0 ? curve : undefined;
}

/** Rates by size: of operations for every class of work, of bytes for those that were measured apart. */
function ratesOf(benches: readonly Bench[], launch: number, meetings: Curve | undefined): Record<Work, Rate> {
  const waiting = ({ ready }: Bench): number =>
    meetings === undefined || ready.meetings === 0 ? 0 : ready.meetings / rateAt(meetings, ready.meetings);
  const points = (work: Work, bounds: "flops" | "bytes"): Curve | undefined => {
    const own = benches.filter(({ probe }) => probe.work === work && probe.bounds === bounds);
    // Where nearly all of the time is waiting it tells nothing of the rest, and the smallest one alone tells little.
    if (own.some((bench) => waiting(bench) > mostWaiting * bench.samples.best)) return undefined;
    return curveOf(own, bounds, (bench) =>
      Math.max(bench.samples.best - launch - waiting(bench), bench.samples.best / 10),
    );
  };
  const unknown: Curve = [[1, 1000]];
  const flopsOf = (work: Work): Curve => {
    // What a device has no method of its own for, or is too slow to be asked, is done as the others are.
    const other = work === "winograd" ? "convolution" : work === "factorization" ? "smallFactorization" : "stream";
    return points(work, "flops") ?? points(other, "flops") ?? points("stream", "flops") ?? unknown;
  };
  const bytesOf = (work: Work): Curve => points(work, "bytes") ?? points("stream", "bytes") ?? unknown;
  const rateOf = (work: Work): Rate => ({ launch, flops: flopsOf(work), bytes: bytesOf(work) });
  return Object.fromEntries(works.map((work) => [work, rateOf(work)])) as Record<Work, Rate>;
}
