// What work costs on each device of this machine, in microseconds: launch + max(operations / rate, bytes / bandwidth).
// Starts from cautious guesses, replaced by measurement (calibrate.ts). Knows no graph.
// Read next: graph/place.ts, which asks; calibrate.ts, which measures.
import type { DeviceName } from "../backends/backend.ts";
import type { Costs } from "../graph/place.ts";
import type { Work } from "../ops/descriptor.ts";

/** Speed of one class of work on one device. */
export interface Rate {
  /** Microseconds before a kernel of this class does anything. */
  readonly launch: number;
  /** Floating-point operations a microsecond. */
  readonly flops: number;
  /** Bytes a microsecond. */
  readonly bytes: number;
}

/** Cost of moving data between the host and a device. */
export interface Link {
  /** Microseconds for the smallest transfer. */
  readonly latency: number;
  /** Bytes a microsecond. */
  readonly bytes: number;
}

/** Everything the model knows of a device. */
export interface DeviceProfile {
  readonly rates: Readonly<Record<Work, Rate>>;
  readonly upload: Link;
  readonly download: Link;
  /** Whether the figures were measured on this machine or guessed. */
  readonly measured: boolean;
}

const guess = (launch: number, flops: number, bytes: number): Rate => ({ launch, flops, bytes });

/** Guesses of a modest machine, used until calibration. */
export const guesses: Readonly<Record<DeviceName, DeviceProfile>> = {
  wasm: {
    rates: {
      contraction: guess(0.5, 20_000, 10_000),
      convolution: guess(1, 15_000, 10_000),
      stream: guess(0.3, 4_000, 10_000),
      factorization: guess(1, 1_000, 5_000),
    },
    upload: { latency: 0.5, bytes: 10_000 },
    download: { latency: 0.5, bytes: 10_000 },
    measured: false,
  },
  webgpu: {
    rates: {
      contraction: guess(30, 200_000, 50_000),
      convolution: guess(30, 150_000, 50_000),
      stream: guess(30, 50_000, 50_000),
      factorization: guess(200, 1_000, 10_000),
    },
    upload: { latency: 50, bytes: 5_000 },
    download: { latency: 500, bytes: 3_000 },
    measured: false,
  },
};

/** The cost model of one engine. */
export class CostModel implements Costs {
  private readonly profiles = new Map<DeviceName, DeviceProfile>();

  profile(device: DeviceName): DeviceProfile {
    return this.profiles.get(device) ?? guesses[device];
  }

  setProfile(device: DeviceName, profile: DeviceProfile): void {
    this.profiles.set(device, profile);
  }

  compute(device: DeviceName, work: Work, flops: number, bytes: number): number {
    const rate = this.profile(device).rates[work];
    return rate.launch + Math.max(flops / rate.flops, bytes / rate.bytes);
  }

  transfer(from: DeviceName | "host", to: DeviceName | "host", bytes: number): number {
    if (from === to) return 0;
    const parts: Link[] = [];
    if (from !== "host") parts.push(this.profile(from).download);
    if (to !== "host") parts.push(this.profile(to).upload);
    return parts.reduce((time, link) => time + link.latency + bytes / link.bytes, 0);
  }
}
