// The copies of a value on devices, one at most on each. Reads like a map from device to storage, but is a record of two
// fields: one is made for every result of every run. Knows nothing of what a storage is. Read next: node.ts.
import type { DeviceName, Stored } from "./node.ts";

/** Copies on devices; never changed. */
export class Copies {
  private readonly wasm: Stored | undefined;
  private readonly webgpu: Stored | undefined;

  constructor(wasm: Stored | undefined, webgpu: Stored | undefined) {
    this.wasm = wasm;
    this.webgpu = webgpu;
  }

  get size(): number {
    return Number(this.wasm !== undefined) + Number(this.webgpu !== undefined);
  }

  /** Whether somebody else holds one of them too. */
  get isShared(): boolean {
    return this.wasm?.isShared === true || this.webgpu?.isShared === true;
  }

  get(device: DeviceName): Stored | undefined {
    return device === "wasm" ? this.wasm : this.webgpu;
  }

  has(device: DeviceName): boolean {
    return this.get(device) !== undefined;
  }

  keys(): DeviceName[] {
    return this.values().map(({ backend }) => backend.name);
  }

  values(): Stored[] {
    return [this.wasm, this.webgpu].filter((copy) => copy !== undefined);
  }

  /** These copies and one more. */
  with(copy: Stored): Copies {
    return copy.backend.name === "wasm" ? new Copies(copy, this.webgpu) : new Copies(this.wasm, copy);
  }

  /** Lets go of all. */
  release(): void {
    this.wasm?.release();
    this.webgpu?.release();
  }
}

/** What values have that are not stored. */
export const noCopies: Copies = new Copies(undefined, undefined);
