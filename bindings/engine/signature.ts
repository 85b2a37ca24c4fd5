// What tells the calls of a compiled function apart: the structure of its arguments, shapes and dtypes.
// Knows no trace and no plan. Read next: jit.ts.
import type { DeviceName } from "../backends/backend.ts";
import { textOf } from "../core/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import { isTensor } from "../ops/tensor.ts";

/** Tensors and numbers of a tree, in order. */
export function flatten(tree: unknown, leaves: (Tensor | number)[] = []): (Tensor | number)[] {
  if (isTensor(tree) || typeof tree === "number") leaves.push(tree);
  else if (Array.isArray(tree)) for (const item of tree) flatten(item, leaves);
  else if (typeof tree === "object" && tree !== null) for (const item of Object.values(tree)) flatten(item, leaves);
  return leaves;
}

/** One text for all calls that one trace serves. */
export function signature(tree: unknown, device: DeviceName | undefined): string {
  const describe = (item: unknown): string => {
    if (isTensor(item)) return `${item.dtype}[${textOf(item.shape)}]`;
    if (typeof item === "number") return "#";
    if (Array.isArray(item)) return `(${item.map(describe).join(";")})`;
    if (typeof item === "object" && item !== null)
      return `{${Object.entries(item)
        .map(([key, value]) => `${key}:${describe(value)}`)
        .join(";")}}`;
    return String(item);
  };
  return `${device ?? ""}${describe(tree)}`;
}

/** A call whose arguments are all tensors. The calls of a loop are alike, and comparing is faster than writing signatures. */
export class PlainCall<T> {
  readonly result: T;
  private readonly device: DeviceName | undefined;
  private readonly kinds: readonly Pick<Tensor, "shape" | "dtype">[];

  private constructor(args: readonly Tensor[], device: DeviceName | undefined, result: T) {
    this.result = result;
    this.device = device;
    this.kinds = args.map(({ shape, dtype }) => ({ shape, dtype }));
  }

  /** A note of a call; undefined if the arguments are not all tensors. */
  static of<T>(args: readonly unknown[], device: DeviceName | undefined, result: T): PlainCall<T> | undefined {
    return args.every(isTensor) ? new PlainCall(args, device, result) : undefined;
  }

  /** Whether another call has the same signature for certain: its shapes are the same objects. */
  isLike(args: readonly unknown[], device: DeviceName | undefined): args is readonly Tensor[] {
    const { kinds } = this;
    if (args.length !== kinds.length || device !== this.device) return false;
    for (let index = 0; index < kinds.length; index++) {
      const [argument, kind] = [args[index], kinds[index]];
      if (!isTensor(argument) || argument.shape !== kind?.shape || argument.dtype !== kind.dtype) return false;
    }
    return true;
  }
}
