// What a GPU says of itself, in plain types: a program that uses athanor need not have WebGPU's own type declarations.
// Knows how nothing of it is found. Read next: limits.ts and device.ts, which fill these in.
import type { MatrixConfiguration } from "./matrix-units.ts";

/** How the adapter presents itself, for reports. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a software implementation. */
  readonly isFallback: boolean;
  /** Optional features in use. */
  readonly features: readonly string[];
}

/** What this backend needs to know of a device's limits. Bytes unless said otherwise. */
export interface GPULimits {
  /** The largest buffer. */
  readonly maxBufferSize: number;
  /** The largest buffer a shader may see whole. */
  readonly maxStorageBufferBindingSize: number;
  /** Buffers one shader may see, output included. At least 8. */
  readonly maxStorageBuffers: number;
  /** Workgroups along one dimension of a grid. */
  readonly maxWorkgroupsPerDimension: number;
  /** Memory shared by one workgroup. */
  readonly maxWorkgroupStorage: number;
  /** Invocations of a subgroup at least; 0 where shaders may not use subgroups. */
  readonly minSubgroupSize: number;
  /** Invocations of a subgroup at most; 0 likewise. */
  readonly maxSubgroupSize: number;
  /** What its units multiply that a subgroup shares; none where they are not in use. */
  readonly matrices: readonly MatrixConfiguration[];
  /** Alignment of an offset into a uniform buffer. */
  readonly uniformAlignment: number;
}

/** What was made of the device since it was opened: tests count with it what a steady loop may not make. */
export interface GPUCounts {
  /** Command lists given to the queue. */
  readonly submits: number;
  readonly bindGroups: number;
  /** Buffers taken from the device. */
  readonly buffers: number;
  readonly pipelines: number;
  /** Kernels launched. */
  readonly dispatches: number;
}
