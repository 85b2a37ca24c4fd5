// Lays the values of a case out in memory as the case asks: transposed, in the middle of a larger buffer, stretched.
// What surrounds a sliced operand is NaN (or a large number), so that a kernel which reads it is found out.
// Read next: samples.ts, checks.ts.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { tensor } from "../engine/index.ts";
import { broadcastTo, permute, slice } from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { countOf, eachIndex, positionOf } from "./array.ts";
import type { Operand } from "./samples.ts";
import { stretchedAxes } from "./samples.ts";

function fromList(values: ArrayLike<number>, shape: readonly number[], dtype: DType): Tensor {
  return tensor(Float64Array.from(values), { shape, dtype });
}

/** The tensor of an operand. Call it inside a scope: it makes intermediate tensors. */
export function materialize(operand: Operand): Tensor {
  const { shape, dtype, layout, values } = operand;
  if (layout === "transposed" && shape.length > 1) return transposed(operand);
  if (layout === "sliced" && shape.length > 0) return sliced(operand);
  if (layout === "broadcast" && shape.length > 0 && values.length > 0) return broadcast(operand);
  return fromList(values, shape, dtype);
}

function transposed({ shape, dtype, values }: Operand): Tensor {
  const turned = [...shape].reverse();
  const list = new Array<number>(values.length);
  eachIndex(turned, (index) => (list[positionOf(turned, index)] = values[positionOf(shape, [...index].reverse())]!));
  return permute(
    fromList(list, turned, dtype),
    shape.map((_, axis) => shape.length - 1 - axis),
  );
}

function sliced({ shape, dtype, values }: Operand): Tensor {
  const outer = shape.map((extent) => 2 * extent + 3);
  const list = new Array<number>(countOf(outer)).fill(isFloating(dtype) ? NaN : dtype === "bool" ? 1 : 201);
  eachIndex(shape, (index) => {
    const place = index.map((i) => 2 + 2 * i);
    list[positionOf(outer, place)] = values[positionOf(shape, index)]!;
  });
  return slice(
    fromList(list, outer, dtype),
    shape.map(() => 2),
    shape.map((extent) => 2 + 2 * extent),
    shape.map(() => 2),
  );
}

function broadcast({ shape, dtype, values }: Operand): Tensor {
  const stretched = stretchedAxes(shape);
  const small = shape.map((extent, axis) => (stretched.includes(axis) ? 1 : extent));
  const list: number[] = [];
  eachIndex(small, (index) => list.push(values[positionOf(shape, index)]!));
  return broadcastTo(fromList(list, small, dtype), shape);
}
