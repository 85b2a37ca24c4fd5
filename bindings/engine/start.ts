// Starts the devices of an engine and reports, in data and in words, what was found, what is used, and why not the rest.
// Read next: init.ts, the public face; dispatch/tuning.ts, which has measured what was found.
import type { DeviceName } from "../backends/backend.ts";
import { createWasm, WasmBackend } from "../backends/wasm/backend.ts";
import { wasmFeatures } from "../backends/wasm/module.ts";
import { hardwareThreads, maxThreads, whyNoThreads } from "../backends/wasm/threads.ts";
import type { WebGPUBackend } from "../backends/webgpu/backend.ts";
import { findGPU } from "../backends/webgpu/device/find.ts";
import { matrixFlags } from "../backends/webgpu/device/matrix-units.ts";
import { BackendError, ParameterError } from "../core/errors.ts";
import type { Engine } from "./engine.ts";
import type { ProfileReport, TuneMode } from "./dispatch/tuning.ts";

/** Options of `init`. */
export interface InitOptions {
  /** Threads of the CPU backend; "auto" takes the machine's, up to 16, where memory can be shared with workers. */
  readonly threads?: "auto" | number;
  /** "auto" uses a GPU if one is found, "off" leaves it alone, "require" throws without one. */
  readonly webgpu?: "auto" | "off" | "require";
  /**
   * "on" multiplies matrices by a GPU's units for subgroup matrices where it has them; f32 only by units that take f32. They are
   * an experiment of Chromium and Dawn, hence "off" by default; the report says what is missing.
   */
  readonly subgroupMatrices?: "off" | "on";
  /** Which build of the kernels: "relaxed" fuses multiply and add where the CPU does; "strict" gives the same bits on every CPU. */
  readonly simd?: "auto" | "relaxed" | "strict";
  /**
   * How placement knows the devices. "on", the default: from what an earlier run measured and kept, else by a calibration of
   * about 200 ms in the background. "off": by built-in figures, nothing is measured or stored. "force": measured anew before
   * init resolves.
   */
  readonly tune?: TuneMode;
}

/** One device in the report. */
export interface DeviceReport {
  readonly name: DeviceName;
  readonly used: boolean;
  /** What it is, or why it is not used. */
  readonly detail: string;
  /** What would make more of it; empty if nothing. */
  readonly advice: string;
}

/** What init found. */
export interface InitReport {
  readonly devices: readonly DeviceReport[];
  readonly threads: { readonly used: number; readonly available: number; readonly detail: string };
  readonly simd: { readonly relaxed: boolean; readonly detail: string };
  /** Whether a GPU's subgroup matrices are used; which, or why not and what would change it. */
  readonly subgroupMatrices: { readonly used: boolean; readonly detail: string };
  /** Where the speeds that placement goes by come from, and where they are kept. */
  readonly profile: ProfileReport;
  /** The report in sentences. */
  toString(): string;
}

type StartReport = Omit<InitReport, "profile">;

const reports = new WeakMap<Engine, StartReport>();

/** The report of an engine that was started. */
export function reportOf(engine: Engine): InitReport | undefined {
  const report = reports.get(engine);
  if (report === undefined || engine.tuning === undefined) return undefined;
  return { ...report, profile: engine.tuning.report() };
}

