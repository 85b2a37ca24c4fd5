// Samples on the host: a typed array read as rows of one shape. Gathers rows into batches.
// Knows no order, no batches and no device. Read next: dataset.ts.
import type { DType, TypedArray } from "../core/dtype.ts";
import { dtypeOfArray, newArray } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { checkShape, show, sizeOf } from "../core/shape.ts";
import { tensor } from "../engine/creation.ts";
import { defaultEngine } from "../engine/default.ts";
import type { Nested, Tensor } from "../ops/tensor.ts";
import { isTensor } from "../ops/tensor.ts";

/** Row-major data with its shape; the first axis counts samples. */
export interface Rows {
  readonly data: TypedArray;
  readonly shape: Shape;
  /** That of the array when absent; name it for booleans, which look like bytes. */
  readonly dtype?: DType;
}

/** Where samples come from: a tensor, a typed array (one number a sample), an array with a shape, or nested arrays. */
export type Source = Tensor | TypedArray | Rows | readonly Nested[];

/** A column of samples whose data may still have to be read from a device. */
export interface Column {
  readonly count: number;
  readonly rowShape: Shape;
  readonly dtype: DType;
  /** The elements, once they are on the host. */
  load(): TypedArray | Promise<TypedArray>;
}

/** A source as a column. Throws a ShapeError unless it has a first axis. */
export function column(name: string, source: Source): Column {
  if (isTensor(source)) return tensorColumn(name, source);
  if (Array.isArray(source)) return tensorColumn(name, tensor(source as Nested[]));
  const rows = ArrayBuffer.isView(source) ? { data: source, shape: [source.length] } : (source as Rows);
  const { data, shape } = rows;
  const dtype = rows.dtype ?? dtypeOfArray(data);
  if (dtype === undefined) throw new ParameterError("dataset", `${name} must be a tensor, an array or { data, shape }`);
  checkShape("dataset", shape);
  if (shape.length === 0 || sizeOf(shape) !== data.length) {
    throw new ShapeError(
      "dataset",
      `${name} has ${data.length} elements, which cannot be rows of shape ${show(shape)}`,
    );
  }
  return { count: shape[0]!, rowShape: shape.slice(1), dtype, load: () => data };
}

function tensorColumn(name: string, source: Tensor): Column {
  const [count] = source.shape;
  if (count === undefined) throw new ShapeError("dataset", `${name} is a scalar; its first axis must count samples`);
  let loaded: Promise<TypedArray> | undefined;
  return { count, rowShape: source.shape.slice(1), dtype: source.dtype, load: () => (loaded ??= source.data()) };
}

/** Rows `order[from … to)` as a tensor [to − from, …row]. */
export function gatherRows(from: Column, data: TypedArray, order: Int32Array): Tensor {
  const length = sizeOf(from.rowShape);
  // Halves are numbers here, until they are a tensor's.
  const out = newArray(from.dtype === "f16" ? "f32" : from.dtype, order.length * length);
  if (length === 1) for (let row = 0; row < order.length; row++) out[row] = data[order[row]!]!;
  else order.forEach((source, row) => out.set(data.subarray(source * length, (source + 1) * length), row * length));
  return defaultEngine().fromArray(out, [order.length, ...from.rowShape], from.dtype);
}
