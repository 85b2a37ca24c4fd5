// The one place that knows WebGPU's limits: which ones are asked for, which features are used, and how a grid is folded.
// Everything else of this backend reads them from here. Knows no device object beyond what an adapter offers.
// Read next: device.ts, which requests a device with them.
import type { GPULimits } from "./description.ts";
import { halfFeature } from "./features.ts";
import { matrixFeature } from "./matrix-units.ts";

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
] as const;

const wantedFeatures = [halfFeature, "subgroups", "timestamp-query"] as const;

/** Extensions of the shading language this backend can make use of. */
const wantedLanguageFeatures = ["packed_4x8_integer_dot_product", "subgroup_id"] as const;

/**
 * Every optional feature this backend can make use of, as far as the adapter has it and `among` names it; units for matrices
 * only where they are asked for.
 */
export function featuresOf(adapter: GPUAdapter, among?: readonly string[], usesMatrices = false): GPUFeatureName[] {
  // The feature is not among those of the standard.
  const wanted = [...wantedFeatures, ...(usesMatrices ? [matrixFeature as GPUFeatureName] : [])];
  return wanted.filter((feature) => adapter.features.has(feature) && (among?.includes(feature) ?? true));
}

/** The same of the shading language. */
export function languageFeaturesOf(gpu: GPU, among: readonly string[] = wantedLanguageFeatures): string[] {
  // Not every runtime has the set.
  const { wgslLanguageFeatures } = gpu as { readonly wgslLanguageFeatures?: ReadonlySet<string> };
  return wantedLanguageFeatures.filter((name) => wgslLanguageFeatures?.has(name) === true && among.includes(name));
}

/** What a device tells of its subgroups. */
export type SubgroupLimits = Pick<GPULimits, "minSubgroupSize" | "maxSubgroupSize" | "matrices">;

/** Invocations of a subgroup at least and at most, where subgroups are among the features in use; else 0. */
export function subgroupSizesOf(adapter: GPUAdapter, features: readonly string[]): Omit<SubgroupLimits, "matrices"> {
  if (!features.includes("subgroups")) return { minSubgroupSize: 0, maxSubgroupSize: 0 };
  // Where a runtime does not tell, these are the least and the most that any has.
  const { subgroupMinSize, subgroupMaxSize } = adapter.info as Partial<GPUAdapterInfo>;
  return { minSubgroupSize: subgroupMinSize ?? 4, maxSubgroupSize: subgroupMaxSize ?? 128 };
}

/** The adapter's own limits, to be requested instead of the defaults (128 MiB a binding, 8 buffers). */
export function limitsOf(adapter: GPUAdapter): Record<string, number> {
  return Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
}

/**
 * The limits of a device, in this backend's words; `within` narrows them to those of a smaller device. What it says of subgroups
 * takes the place of the device's own.
 */
export function readLimits(
  limits: GPUSupportedLimits,
  own: SubgroupLimits,
  { minSubgroupSize, maxSubgroupSize, matrices, ...within }: Partial<GPULimits> = {},
): GPULimits {
  const found: Omit<GPULimits, keyof SubgroupLimits> = {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    uniformAlignment: Math.max(limits.minUniformBufferOffsetAlignment, 16),
  };
  const narrowed = Object.entries(found).map(([name, value]: [string, number]) => {
    const wanted = within[name as keyof typeof found] ?? value;
    return [name, name === "uniformAlignment" ? Math.max(value, wanted) : Math.min(value, wanted)] as const;
  });
  return {
    ...(Object.fromEntries(narrowed) as unknown as typeof found),
    minSubgroupSize: minSubgroupSize ?? own.minSubgroupSize,
    maxSubgroupSize: maxSubgroupSize ?? own.maxSubgroupSize,
    matrices: matrices ?? own.matrices,
  };
}

/** The most bytes that one buffer may have and a shader can see. */
export function largestBuffer(limits: GPULimits): number {
  return Math.floor(Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize) / 4) * 4;
}

/** A row of workgroups folded into two dimensions; shaders unfold it with `linear_workgroup` and guard the range. */
export function foldGrid(groups: number, limits: GPULimits): readonly [number, number] {
  const most = limits.maxWorkgroupsPerDimension;
  if (groups <= most) return [groups, 1];
  const rows = Math.ceil(groups / most);
  return [Math.ceil(groups / rows), rows];
}
