// `athanor doctor`: what this machine offers, what is used, how fast it was found to be, what is off and how to turn it on; in
// words or as one JSON object. Read next: ../engine/start.ts and ../engine/dispatch/tuning.ts, where the findings come from.
import type { WebGPUBackend } from "../backends/webgpu/backend.ts";
import { showBytes } from "../core/bytes.ts";
import { version } from "../core/version.ts";
import type { DeviceProfile, InitReport } from "../engine/index.ts";
import { defaultEngine, exportProfile, init } from "../engine/index.ts";
import { describeEffort, rateAt } from "../engine/dispatch/profile.ts";

/** Something that is off, and how to turn it on. */
interface Missing {
  readonly what: string;
  readonly how: string;
}

/** Writes the report to standard output; with `matrices` the GPU is asked for subgroup matrices. */
export async function doctor(json: boolean, matrices: boolean): Promise<void> {
  await init(matrices ? { subgroupMatrices: "on" } : undefined);
  const engine = defaultEngine();
  // What is measured is kept, so that the first program finds it.
  await engine.tuning?.settled();
  const report = await init();
  const gpu = engine.backends.get("webgpu") as WebGPUBackend | undefined;
  const missing = missingOf(report, gpu);
  console.log(json ? JSON.stringify(asData(report, gpu, missing)) : inWords(report, gpu, missing));
}

/** The findings as indented lines. */
export function describeReport(report: InitReport): string {
  const lines = report.devices.map(
    (device) => `${device.name.padEnd(8)}${device.used ? "in use" : "not used"}: ${device.detail}`,
  );
  return [`runtime ${runtimeOf()}`, ...lines, `threads ${report.threads.detail}`, `SIMD    ${report.simd.detail}`].join(
    "\n",
  );
}

function runtimeOf(): string {
  const runtime = process.versions as Readonly<Record<string, string | undefined>>;
  const name = runtime.bun !== undefined ? "Bun" : runtime.deno !== undefined ? "Deno" : "Node";
  return `${name} ${process.versions.node}, ${process.platform} ${process.arch}`;
}

/** Optional features of GPUs that are made use of, and what for. */
const features = {
  subgroups: "faster reductions",
  "timestamp-query": "times of single kernels in explain()",
} as const;

function inWords(report: InitReport, gpu: WebGPUBackend | undefined, missing: readonly Missing[]): string {
  const { profile } = report;
  const lines = [`athanor ${version}`, "", describeReport(report)];
  if (gpu !== undefined) {
    const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffers, maxWorkgroupStorage } = gpu.limits;
    const { vendor, architecture, device, description } = gpu.adapter;
    const names = [vendor, architecture, device, description].filter((part) => part !== "");
    lines.push(
      `adapter ${names.join(", ")}`,
      `        features ${gpu.adapter.features.join(", ") || "none of the optional ones"}`,
      `        matrices ${report.subgroupMatrices.used ? report.subgroupMatrices.detail : "not used"}`,
      `        limits   buffers ${showBytes(maxBufferSize)}, bindings ${showBytes(maxStorageBufferBindingSize)}, ` +
        `${String(maxStorageBuffers)} buffers a shader, ${showBytes(maxWorkgroupStorage)} a workgroup`,
    );
  }
  lines.push(`profile ${profile.detail}${ageOf(profile.measuredAt)}`, `        for ${profile.machine}`);
  for (const name of defaultEngine().backends.keys()) lines.push(...linesOf(name, defaultEngine().costs.profile(name)));
  lines.push("");
  if (missing.length === 0) lines.push("Nothing is off.");
  else lines.push("Off, and how to turn it on:", ...missing.map(({ what, how }) => `- ${what}: ${how}`));
  return lines.join("\n");
}

/** The figures of a device, and what it took to measure them. */
function linesOf(name: string, profile: DeviceProfile): string[] {
  const { effort } = profile;
  const first = `        ${name.padEnd(6)} ${speedOf(profile)}`;
  return effort === undefined ? [first] : [first, `               ${describeEffort(effort)}`];
}

/** The figures of a device in a few words. */
function speedOf({ rates, upload, download }: DeviceProfile): string {
  const [, product = 0] = rates.contraction.flops.at(-1) ?? [];
  const [, stream = 0] = rates.stream.bytes.at(-1) ?? [];
  const link = `${showRate(upload.latency)} to it, ${showRate(download.latency)} back for ${showBytes(16)}`;
  const products = `${(product / 1000).toPrecision(3)} GFLOP/s in products`;
  const streams = `${(stream / 1000).toPrecision(3)} GB/s`;
  const large = 2 ** 22;
  const moved = `${(Math.min(rateAt(upload.bytes, large), rateAt(download.bytes, large)) / 1000).toPrecision(2)} GB/s moved`;
  return `${products}, ${streams}, ${showRate(rates.stream.launch)} a kernel; ${link}, ${moved}`;
}

const showRate = (microseconds: number): string =>
  `${microseconds < 99.5 ? microseconds.toPrecision(2) : microseconds.toFixed(0)} µs`;

const units = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
] as const;

function ageOf(measuredAt: string | null): string {
  if (measuredAt === null) return "";
  const age = new Date().getTime() - Date.parse(measuredAt);
  for (const [length, name] of units) {
    const count = Math.floor(age / length);
    if (count >= 1) return `, ${String(count)} ${name}${count === 1 ? "" : "s"} ago`;
  }
  return ", just now";
}

function missingOf(report: InitReport, gpu: WebGPUBackend | undefined): Missing[] {
  const { devices, threads, profile } = report;
  const missing = devices.flatMap(({ name, used, advice }): Missing[] => {
    if (advice === "") return [];
    const what = name === "wasm" ? "relaxed SIMD" : used ? "a GPU of its own" : "webgpu";
    return [{ what, how: advice }];
  });
  if (threads.used < threads.available) missing.push({ what: "threads", how: threads.detail });
  for (const [feature, use] of Object.entries(features)) {
    if (gpu !== undefined && !gpu.adapter.features.includes(feature))
      missing.push({
        what: `${feature} (${use})`,
        how: "this adapter or runtime does not offer it; a newer driver may",
      });
  }
  const { used, detail } = report.subgroupMatrices;
  if (gpu !== undefined && !used) missing.push({ what: "subgroup matrices (faster products)", how: detail });
  if (profile.place === null)
    missing.push({ what: "keeping the profile", how: `${profile.detail}. ATHANOR_CACHE names another folder` });
  return missing;
}

function asData(report: InitReport, gpu: WebGPUBackend | undefined, missing: readonly Missing[]): unknown {
  const { devices, threads, simd, subgroupMatrices, profile } = report;
  const { machine, devices: speeds } = JSON.parse(exportProfile()) as { machine: string; devices: unknown };
  return {
    version,
    runtime: { node: process.versions.node, platform: process.platform, architecture: process.arch },
    ...{ devices, threads, simd, subgroupMatrices },
    adapter: gpu === undefined ? null : { ...gpu.adapter, limits: gpu.limits },
    profile: { ...profile, machine },
    profiles: speeds,
    missing,
  };
}
