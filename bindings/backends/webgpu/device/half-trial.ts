// Tries whether a device converts halves as IEEE says: WGSL lets it lose subnormal ones, and round to either neighbour. What is
// promised of halves holds on every device, so one that does not gets them in words, which integers convert.
// Takes a few milliseconds when a device with `shader-f16` is opened. Knows no tensors. Read next: ../wgsl/elements.ts; core/half.ts.
import { halfBits, halfValue } from "../../../core/half.ts";
import { whenTold } from "./polling.ts";
import { usages } from "./usages.ts";

const shader = `enable f16;
@group(0) @binding(0) var<storage, read> halves: array<f16>;
@group(0) @binding(1) var<storage, read> numbers: array<f32>;
@group(0) @binding(2) var<storage, read_write> widened: array<f32>;
@group(0) @binding(3) var<storage, read_write> rounded: array<f16>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < arrayLength(&halves)) {
    widened[id.x] = f32(halves[id.x]);
  }
  if (id.x < arrayLength(&numbers)) {
    rounded[id.x] = f16(numbers[id.x]);
  }
}`;

/** Bits of halves of every exponent and sign, with fractions at which rounding and carrying show. */
function sampleBits(): number[] {
  const fractions = [0, 1, 2, 3, 511, 512, 513, 1022, 1023];
  const magnitudes = Array.from({ length: 31 }, (_, exponent) => fractions.map((part) => (exponent << 10) + part));
  return [...magnitudes.flat(), 0x7c00].flatMap((bits) => [bits, bits | 0x8000]);
}

/** Halves, the numbers in the middle between neighbours, and those next to the middle; then what is too large or too small. */
function sampleNumbers(bits: readonly number[]): number[] {
  const between = bits.flatMap((own) => {
    const [here, next] = [halfValue(own), halfValue(own + 1)];
    if (!Number.isFinite(next)) return [here];
    const middle = (here + next) / 2;
    return [here, middle, middle * (1 - 2 ** -23), middle * (1 + 2 ** -23)];
  });
  return [...between, 65519, 65520, -65520, 1e30, -Infinity, 2 ** -26, -(2 ** -25), 1e-30];
}

/** Whether halves are read, rounded and stored exactly. */
export async function hasExactHalves(gpu: GPUDevice): Promise<boolean> {
  const bits = sampleBits();
  const numbers = Float32Array.from(sampleNumbers(bits));
  // Whole words, for transfers.
  const sizes = [2 * bits.length, 4 * numbers.length, 4 * bits.length, 2 * numbers.length];
  const buffers = sizes.map((size) => gpu.createBuffer({ size: Math.ceil(size / 4) * 4, usage: usages.storage }));
  const [halves, singles, ...results] = buffers;
  const copies = results.map(({ size }) => gpu.createBuffer({ size, usage: usages.readback }));
  try {
    if (halves === undefined || singles === undefined) return false;
    gpu.queue.writeBuffer(halves, 0, Uint16Array.from(bits));
    gpu.queue.writeBuffer(singles, 0, numbers);
    const module = gpu.createShaderModule({ label: "halves", code: shader });
    const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(Math.ceil(numbers.length / 64));
    pass.end();
    results.forEach((result, at) => {
      const copy = copies[at];
      if (copy !== undefined) encoder.copyBufferToBuffer(result, 0, copy, 0, result.size);
    });
    gpu.queue.submit([encoder.finish()]);
    await whenTold(gpu, Promise.all(copies.map((copy) => copy.mapAsync(1))));
    const [widened, rounded] = copies.map((copy) => copy.getMappedRange());
    if (widened === undefined || rounded === undefined) return false;
    const [asRead, asStored] = [new Float32Array(widened), new Uint16Array(rounded)];
    return (
      bits.every((own, at) => Object.is(asRead[at], halfValue(own))) &&
      numbers.every((number, at) => asStored[at] === halfBits(number))
    );
  } catch {
    // What cannot be tried is not relied on; a lost device is told of elsewhere.
    return false;
  } finally {
    for (const buffer of [...buffers, ...copies]) buffer.destroy();
  }
}
