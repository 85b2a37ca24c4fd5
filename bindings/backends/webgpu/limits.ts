// The one place that knows WebGPU's limits: which ones are asked for, which features are used, and how a grid is folded.
// Everything else of this backend reads them from here. Knows no device object beyond what an adapter offers.
// Read next: device.ts, which requests a device with them.
import type { GPULimits } from "./description.ts";

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
] as const;

const wantedFeatures = ["shader-f16", "subgroups", "timestamp-query"] as const;

/** Every optional feature this backend can make use of, as far as the adapter has it. */
export function featuresOf(adapter: GPUAdapter): GPUFeatureName[] {
  return wantedFeatures.filter((feature) => adapter.features.has(feature));
}

/** The adapter's own limits, to be requested instead of the defaults (128 MiB a binding, 8 buffers). */
export function limitsOf(adapter: GPUAdapter): Record<string, number> {
  return Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
}

/** The limits of a device, in this backend's words. */
export function readLimits(limits: GPUSupportedLimits): GPULimits {
  return {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    uniformAlignment: Math.max(limits.minUniformBufferOffsetAlignment, 16),
  };
}

/** A row of workgroups folded into two dimensions; shaders unfold it with `linear_workgroup` and guard the range. */
export function foldGrid(groups: number, limits: GPULimits): readonly [number, number] {
  const most = limits.maxWorkgroupsPerDimension;
  if (groups <= most) return [groups, 1];
  const rows = Math.ceil(groups / most);
  return [Math.ceil(groups / rows), rows];
}