/** Fills `engine.backends`. */
export async function startDevices(engine: Engine, options: InitOptions): Promise<void> {
  checkOptions(options);
  const { webgpu = "auto", simd = "auto", tune = "on", subgroupMatrices = "off" } = options;
  const features = wasmFeatures();
  const threads = chooseThreads(options.threads ?? "auto");
  const wasm = await createWasm({ artefact: simd === "strict" ? "base" : simd, threads: threads.used });
  engine.backends.set("wasm", wasm);
  const gpu =
    webgpu === "off"
      ? { unavailable: 'switched off by init({ webgpu: "off" })' }
      : await openGPU(subgroupMatrices === "on");
  if ("unavailable" in gpu) {
    if (webgpu === "require")
      throw new BackendError(
        "init",
        `no WebGPU device: ${gpu.unavailable}. Use init({ webgpu: "auto" }) to run on the CPU instead`,
      );
  } else {
    engine.backends.set("webgpu", gpu);
    // A lost device takes the tensors that were only there with it; everything else goes on on the CPU.
    gpu.lost.catch(() => {
      if (engine.backends.get("webgpu") !== gpu) return;
      engine.backends.delete("webgpu");
      engine.clearPlans();
      const report = reports.get(engine);
      if (report !== undefined) reports.set(engine, withoutGpu(report));
    });
  }
  // Apart, so that a page that computes at once need not have loaded it before.
  const { Tuning } = await import("./dispatch/tuning.ts");
  engine.tuning = new Tuning(engine, tune);
  await engine.tuning.begin();
  const relaxedDetail = features.relaxed
    ? wasm.artefact === "relaxed"
      ? "relaxed SIMD"
      : "base SIMD by choice"
    : "base SIMD: this JavaScript engine lacks relaxed SIMD";
  const devices: DeviceReport[] = [
    {
      name: "wasm",
      used: true,
      detail: `WebAssembly with ${relaxedDetail}, ${countOf(threads.used)}`,
      advice: features.relaxed
        ? ""
        : "Node 22 or later, or node --experimental-wasm-relaxed-simd on Node 20, gives fused multiply-add",
    },
    "unavailable" in gpu
      ? {
          name: "webgpu",
          used: false,
          detail: gpu.unavailable,
          advice: webgpu === "off" ? "" : gpuAdvice(gpu.unavailable),
        }
      : {
          name: "webgpu",
          used: true,
          detail: describeAdapter(gpu.adapter),
          advice: gpu.adapter.isFallback ? "this is a software GPU: good for tests, not for speed" : "",
        },
  ];
  const report: StartReport = {
    devices,
    threads,
    simd: { relaxed: wasm.artefact === "relaxed", detail: relaxedDetail },
    subgroupMatrices: "unavailable" in gpu ? { used: false, detail: "no GPU is in use" } : matricesOf(gpu),
    toString: () => inWords(devices),
  };
  reports.set(engine, report);
}

function matricesOf({ subgroupMatrices }: WebGPUBackend): InitReport["subgroupMatrices"] {
  const { configurations, missing } = subgroupMatrices;
  const names = configurations.map(
    ({ component, rows, columns, depth }) => `${component} ${[rows, columns, depth].join("x")}`,
  );
  return { used: missing === "", detail: missing === "" ? names.join(", ") : missing };
}

/** The GPU's backend. Its code and shaders are loaded only where there may be one to use. */
async function openGPU(subgroupMatrices: boolean): Promise<WebGPUBackend | { readonly unavailable: string }> {
  const gpu = await findGPU(subgroupMatrices ? matrixFlags : []);
  if (typeof gpu === "string") return { unavailable: gpu };
  const { createWebGPU } = await import("../backends/webgpu/backend.ts");
  return await createWebGPU({ gpu, subgroupMatrices });
}

/** Waits for the worker threads; the report then says how many there are. */
export async function settleThreads(engine: Engine): Promise<void> {
  const wasm = engine.backends.get("wasm");
  const report = reports.get(engine);
  if (!(wasm instanceof WasmBackend) || wasm.threads === undefined || report === undefined) return;
  const problem = await wasm.threads.joined();
  if (problem === undefined) return;
  const used = wasm.threads.size;
  const { available } = report.threads;
  const detail = `${String(used)} of ${countOf(available)}: ${problem}`;
  reports.set(engine, { ...report, threads: { used, available, detail } });
}

const countOf = (threads: number): string => (threads === 1 ? "1 thread" : `${String(threads)} threads`);

