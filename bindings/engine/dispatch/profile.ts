// What is known of the speed of a machine, as plain data that survives JSON: built in, measured, stored, exported, imported.
// Reads what may be truncated or made up by somebody, and refuses it. Knows no engine and measures nothing.
// Read next: cost-model.ts, which predicts with it; calibrate.ts, which measures it.
import type { DeviceName } from "../../backends/backend.ts";
import { FormatError } from "../../core/errors.ts";
import type { Work } from "../../ops/descriptor.ts";

/** Speed against size: amounts, ascending, with what is done of such an amount in a microsecond. */
export type Curve = readonly (readonly [amount: number, perMicrosecond: number])[];

/** Speed of one class of work on one device. */
export interface Rate {
  /** Microseconds of a kernel of this class beside its work. */
  readonly launch: number;
  /** Floating-point operations a microsecond, by operations of the kernel. */
  readonly flops: Curve;
  /** Bytes a microsecond, by bytes the kernel reads and writes. */
  readonly bytes: Curve;
}

/** Cost of moving data between the host and a device. */
export interface Link {
  /** Microseconds for the smallest transfer. */
  readonly latency: number;
  /** Bytes a microsecond, by bytes moved. */
  readonly bytes: Curve;
}

/** What runs of a user's own work say: they take `ratio` times as long as the rates predict. */
export interface Correction {
  readonly work: Work;
  /** Binary logarithm of the operations or bytes of a kernel, whichever are more. */
  readonly bucket: number;
  readonly ratio: number;
}

/** What it took to measure a device, in milliseconds. */
export interface Effort {
  /** From beginning to end, with the turns that others had. */
  readonly total: number;
  /** Of these, waiting for shaders to be compiled. */
  readonly compiling: number;
  /** The longest that somebody else waited for a turn, compiling aside. */
  readonly longest: number;
}

/** The same in words. */
export function describeEffort({ total, compiling, longest }: Effort): string {
  const compiled = compiling < 1 ? "" : ` and ${compiling.toFixed(0)} ms of compiling shaders`;
  return `measured in ${(total - compiling).toFixed(0)} ms${compiled}, others waited ${longest.toFixed(0)} ms at most`;
}

/** Everything known of a device. */
export interface DeviceProfile {
  /** Microseconds of the host for handing a program over. */
  readonly start: number;
  readonly rates: Readonly<Record<Work, Rate>>;
  /**
   * On a GPU: how often in a microsecond an invocation waits for the others of its workgroup, by how often in the kernel. Such
   * waiting comes on top of operations and bytes.
   */
  readonly meetings?: Curve;
  readonly upload: Link;
  readonly download: Link;
  /** Whether the figures were measured or are those built in. */
  readonly measured: boolean;
  readonly effort?: Effort;
  readonly corrections: readonly Correction[];
  /** Which forms of kernels were found fastest, by kernel and size of the work; the device knows what the names mean. */
  readonly variants?: Readonly<Record<string, string>>;
}

/** A machine: its devices, and what tells it from other machines and builds. */
export interface Profile {
  readonly format: typeof format;
  /** What the figures depend on: engine, kernels, threads, runtime, processor, GPU. */
  readonly machine: string;
  /** When it was measured, as an ISO date; null for what is built in. */
  readonly measuredAt: string | null;
  readonly devices: Readonly<Partial<Record<DeviceName, DeviceProfile>>>;
}

export const format = "athanor-profile-2";

/** All classes of work. */
export const works: readonly Work[] = [
  ...(["contraction", "convolution", "winograd", "stream", "transcendental", "reduction", "indexed", "walk"] as const),
  ...(["sorting", "factorization", "smallFactorization"] as const),
];

const guess = (launch: number, flops: number, bytes: number): Rate => ({
  launch,
  flops: [[1, flops]],
  bytes: [[1, bytes]],
});

