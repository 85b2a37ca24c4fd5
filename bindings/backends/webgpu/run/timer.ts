// Times kernels by the device's own clock: a timestamp before and after each, which needs a pass of its own for each.
// For explain and the tuner; nothing is timed otherwise. Knows no programs. Read next: batches.ts.
import type { KernelTiming } from "../../backend.ts";
import type { Device } from "../device/device.ts";
import { usages } from "../device/usages.ts";

/** Kernels timed at most in one measurement; WebGPU allows 4096 timestamps in a set. */
const mostKernels = 2048;
const bytesPerStamp = 8;

export class Timer {
  readonly #device: Device;
  readonly #set: GPUQuerySet;
  readonly #kernels: { readonly label: string; readonly step: number }[] = [];

  constructor(device: Device) {
    this.#device = device;
    this.#set = device.gpu.createQuerySet({ label: "athanor times", type: "timestamp", count: 2 * mostKernels });
  }

  /** What the pass of the next kernel is begun with. */
  next(label: string, step: number): GPUComputePassDescriptor {
    if (this.#kernels.length >= mostKernels) return { label };
    const at = 2 * this.#kernels.length;
    this.#kernels.push({ label, step });
    return {
      label,
      timestampWrites: { querySet: this.#set, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
    };
  }

  /** The commands that bring the times to the host, and a function that reads them once the commands are submitted. */
  finish(): { readonly encode: (encoder: GPUCommandEncoder) => void; readonly read: () => Promise<KernelTiming[]> } {
    const { gpu } = this.#device;
    const count = 2 * this.#kernels.length;
    const size = Math.max(count * bytesPerStamp, 256);
    const resolved = gpu.createBuffer({ label: "athanor times", size, usage: usages.queries });
    const staging = gpu.createBuffer({ label: "athanor times", size, usage: usages.readback });
    return {
      encode: (encoder) => {
        if (count === 0) return;
        encoder.resolveQuerySet(this.#set, 0, count, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * bytesPerStamp);
      },
      read: async () => {
        try {
          await this.#device.map(staging, size);
          const stamps = new BigUint64Array(staging.getMappedRange(0, size));
          return this.#kernels.map(({ label, step }, at): KernelTiming => {
            const [from = 0n, to = 0n] = [stamps[2 * at], stamps[2 * at + 1]];
            // A browser may round both; some drivers count backwards over a pause.
            return { label, step, microseconds: Math.max(0, Number(to - from)) / 1000 };
          });
        } finally {
          staging.destroy();
          resolved.destroy();
          this.#set.destroy();
        }
      },
    };
  }
}