/** How many threads to use and why not more. */
function chooseThreads(wanted: "auto" | number): InitReport["threads"] {
  const available = hardwareThreads();
  const limit = Math.min(maxThreads, available);
  const asked = wanted === "auto" ? limit : Math.min(wanted, maxThreads);
  const obstacle = asked > 1 ? whyNoThreads() : undefined;
  const used = obstacle === undefined ? asked : 1;
  const why =
    obstacle ??
    (used < available ? (wanted === "auto" ? `more than ${String(maxThreads)} gain nothing` : "by choice") : "");
  const detail = `${String(used)} of ${countOf(available)}${why === "" ? "" : `: ${why}`}`;
  return { used, available, detail };
}

const inWords = (devices: readonly DeviceReport[]): string => devices.map((device) => sentence(device)).join("\n");

/** The report after the GPU was lost. */
function withoutGpu(report: StartReport): StartReport {
  const devices = report.devices.map((device) =>
    device.name === "webgpu"
      ? {
          ...device,
          used: false,
          detail: `lost while it was in use (${device.detail})`,
          advice: "await shutdown() and then init() opens it again; tensors end with a shutdown",
        }
      : device,
  );
  const subgroupMatrices = { used: false, detail: "the GPU was lost" };
  return { ...report, devices, subgroupMatrices, toString: () => inWords(devices) };
}

function sentence(device: DeviceReport): string {
  const advice = device.advice === "" ? "" : ` ${device.advice[0]?.toUpperCase() ?? ""}${device.advice.slice(1)}.`;
  return `${device.name}: ${device.used ? "in use" : "not used"}: ${device.detail}.${advice}`;
}

function describeAdapter(adapter: {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallback: boolean;
}): string {
  const name = [adapter.vendor, adapter.architecture, adapter.description].filter((part) => part !== "").join(" ");
  return adapter.isFallback ? `${name} (software)` : name;
}

function gpuAdvice(reason: string): string {
  if (reason.includes("no adapter"))
    return "check the graphics driver: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows";
  return typeof navigator === "object" && "gpu" in navigator
    ? "check that the browser lists a WebGPU adapter, e.g. at chrome://gpu"
    : "in Node install the optional peer: npm install webgpu; in a browser use one with WebGPU";
}

/** All options of `init`; typed so that a new one cannot be forgotten. */
const optionNames = Object.keys({
  threads: true,
  webgpu: true,
  subgroupMatrices: true,
  simd: true,
  tune: true,
} satisfies Record<keyof InitOptions, true>);

/** Throws a ParameterError for what is not an option of `init`, or not a value of it. */
export function checkOptions(options: InitOptions): void {
  if (typeof (options as unknown) !== "object" || (options as unknown) === null || Array.isArray(options))
    throw new ParameterError(
      "init",
      `options must be an object such as { threads: 2 }, got ${JSON.stringify(options) as string | undefined}`,
    );
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name));
  if (unknown !== undefined)
    throw new ParameterError("init", `there is no option ${unknown}. It has ${optionNames.join(", ")}`);
  const oneOf = (name: keyof InitOptions, allowed: readonly unknown[]): void => {
    const value = options[name];
    if (value === undefined || allowed.includes(value)) return;
    throw new ParameterError(
      "init",
      `${name} must be ${allowed.map((item) => JSON.stringify(item)).join(" or ")}, got ${JSON.stringify(value)}`,
    );
  };
  oneOf("webgpu", ["auto", "off", "require"]);
  oneOf("subgroupMatrices", ["off", "on"]);
  oneOf("simd", ["auto", "relaxed", "strict"]);
  oneOf("tune", ["on", "off", "force"]);
  const { threads } = options;
  if (threads !== undefined && threads !== "auto" && !(Number.isInteger(threads) && threads >= 1)) {
    throw new ParameterError("init", `threads must be "auto" or a whole number ≥ 1, got ${JSON.stringify(threads)}`);
  }
}
