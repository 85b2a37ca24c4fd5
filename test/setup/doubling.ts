// One compute shader from upload to readback, with nothing of athanor in it: if this works, the adapter does.
// Runs in Node and in a page. Read next: software-gpu.test.ts, test/browser/machine.ts.

/** Doubles 1, 2, 3, 4 on the first adapter of `gpu`. */
export async function runDoubling(gpu: GPU): Promise<number[]> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("no WebGPU adapter");
  const device = await adapter.requestDevice();
  try {
    const data = device.createBuffer({
      label: "data",
      size: 16,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const readback = device.createBuffer({
      label: "readback",
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(data, 0, new Float32Array([1, 2, 3, 4]));
    const code = `
      @group(0) @binding(0) var<storage, read_write> data: array<f32>;
      @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) { data[id.x] *= 2.0; }`;
    const pipeline = await device.createComputePipelineAsync({
      label: "doubling",
      layout: "auto",
      compute: { module: device.createShaderModule({ label: "doubling", code }) },
    });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: data } }],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(data, 0, readback, 0, 16);
    device.queue.submit([encoder.finish()]);
    await readback.mapAsync(GPUMapMode.READ);
    return [...new Float32Array(readback.getMappedRange())];
  } finally {
    device.destroy();
  }
}
