// What a profile depends on, in one text: engine, kernels, threads, runtime, processor and GPU. Another text, another profile.
// Read next: tuning.ts, which keeps profiles under it.
import type { Backend, DeviceName } from "../../backends/backend.ts";
import { WasmBackend } from "../../backends/wasm/backend.ts";
import { builtin } from "../../backends/wasm/builtin.ts";
import { hardwareThreads } from "../../backends/wasm/threads.ts";
import type { WebGPUBackend } from "../../backends/webgpu/backend.ts";
import { version } from "../../core/version.ts";

/** Describes this machine with the devices that are in use. */
export function machineKey(backends: ReadonlyMap<DeviceName, Backend>): string {
  const parts = [`athanor ${version}`];
  const wasm = backends.get("wasm");
  if (wasm instanceof WasmBackend) {
    const memory = wasm.threads === undefined ? "" : " shared";
    parts.push(`wasm ${wasm.artefact}${memory}`, `${String(wasm.workers)} of ${String(hardwareThreads())} threads`);
  }
  const gpu = backends.get("webgpu") as WebGPUBackend | undefined;
  if (gpu !== undefined) {
    const { vendor, architecture, device, description, features } = gpu.adapter;
    const names = [vendor, architecture, device, description].filter((name) => name !== "");
    parts.push(`webgpu ${names.join(" ")} (${features.join(" ")})`);
  }
  return [...parts, runtime()].join("; ");
}

interface Host {
  readonly process?: {
    readonly versions?: Readonly<Record<string, string | undefined>>;
    readonly platform?: string;
    readonly arch?: string;
  };
  readonly navigator?: { readonly userAgent?: string };
}

/** Runtime with its version, and the processor as far as the host tells. */
function runtime(): string {
  const { process, navigator } = globalThis as Host;
  const versions = process?.versions;
  if (versions?.node === undefined) return navigator?.userAgent ?? "unknown host";
  const name = (["bun", "deno"] as const).find((other) => versions[other] !== undefined) ?? "node";
  return `${name} ${versions[name] ?? ""} ${process?.platform ?? ""} ${process?.arch ?? ""} ${processor()}`.trim();
}

/** Home folders, and with them caches, are shared between machines. */
function processor(): string {
  try {
    const os = builtin("node:os") as { cpus?: () => readonly { readonly model: string }[] } | undefined;
    return os?.cpus?.()[0]?.model.trim() ?? "";
  } catch {
    return "";
  }
}
