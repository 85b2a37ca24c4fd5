// A parameter: the one mutable thing in the library, a cell whose tensor an optimiser replaces.
// Knows no module and no optimiser. Read next: module.ts.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { sameShape, show } from "../core/shape.ts";
import { converted } from "../ops/comparison.ts";
import type { Tensor } from "../ops/tensor.ts";

/** A cell holding a tensor that training changes. Its shape stays as it was made, its element type until `to`. */
export class Parameter {
  #value: Tensor;
  /** False for a parameter that optimisers pass by (a frozen layer). */
  trainable: boolean;

  constructor(value: Tensor, options: { readonly trainable?: boolean } = {}) {
    this.#value = value;
    this.trainable = options.trainable ?? true;
  }

  /** The current tensor. Assigning another of the same shape and type replaces it; the old one is not disposed. */
  get value(): Tensor {
    return this.#value;
  }

  set value(next: Tensor) {
    if (!sameShape(next.shape, this.shape)) {
      throw new ShapeError(
        "Parameter",
        `holds ${show(this.shape)}, cannot hold ${show(next.shape)}. Reshape it, or make a new Parameter`,
      );
    }
    if (next.dtype !== this.dtype) {
      throw new DTypeError(
        "Parameter",
        `holds ${this.dtype}, cannot hold ${next.dtype}. Convert it: cast(value, "${this.dtype}")`,
      );
    }
    this.#value = next;
  }

  /** Holds the same numbers in another floating type from now on; the tensor of before is not disposed. */
  to(dtype: DType): this {
    if (!isFloating(dtype)) throw new DTypeError("Parameter", `must hold floats: f16, f32 or f64, got ${dtype}`);
    this.#value = converted(this.#value, dtype);
    return this;
  }

  get shape(): Shape {
    return this.#value.shape;
  }

  get dtype(): DType {
    return this.#value.dtype;
  }

  /** Number of elements. */
  get size(): number {
    return this.#value.size;
  }
}

/**
 * Calls `body` while the cells hold other tensors, and puts the old ones back. This is how a function of the
 * parameters is made of a module whose `forward` reads cells: transforms pass traced tensors in.
 */
export function withValues<R>(cells: readonly Parameter[], values: readonly Tensor[], body: () => R): R {
  if (cells.length !== values.length)
    throw new ShapeError("withValues", `${cells.length} parameters, but ${values.length} values`);
  const held = cells.map((cell) => cell.value);
  cells.forEach((cell, index) => (cell.value = values[index]!));
  try {
    return body();
  } finally {
    cells.forEach((cell, index) => (cell.value = held[index]!));
  }
}
