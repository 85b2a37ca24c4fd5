// Starts the devices of an engine and reports, in data and in words, what was found, what is used, and why not the rest.
// Read next: init.ts, the public face; calibrate.ts, which measures what was found.
import type { DeviceName } from "../backends/backend.ts";
import { createWasm } from "../backends/wasm/backend.ts";
import { wasmFeatures } from "../backends/wasm/module.ts";
import { createWebGPU } from "../backends/webgpu/backend.ts";
import { BackendError, ParameterError } from "../core/errors.ts";
import { calibrate } from "./calibrate.ts";
import type { Engine } from "./engine.ts";

/** Options of `init`. */
export interface InitOptions {
  /** Threads of the CPU backend. One today; "auto" takes what is found. */
  readonly threads?: "auto" | number;
  /** "auto" uses a GPU if one is found, "off" leaves it alone, "require" throws without one. */
  readonly webgpu?: "auto" | "off" | "require";
  /** Which build of the kernels: "relaxed" fuses multiply and add where the CPU does; "strict" gives the same bits on every CPU. */
  readonly simd?: "auto" | "relaxed" | "strict";
  /** Whether to measure the devices (about a tenth of a second each) so that placement knows them. */
  readonly tune?: "on" | "off";
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
  /** The report in sentences. */
  toString(): string;
}

const reports = new WeakMap<Engine, InitReport>();

/** The report of an engine that was started. */
export function reportOf(engine: Engine): InitReport | undefined {
  return reports.get(engine);
}

/** Fills `engine.backends`. */
export async function startDevices(engine: Engine, options: InitOptions): Promise<void> {
  checkOptions(options);
  const { webgpu = "auto", simd = "auto", tune = "on" } = options;
  const features = wasmFeatures();
  const wasm = await createWasm({ artefact: simd === "strict" ? "base" : simd });
  engine.backends.set("wasm", wasm);
  const gpu = webgpu === "off" ? { unavailable: 'switched off by init({ webgpu: "off" })' } : await createWebGPU();
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
  if (tune === "on") await calibrate(engine);
  const available = hardwareThreads();
  const relaxedDetail = features.relaxed
    ? wasm.artefact === "relaxed"
      ? "relaxed SIMD"
      : "base SIMD by choice"
    : "base SIMD: this JavaScript engine lacks relaxed SIMD";
  const devices: DeviceReport[] = [
    {
      name: "wasm",
      used: true,
      detail: `WebAssembly with ${relaxedDetail}, 1 thread`,
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
  const report: InitReport = {
    devices,
    threads: {
      used: 1,
      available,
      detail:
        available > 1 ? `1 of ${String(available)} threads: programs run on one thread in this version` : "1 thread",
    },
    simd: { relaxed: wasm.artefact === "relaxed", detail: relaxedDetail },
    toString: () => inWords(devices),
  };
  reports.set(engine, report);
}

const inWords = (devices: readonly DeviceReport[]): string => devices.map((device) => sentence(device)).join("\n");

/** The report after the GPU was lost. */
function withoutGpu(report: InitReport): InitReport {
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
  return { ...report, devices, toString: () => inWords(devices) };
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

/** Threads of the machine. Node 20 has no `navigator`, and a written import of node:os would trouble bundlers. */
function hardwareThreads(): number {
  if (typeof navigator === "object" && typeof navigator.hardwareConcurrency === "number")
    return navigator.hardwareConcurrency;
  const host = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => unknown } };
  const os = host.process?.getBuiltinModule?.("node:os") as { availableParallelism(): number } | undefined;
  return os?.availableParallelism() ?? 1;
}

function checkOptions(options: InitOptions): void {
  const oneOf = (name: keyof InitOptions, allowed: readonly unknown[]): void => {
    const value = options[name];
    if (value === undefined || allowed.includes(value)) return;
    throw new ParameterError(
      "init",
      `${name} must be ${allowed.map((item) => JSON.stringify(item)).join(" or ")}, got ${JSON.stringify(value)}`,
    );
  };
  oneOf("webgpu", ["auto", "off", "require"]);
  oneOf("simd", ["auto", "relaxed", "strict"]);
  oneOf("tune", ["on", "off"]);
  const { threads } = options;
  if (threads !== undefined && threads !== "auto" && !(Number.isInteger(threads) && threads >= 1)) {
    throw new ParameterError("init", `threads must be "auto" or a whole number ≥ 1, got ${JSON.stringify(threads)}`);
  }
}