/** Figures of a modest machine, on the cautious side for the GPU; used until calibration. */
export const guesses: Readonly<Record<DeviceName, DeviceProfile>> = {
  wasm: {
    start: 1,
    rates: {
      contraction: guess(0.5, 20_000, 10_000),
      convolution: guess(1, 15_000, 10_000),
      winograd: guess(1, 30_000, 10_000),
      stream: guess(0.3, 4_000, 10_000),
      transcendental: guess(0.3, 4_000, 10_000),
      reduction: guess(0.3, 4_000, 10_000),
      indexed: guess(0.3, 3_000, 4_000),
      walk: guess(0.5, 8_000, 10_000),
      sorting: guess(0.3, 6_000, 10_000),
      factorization: guess(1, 10_000, 5_000),
      smallFactorization: guess(1, 1_000, 5_000),
    },
    upload: { latency: 0.5, bytes: [[1, 10_000]] },
    download: { latency: 0.5, bytes: [[1, 10_000]] },
    measured: false,
    corrections: [],
  },
  webgpu: {
    start: 50,
    rates: {
      contraction: guess(30, 200_000, 50_000),
      convolution: guess(30, 150_000, 50_000),
      winograd: guess(100, 200_000, 50_000),
      stream: guess(30, 50_000, 50_000),
      transcendental: guess(30, 50_000, 50_000),
      reduction: guess(30, 50_000, 20_000),
      indexed: guess(30, 10_000, 20_000),
      walk: guess(30, 50_000, 50_000),
      sorting: guess(100, 10_000, 20_000),
      factorization: guess(200, 1_000, 10_000),
      smallFactorization: guess(200, 1_000, 10_000),
    },
    meetings: [[1, 20_000]],
    upload: { latency: 50, bytes: [[1, 5_000]] },
    download: { latency: 500, bytes: [[1, 3_000]] },
    measured: false,
    corrections: [],
  },
};

/** Rate at an amount: between two points as the logarithm of the amount lies between theirs, beyond the ends as at the end. */
export function rateAt(curve: Curve, amount: number): number {
  let below: readonly [number, number] | undefined;
  for (const point of curve) {
    if (amount < point[0]) {
      if (below === undefined) return point[1];
      const share = Math.log(amount / below[0]) / Math.log(point[0] / below[0]);
      return below[1] * (point[1] / below[1]) ** share;
    }
    below = point;
  }
  return below?.[1] ?? Number.NaN;
}

/** Points of a curve, entries of a list, characters of a text: more than that nobody measured. */
const [mostPoints, mostCorrections, mostCharacters] = [64, 1000, 2 ** 20];

/** Reads a profile from text or from parsed JSON. Throws a FormatError in the name of `op` that says where it is wrong. */
export function parseProfile(op: string, source: unknown): Profile {
  const data = typeof source === "string" ? parseText(op, source) : source;
  const reader = new Reader(op);
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer)
    throw new FormatError(op, 'the profile must be a text or an object, got bytes. Read the file as text: "utf8"');
  const profile = reader.object(data, "the profile");
  if (profile.format !== format)
    reader.fail("the profile's format", `"${format}"`, profile.format, "Export it anew with this version of athanor");
  const { machine, measuredAt } = profile;
  if (typeof machine !== "string") return reader.fail("machine", "a text", machine);
  if (measuredAt !== null && (typeof measuredAt !== "string" || Number.isNaN(Date.parse(measuredAt))))
    return reader.fail("measuredAt", "a date or null", measuredAt);
  const devices = reader.object(profile.devices, "devices");
  const known: Partial<Record<DeviceName, DeviceProfile>> = {};
  for (const name of ["wasm", "webgpu"] as const)
    if (devices[name] !== undefined) known[name] = deviceOf(reader, devices[name], `devices.${name}`);
  if (Object.keys(known).length === 0) reader.fail("devices", "at least one of wasm and webgpu", profile.devices);
  return { format, machine, measuredAt, devices: known };
}

function parseText(op: string, text: string): unknown {
  if (text.length > mostCharacters)
    throw new FormatError(op, `a profile has a few thousand characters, this text has ${String(text.length)}`);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new FormatError(op, "the profile is not JSON, or it was cut off. Export it anew: exportProfile()", {
      cause: error,
    });
  }
}

