// What a program does that uses athanor by its name: computes on threads, on the GPU, trains, and catches an error by its name.
// Read next: main.js, worker.js.
import { init, matmul, shutdown, tensor, withDevice, zeros } from "athanor";
import { dataset } from "athanor/data";
import { Linear, mse } from "athanor/nn";
import { SGD } from "athanor/optim";
import { fit } from "athanor/train";

export async function compute() {
  const { threads } = await init({ threads: 2, tune: "off" });
  const product = (device) =>
    withDevice(device, () =>
      matmul(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        tensor([
          [5, 6],
          [7, 8],
        ]),
      ),
    ).data();
  const model = new Linear(2, 1);
  const data = dataset(
    { data: new Float32Array([0, 1, 1, 0, 1, 1, 2, 1]), shape: [4, 2] },
    { data: new Float32Array([1, 2, 3, 5]), shape: [4, 1] },
  );
  const optimizer = new SGD(model.parameters(), { lr: 0.05 });
  const { losses } = await fit(model, data.batch(4), { optimizer, loss: mse, epochs: 20, device: "wasm" });
  let error = "none";
  try {
    matmul(zeros([2, 3]), zeros([2, 3]));
  } catch (caught) {
    error = caught.name;
  }
  const result = {
    threads: threads.used === 2,
    product: [...(await product("wasm"))],
    gpu: [...(await product("webgpu"))],
    learned: losses.at(-1) < 0.5 * losses[0],
    error,
  };
  await shutdown();
  return result;
}
