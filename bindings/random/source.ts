// Where draws get their device tensors from: keys, indexes, host data. The one place that knows how the engine treats
// a key: outside of a jit trace it is uploaded, inside it is an input that every call of the compiled function refreshes.
// Read next: draw.ts; ../engine/compile/jit.ts.
import { defaultEngine } from "../engine/default.ts";
import { Value } from "../graph/node.ts";
import { reshape } from "../ops/broadcasting.ts";
import { cast } from "../ops/comparison.ts";
import { iota } from "../ops/iota.ts";
import { region } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "./generator.ts";

/** The two words of the generator's next key, as u32 scalars. */
export function splitKey(generator: Generator): [Tensor, Tensor] {
  const key = keyTensor(() => Uint32Array.from(generator.nextKey()));
  const word = (index: number): Tensor => reshape(region(key, [index], [1], [1]), []);
  return [word(0), word(1)];
}

function keyTensor(refresh: () => Uint32Array): Tensor {
  const engine = defaultEngine();
  if (engine.trace === undefined) return engine.fromArray(refresh(), [2], "u32");
  const value = new Value([2], "u32", undefined);
  engine.trace.keys.push({ value, refresh });
  return engine.handle(value);
}

/** 0 … count − 1 as u32, counted on the device: drawing a large tensor moves nothing from the host. */
export function indexes(count: number): Tensor {
  return cast(iota(defaultEngine(), count), "u32");
}

/** Host data as a tensor. */
export function hostTensor(data: Int32Array): Tensor {
  return defaultEngine().fromArray(data, [data.length], "i32");
}