function deviceOf(reader: Reader, source: unknown, at: string): DeviceProfile {
  const device = reader.object(source, at);
  const rates = reader.object(device.rates, `${at}.rates`);
  const rateOf = (work: Work): Rate => {
    const place = `${at}.rates.${work}`;
    const { launch, flops, bytes } = reader.object(rates[work], place);
    return {
      launch: reader.amount(launch, `${place}.launch`),
      flops: reader.curve(flops, `${place}.flops`),
      bytes: reader.curve(bytes, `${place}.bytes`),
    };
  };
  const linkOf = (name: "upload" | "download"): Link => {
    const { latency, bytes } = reader.object(device[name], `${at}.${name}`);
    return {
      latency: reader.amount(latency, `${at}.${name}.latency`),
      bytes: reader.curve(bytes, `${at}.${name}.bytes`),
    };
  };
  const meetings = device.meetings === undefined ? undefined : reader.curve(device.meetings, `${at}.meetings`);
  const variants = device.variants === undefined ? undefined : reader.texts(device.variants, `${at}.variants`);
  const effort = device.effort === undefined ? undefined : reader.object(device.effort, `${at}.effort`);
  const milliseconds = (name: keyof Effort): number => reader.time(effort?.[name], `${at}.effort.${name}`);
  const corrections = reader.list(device.corrections, mostCorrections, `${at}.corrections`);
  if (typeof device.measured !== "boolean") reader.fail(`${at}.measured`, "true or false", device.measured);
  return {
    start: reader.amount(device.start, `${at}.start`),
    rates: Object.fromEntries(works.map((work) => [work, rateOf(work)])) as Record<Work, Rate>,
    ...(meetings === undefined ? {} : { meetings }),
    upload: linkOf("upload"),
    download: linkOf("download"),
    measured: device.measured,
    ...(effort === undefined
      ? {}
      : {
          effort: {
            total: milliseconds("total"),
            compiling: milliseconds("compiling"),
            longest: milliseconds("longest"),
          },
        }),
    ...(variants === undefined ? {} : { variants }),
    corrections: corrections.map((entry, index): Correction => {
      const place = `${at}.corrections[${String(index)}]`;
      const { work, bucket, ratio } = reader.object(entry, place);
      const known = works.find((name) => name === work);
      if (known === undefined) return reader.fail(`${place}.work`, works.join(", "), work);
      const whole = typeof bucket === "number" && Number.isInteger(bucket) && bucket >= 0 && bucket < 64;
      if (!whole) return reader.fail(`${place}.bucket`, "a whole number below 64", bucket);
      return { work: known, bucket, ratio: reader.amount(ratio, `${place}.ratio`) };
    }),
  };
}

/** Checks parts of a profile and names the place of what is wrong. */
class Reader {
  private readonly op: string;

  constructor(op: string) {
    this.op = op;
  }

  fail(at: string, expected: string, got: unknown, advice = "Export it anew: exportProfile()"): never {
    const shown = (JSON.stringify(got) as string | undefined) ?? String(got);
    throw new FormatError(this.op, `${at} must be ${expected}, got ${shown.slice(0, 80)}. ${advice}`);
  }

  object(value: unknown, at: string): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) this.fail(at, "an object", value);
    return value as Readonly<Record<string, unknown>>;
  }

  list(value: unknown, most: number, at: string): readonly unknown[] {
    if (!Array.isArray(value) || value.length > most) this.fail(at, `a list of at most ${String(most)} entries`, value);
    return value as readonly unknown[];
  }

  /** Texts by name. */
  texts(value: unknown, at: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.object(value, at));
    if (entries.length > mostCorrections) this.fail(at, `at most ${String(mostCorrections)} entries`, value);
    for (const [name, text] of entries) if (typeof text !== "string") this.fail(`${at}.${name}`, "a text", text);
    return Object.fromEntries(entries) as Record<string, string>;
  }

  amount(value: unknown, at: string): number {
    if (typeof value !== "number" || !(value > 0) || value === Number.POSITIVE_INFINITY)
      this.fail(at, "a number above zero", value);
    return value;
  }

  time(value: unknown, at: string): number {
    if (typeof value !== "number" || !(value >= 0) || value === Number.POSITIVE_INFINITY)
      this.fail(at, "a number of milliseconds", value);
    return value;
  }

  curve(value: unknown, at: string): Curve {
    let last = 0;
    const points = this.list(value, mostPoints, at).map((entry, index): readonly [number, number] => {
      const place = `${at}[${String(index)}]`;
      const pair = this.list(entry, 2, place);
      const amount = this.amount(pair[0], `${place}[0]`);
      if (amount <= last) this.fail(`${place}[0]`, `more than ${String(last)}, which stands before it`, amount);
      last = amount;
      return [amount, this.amount(pair[1], `${place}[1]`)];
    });
    if (points.length === 0) this.fail(at, "a list with at least one point", value);
    return points;
  }
}
