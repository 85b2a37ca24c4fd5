// unique: its results have as many elements as there are different values, which only their values tell. So it is no op that can
// be recorded: it sorts where the tensor lives, reads what came of it and counts on the host.
// Read next: ../ops/sorting.ts for the order, in which NaN is one value and so are the two zeros.
import type { TypedArray } from "../core/dtype.ts";
import { newArray } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { argSort, sort, take } from "../ops/index.ts";
import { reshaped } from "../ops/broadcasting.ts";
import type { Tensor } from "../ops/tensor.ts";
import { describe, requireArguments } from "../ops/tensor.ts";

/** What `unique` gives besides the values. */
export interface UniqueOptions {
  /** Where each value stands first among the elements of x in row-major order. */
  readonly returnIndex?: boolean;
  /** For every element of x, in its shape, the position of its value. */
  readonly returnInverse?: boolean;
  /** How often each value occurs. */
  readonly returnCounts?: boolean;
}

/** The different values, ascending, and what was asked for, i32. */
export type Unique<O extends UniqueOptions> = { readonly values: Tensor } & (O extends { readonly returnIndex: true }
  ? { readonly indices: Tensor }
  : unknown) &
  (O extends { readonly returnInverse: true } ? { readonly inverse: Tensor } : unknown) &
  (O extends { readonly returnCounts: true } ? { readonly counts: Tensor } : unknown);

/**
 * The different values among all elements of x, ascending, as NumPy's unique: a vector of the type of x. NaN is one value, and so
 * are the two zeros, of which the first is kept. Reads x, so it is asynchronous and has no gradient.
 */
export async function unique<O extends UniqueOptions = { readonly returnCounts?: false }>(
  x: Tensor,
  options?: O,
): Promise<Unique<O>> {
  const { returnIndex = false, returnInverse = false, returnCounts = false }: UniqueOptions = options ?? {};
  requireArguments("unique", { x }, options ?? {});
  for (const [name, value] of Object.entries({ returnIndex, returnInverse, returnCounts }))
    if (typeof value !== "boolean")
      throw new ParameterError("unique", `${name} must be true or false, got ${describe(value)}`);
  const { sorted, positions } = await inOrder(x, returnIndex || returnInverse);
  const starts = startsOf(sorted);
  const count = starts.length;
  const whole = (length: number, value: (index: number) => number): Tensor =>
    x.recorder.fromArray(
      Int32Array.from({ length }, (_, index) => value(index)),
      [length],
      "i32",
    );
  const values = newArray(x.dtype, count);
  starts.forEach((start, index) => (values[index] = sorted[start] ?? 0));
  return {
    values: x.recorder.fromArray(values, [count], x.dtype),
    ...(returnIndex ? { indices: whole(count, (index) => positions[starts[index] ?? 0] ?? 0) } : {}),
    ...(returnInverse ? { inverse: x.recorder.fromArray(inverseOf(starts, positions), x.shape, "i32") } : {}),
    ...(returnCounts
      ? { counts: whole(count, (index) => (starts[index + 1] ?? sorted.length) - (starts[index] ?? 0)) }
      : {}),
  } as unknown as Unique<O>;
}

/** The elements in order and, if asked for, where they came from. */
async function inOrder(
  x: Tensor,
  withPositions: boolean,
): Promise<{ readonly sorted: TypedArray; readonly positions: TypedArray }> {
  const made = x.recorder.compose("unique", (): readonly Tensor[] => {
    const flat = reshaped(x, [x.size]);
    if (!withPositions) return [sort(flat)];
    const positions = argSort(flat);
    return [take(flat, positions), positions];
  });
  try {
    const [sorted = new Float32Array(), positions = new Int32Array()] = await Promise.all(
      made.map((tensor) => tensor.data()),
    );
    return { sorted, positions };
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

/** Where in a sorted list every different value begins. */
function startsOf(sorted: TypedArray): number[] {
  const starts: number[] = [];
  for (let index = 0; index < sorted.length; index++) {
    const value = sorted[index] ?? 0;
    const before = sorted[index - 1];
    // NaN differs from itself, but all of them are one value.
    const isSame = before !== undefined && (value === before || (Number.isNaN(value) && Number.isNaN(before)));
    if (!isSame) starts.push(index);
  }
  return starts;
}

function inverseOf(starts: readonly number[], positions: TypedArray): Int32Array {
  const inverse = new Int32Array(positions.length);
  starts.forEach((start, value) => {
    for (let index = start; index < (starts[value + 1] ?? positions.length); index++)
      inverse[positions[index] ?? 0] = value;
  });
  return inverse;
}
