// What work costs on each device of this machine, in microseconds: launch + max(operations / rate, bytes / bandwidth), and what
// waiting for each other costs the invocations of a GPU; rates by size, corrected by the running medians of what real runs took.
// Knows no graph.
// Read next: graph/place.ts, which asks; profile.ts for the figures; calibrate.ts, which measures them.
import type { DeviceName } from "../../backends/backend.ts";
import { median } from "../../core/median.ts";
import type { Amount, Costs } from "../../graph/place.ts";
import type { Work } from "../../ops/descriptor.ts";
import type { Correction, DeviceProfile, Link, Profile } from "./profile.ts";
import { format, guesses, rateAt } from "./profile.ts";

/** Where the figures in use come from. */
export type Origin = "built in" | "measured" | "stored" | "imported";

/** Samples of a bucket that are remembered: old ones make room for new ones. */
const remembered = 15;
/** Samples from which on they count. */
const enough = 3;
/** A single run may have been disturbed by anything: what is further from the prediction than this is taken for this far. */
const furthest = 16;
/** A correction that has changed by more than this since plans were made makes them anew. */
const unexpected = 1.5;

/** What runs of one class and size on one device took, as multiples of what was predicted. */
class History {
  private readonly ratios: number[];
  /** The median when plans were last made. */
  planned: number;

  constructor(ratio?: number) {
    this.ratios = ratio === undefined ? [] : Array<number>(enough).fill(ratio);
    this.planned = this.median;
  }

  add(ratio: number): void {
    this.ratios.push(Math.min(furthest, Math.max(1 / furthest, ratio)));
    if (this.ratios.length > remembered) this.ratios.shift();
  }

  get isKnown(): boolean {
    return this.ratios.length >= enough;
  }

  get median(): number {
    return this.isKnown ? median(this.ratios) : 1;
  }
}

/** The cost model of one engine. */
export class CostModel implements Costs {
  /** Where the figures come from, and when they were measured, as an ISO date. */
  origin: Origin = "built in";
  measuredAt: string | null = null;
  private readonly profiles = new Map<DeviceName, DeviceProfile>();
  private readonly histories: Record<DeviceName, Map<string, History>> = { wasm: new Map(), webgpu: new Map() };

  /** What is known of a device, with what runs have taught so far. */
  profile(device: DeviceName): DeviceProfile {
    const profile = this.base(device);
    const corrections = [...this.histories[device]].flatMap(([key, history]): Correction[] => {
      const [work = "", bucket = ""] = key.split(" ");
      return history.isKnown ? [{ work: work as Work, bucket: Number(bucket), ratio: history.median }] : [];
    });
    return { ...profile, corrections };
  }

  setProfile(device: DeviceName, profile: DeviceProfile): void {
    this.profiles.set(device, profile);
    this.histories[device] = new Map(
      profile.corrections.map(({ work, bucket, ratio }) => [`${work} ${String(bucket)}`, new History(ratio)]),
    );
  }

  /** Takes over the figures of a profile. */
  adopt(profile: Profile, origin: Origin): void {
    for (const name of ["wasm", "webgpu"] as const) {
      const device = profile.devices[name];
      if (device !== undefined) this.setProfile(name, device);
    }
    this.origin = origin;
    this.measuredAt = profile.measuredAt;
  }

  /** The figures as a profile, with what runs have taught. */
  export(machine: string, devices: readonly DeviceName[]): Profile {
    const known = devices.map((name) => [name, this.profile(name)] as const);
    return { format, machine, measuredAt: this.measuredAt, devices: Object.fromEntries(known) };
  }

  compute(device: DeviceName, amount: Amount): number {
    const base = this.uncorrected(device, amount);
    const histories = this.histories[device];
    return histories.size === 0 ? base : base * (histories.get(keyOf(amount))?.median ?? 1);
  }

  start(device: DeviceName): number {
    return this.base(device).start;
  }

  /** Microseconds of a kernel that does nothing. */
  launch(device: DeviceName, work: Work): number {
    return this.base(device).rates[work].launch;
  }

  transfer(from: DeviceName | "host", to: DeviceName | "host", bytes: number): number {
    if (from === to) return 0;
    const parts: Link[] = [];
    if (from !== "host") parts.push(this.base(from).download);
    if (to !== "host") parts.push(this.base(to).upload);
    return parts.reduce((time, link) => time + link.latency + bytes / rateAt(link.bytes, bytes), 0);
  }

  /** Prediction by the rates alone. */
  uncorrected(device: DeviceName, { work, flops, bytes, meetings = 0 }: Amount): number {
    const { rates, meetings: met } = this.base(device);
    const rate = rates[work];
    const waiting = meetings === 0 || met === undefined ? 0 : meetings / rateAt(met, meetings);
    return rate.launch + Math.max(flops / rateAt(rate.flops, flops), bytes / rateAt(rate.bytes, bytes)) + waiting;
  }

  /** Takes in that such a kernel took `ratio` times its uncorrected prediction. True if plans made before may be wrong now. */
  learn(device: DeviceName, amount: Amount, ratio: number): boolean {
    if (!(ratio > 0)) return false;
    const key = keyOf(amount);
    let history = this.histories[device].get(key);
    if (history === undefined) this.histories[device].set(key, (history = new History()));
    history.add(ratio);
    const change = history.median / history.planned;
    if (change < unexpected && change > 1 / unexpected) return false;
    history.planned = history.median;
    return true;
  }

  private base(device: DeviceName): DeviceProfile {
    return this.profiles.get(device) ?? guesses[device];
  }
}

/** Class and size of a kernel in one text. */
const keyOf = ({ work, flops, bytes }: Amount): string =>
  `${work} ${String(Math.round(Math.log2(Math.max(1, flops, bytes))))}`;
