// What buffers of the GPU are for, in the flags of WebGPU. Knows no buffer. Read next: ../memory/buffer-pool.ts.

// Numbers of the GPUBufferUsage flags: Node has no such global.
const mapRead = 0x1;
const copySource = 0x4;
const copyDestination = 0x8;
const uniform = 0x40;
const storage = 0x80;
const queryResolve = 0x200;

/** What `createBuffer` is for. */
export const usages: {
  readonly storage: number;
  readonly uniform: number;
  readonly readback: number;
  readonly queries: number;
} = {
  storage: storage | copySource | copyDestination,
  uniform: uniform | copyDestination,
  readback: mapRead | copyDestination,
  queries: queryResolve | copySource,
};
