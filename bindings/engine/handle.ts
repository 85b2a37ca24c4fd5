// The Tensor that users hold: a handle on a value of the recorded graph, with the closed set of methods.
// Every method is the op of the same name; reading goes through the engine. Knows no device.
// Read next: engine.ts, which records and runs.
import type { DType, TypedArray } from "../core/dtype.ts";
import { DisposedError, ShapeError } from "../core/errors.ts";
import { readable } from "../core/half.ts";
import type { Shape } from "../core/shape.ts";
import { show, sizeOf } from "../core/shape.ts";
import type { Value } from "../graph/node.ts";
import * as ops from "../ops/index.ts";
import type { AxisOptions, Nested, Recorder, Tensor, TensorLike } from "../ops/tensor.ts";

// Node 20 has the symbol but not the syntax; older browsers have neither.
const disposeSymbol: typeof Symbol.dispose =
  (Symbol as { dispose?: typeof Symbol.dispose }).dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

/** What a handle asks of its engine beyond recording. */
export interface Reader extends Recorder {
  /** The elements of a value, computed if need be. */
  read(value: Value): Promise<TypedArray>;
  /** The same at once. */
  readSync(value: Value): TypedArray;
  /** Told when a handle was disposed. */
  forget(handle: Handle): void;
}

export class Handle implements Tensor {
  readonly recorder: Reader;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Whether the garbage collector will let go of the value if nobody disposes the tensor; the engine's note. */
  isWatched = false;
  private held: Value | undefined;

  /** Takes one hold on `value`. */
  constructor(engine: Reader, value: Value) {
    this.recorder = engine;
    this.shape = value.shape;
    this.dtype = value.dtype;
    this.held = value;
    value.retain();
  }

  /** The value behind the tensor; `op` names who asks. */
  valueFor(op: string): Value {
    if (this.held === undefined) {
      throw new DisposedError(
        op,
        `tensor ${show(this.shape)} ${this.dtype} was disposed. Keep it: return it from scope(), or dispose it later`,
      );
    }
    return this.held;
  }

  get size(): number {
    return sizeOf(this.shape);
  }
  get rank(): number {
    return this.shape.length;
  }
  get T(): Tensor {
    return this.rank < 2 ? this : ops.transpose(this);
  }
  get isDisposed(): boolean {
    return this.held === undefined;
  }

  data(): Promise<TypedArray> {
    const data = this.recorder.read(this.valueFor("data"));
    return this.dtype === "f16" ? data.then((bits) => readable(bits, "f16")) : data;
  }
  dataSync(): TypedArray {
    return readable(this.recorder.readSync(this.valueFor("dataSync")), this.dtype);
  }
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        "item",
        `the tensor has ${String(this.size)} elements, shape ${show(this.shape)}. Read one: await x.slice([0], [1]).item(), or all: await x.data()`,
      );
    }
    return (await this.data())[0] ?? Number.NaN;
  }
  async toArray(): Promise<Nested> {
    const data = await this.data();
    const nest = (axis: number, start: number, stride: number): Nested => {
      if (axis === this.rank) return this.dtype === "bool" ? data[start] !== 0 : (data[start] ?? Number.NaN);
      const extent = this.shape[axis] ?? 0;
      const step = extent === 0 ? 0 : stride / extent;
      return Array.from({ length: extent }, (_, index) => nest(axis + 1, start + index * step, step));
    };
    return nest(0, 0, this.size);
  }
  dispose(): void {
    const value = this.held;
    if (value === undefined) return;
    this.held = undefined;
    this.recorder.forget(this);
    value.release();
  }
  declare readonly [Symbol.dispose]: () => void;
  static {
    Object.defineProperty(this.prototype, disposeSymbol, {
      value(this: Handle): void {
        this.dispose();
      },
    });
  }

  add(y: TensorLike): Tensor {
    return ops.add(this, y);
  }
  sub(y: TensorLike): Tensor {
    return ops.sub(this, y);
  }
  mul(y: TensorLike): Tensor {
    return ops.mul(this, y);
  }
  div(y: TensorLike): Tensor {
    return ops.div(this, y);
  }
  pow(y: TensorLike): Tensor {
    return ops.pow(this, y);
  }
  neg(): Tensor {
    return ops.neg(this);
  }
  abs(): Tensor {
    return ops.abs(this);
  }
  square(): Tensor {
    return ops.square(this);
  }
  sqrt(): Tensor {
    return ops.sqrt(this);
  }
  exp(): Tensor {
    return ops.exp(this);
  }
  log(): Tensor {
    return ops.log(this);
  }
  sigmoid(): Tensor {
    return ops.sigmoid(this);
  }
  tanh(): Tensor {
    return ops.tanh(this);
  }
  relu(): Tensor {
    return ops.relu(this);
  }
  maximum(y: TensorLike): Tensor {
    return ops.maximum(this, y);
  }
  minimum(y: TensorLike): Tensor {
    return ops.minimum(this, y);
  }
  equal(y: TensorLike): Tensor {
    return ops.equal(this, y);
  }
  less(y: TensorLike): Tensor {
    return ops.less(this, y);
  }
  greater(y: TensorLike): Tensor {
    return ops.greater(this, y);
  }
  cast(dtype: DType): Tensor {
    return ops.cast(this, dtype);
  }
  sum(options?: AxisOptions): Tensor {
    return ops.sum(this, options);
  }
  mean(options?: AxisOptions): Tensor {
    return ops.mean(this, options);
  }
  max(options?: AxisOptions): Tensor {
    return ops.max(this, options);
  }
  min(options?: AxisOptions): Tensor {
    return ops.min(this, options);
  }
  argMax(options?: { readonly axis?: number; readonly keepDims?: boolean }): Tensor {
    return ops.argMax(this, options);
  }
  softmax(options?: { readonly axis?: number }): Tensor {
    return ops.softmax(this, options);
  }
  reshape(...shape: number[] | [Shape]): Tensor {
    return ops.reshape(this, spread(shape));
  }
  flatten(startAxis?: number): Tensor {
    return ops.flatten(this, startAxis);
  }
  transpose(axis0?: number, axis1?: number): Tensor {
    return ops.transpose(this, axis0, axis1);
  }
  permute(...order: number[] | [readonly number[]]): Tensor {
    return ops.permute(this, spread(order));
  }
  expandDims(axis: number): Tensor {
    return ops.expandDims(this, axis);
  }
  squeeze(axis?: number | readonly number[]): Tensor {
    return ops.squeeze(this, axis);
  }
  slice(begin: readonly number[], end?: readonly (number | undefined)[], step?: readonly number[]): Tensor {
    return ops.slice(this, begin, end, step);
  }
  broadcastTo(shape: Shape): Tensor {
    return ops.broadcastTo(this, shape);
  }
  take(indices: Tensor | readonly number[], options?: { readonly axis?: number }): Tensor {
    const list = Array.isArray(indices)
      ? this.recorder.fromArray(Int32Array.from(indices as readonly number[]), [indices.length], "i32")
      : (indices as Tensor);
    return ops.take(this, list, options);
  }
  matmul(b: Tensor): Tensor {
    return ops.matmul(this, b);
  }
  dot(b: Tensor): Tensor {
    return ops.dot(this, b);
  }
}

function spread(list: number[] | [readonly number[]]): readonly number[] {
  const [first] = list;
  return typeof first === "object" ? first : (list as number[]);
}
