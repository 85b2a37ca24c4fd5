// Made-up machines: profiles of a CPU of today beside an integrated GPU, a discrete one, a software one, and none.
// For deciding without a GPU what would be decided with one; tests hold decisions to them. Measures nothing.
// Read next: decisions.ts; ../../bindings/engine/dispatch/profile.ts for what a profile is.
import type { Curve, DeviceProfile, Profile, Rate } from "../../bindings/engine/dispatch/profile.ts";
import { format, works } from "../../bindings/engine/dispatch/profile.ts";
import type { Work } from "../../bindings/ops/descriptor.ts";

/** A device in few numbers: operations and bytes a microsecond by size. */
interface Sketch {
  readonly start: number;
  readonly launch: number;
  readonly products: Curve;
  readonly elementwise: Curve;
  readonly factorization: number;
  readonly bytes: Curve;
  /** How often invocations of a GPU wait for each other in a microsecond. */
  readonly meetings?: number;
  readonly upload: readonly [latency: number, bytes: number];
  readonly download: readonly [latency: number, bytes: number];
}

function deviceOf(sketch: Sketch): DeviceProfile {
  const flopsOf = (work: Work): Curve => {
    if (work === "factorization" || work === "smallFactorization") return [[1, sketch.factorization]];
    return ["stream", "transcendental", "indexed", "walk", "sorting"].includes(work)
      ? sketch.elementwise
      : sketch.products;
  };
  const rateOf = (work: Work): Rate => ({ launch: sketch.launch, flops: flopsOf(work), bytes: sketch.bytes });
  const linkOf = ([latency, bytes]: readonly [number, number]): DeviceProfile["upload"] => ({
    latency,
    bytes: [[1, bytes]],
  });
  return {
    start: sketch.start,
    rates: Object.fromEntries(works.map((work) => [work, rateOf(work)])) as Record<Work, Rate>,
    ...(sketch.meetings === undefined ? {} : { meetings: [[1, sketch.meetings]] }),
    upload: linkOf(sketch.upload),
    download: linkOf(sketch.download),
    measured: true,
    corrections: [],
  };
}

/** One core of a CPU of today: 58 GFLOP/s, caches of 40 GB/s and a memory of 12. */
const cpu = deviceOf({
  ...{ start: 1, launch: 0.15, factorization: 4_000, upload: [0.4, 20_000], download: [0.3, 10_000] },
  products: [
    [2 ** 16, 25_000],
    [2 ** 22, 50_000],
    [2 ** 28, 58_000],
  ],
  elementwise: [[1, 12_000]],
  bytes: [
    [2 ** 20, 40_000],
    [2 ** 25, 12_000],
  ],
});

/** Shares the memory of the CPU: 0.8 TFLOP/s at 40 GB/s, and a quarter of a millisecond to wait for it. */
const integrated = deviceOf({
  ...{ start: 20, launch: 8, factorization: 2_000, upload: [15, 10_000], download: [250, 6_000], meetings: 30_000 },
  products: [
    [2 ** 20, 20_000],
    [2 ** 26, 300_000],
    [2 ** 31, 800_000],
  ],
  elementwise: [[1, 200_000]],
  bytes: [
    [2 ** 18, 15_000],
    [2 ** 24, 40_000],
  ],
});

/** 10 TFLOP/s and 400 GB/s behind a bus. */
const discrete = deviceOf({
  ...{ start: 20, launch: 5, factorization: 8_000, upload: [40, 6_000], download: [400, 4_000], meetings: 2_000_000 },
  products: [
    [2 ** 20, 30_000],
    [2 ** 27, 2_000_000],
    [2 ** 33, 10_000_000],
  ],
  elementwise: [[1, 2_000_000]],
  bytes: [
    [2 ** 18, 40_000],
    [2 ** 24, 400_000],
  ],
});

/** A GPU that is the CPU in disguise, as in continuous integration: a thousandth of the speed. */
const software = deviceOf({
  ...{ start: 60, launch: 200, factorization: 1, upload: [15, 20_000], download: [100, 5_000], meetings: 10 },
  products: [[1, 400]],
  elementwise: [[1, 500]],
  bytes: [[1, 400]],
});

export type MachineName = "integrated" | "discrete" | "software" | "none";

const profileOf = (machine: MachineName, gpu: DeviceProfile | undefined): Profile => ({
  ...{ format, machine: `made up: ${machine}`, measuredAt: null },
  devices: gpu === undefined ? { wasm: cpu } : { wasm: cpu, webgpu: gpu },
});

export const machines: Readonly<Record<MachineName, Profile>> = {
  integrated: profileOf("integrated", integrated),
  discrete: profileOf("discrete", discrete),
  software: profileOf("software", software),
  none: profileOf("none", undefined),
};
