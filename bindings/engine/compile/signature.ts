// What tells the calls of a compiled function apart: the structure of its arguments, shapes and dtypes.
// Knows no trace and no plan. Read next: jit.ts.
import type { DeviceName } from "../../backends/backend.ts";
import type { DType } from "../../core/dtype.ts";
import type { Shape } from "../../core/shape.ts";
import { sameShape, textOf } from "../../core/shape.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { isTensor } from "../../ops/tensor.ts";
import { Handle } from "../handle.ts";

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

/** What a call's arguments are: one node for each of a tree's. */
type Pattern =
  | { readonly kind: "tensor"; readonly shape: Shape; readonly dtype: DType }
  | { readonly kind: "number" }
  | { readonly kind: "list"; readonly items: readonly Pattern[] }
  | { readonly kind: "record"; readonly keys: readonly string[]; readonly items: readonly Pattern[] }
  | { readonly kind: "constant"; readonly value: unknown };

/** What a call was like. The calls of a loop are alike, and comparing is faster than writing signatures. */
export class CallPattern<T> {
  readonly result: T;
  private readonly pattern: Pattern;

  constructor(args: readonly unknown[], result: T) {
    this.result = result;
    this.pattern = patternOf(args);
  }

  /** The leaves of another call in order if it has the same signature for certain, but for the device; else undefined. */
  leavesOf(args: readonly unknown[]): readonly (Tensor | number)[] | undefined {
    const leaves: (Tensor | number)[] = [];
    return matches(this.pattern, args, leaves) ? leaves : undefined;
  }
}

function patternOf(item: unknown): Pattern {
  if (isTensor(item)) return { kind: "tensor", shape: item.shape, dtype: item.dtype };
  if (typeof item === "number") return { kind: "number" };
  if (Array.isArray(item)) return { kind: "list", items: item.map(patternOf) };
  if (typeof item === "object" && item !== null)
    return { kind: "record", keys: Object.keys(item), items: Object.values(item).map(patternOf) };
  return { kind: "constant", value: item };
}

/** Whether the item is like the pattern; adds its leaves. */
function matches(pattern: Pattern, item: unknown, leaves: (Tensor | number)[]): boolean {
  switch (pattern.kind) {
    case "tensor":
      if (!(item instanceof Handle) || item.dtype !== pattern.dtype) return false;
      if (item.shape !== pattern.shape && !sameShape(item.shape, pattern.shape)) return false;
      leaves.push(item);
      return true;
    case "number":
      if (typeof item !== "number") return false;
      leaves.push(item);
      return true;
    case "list": {
      const { items } = pattern;
      if (!Array.isArray(item) || item.length !== items.length) return false;
      for (let index = 0; index < items.length; index++) if (!matches(items[index]!, item[index], leaves)) return false;
      return true;
    }
    case "record": {
      if (typeof item !== "object" || item === null || item instanceof Handle || Array.isArray(item)) return false;
      const { keys, items } = pattern;
      let index = 0;
      // Keys that are inherited are none of a signature: with such the signature has to be written.
      for (const key in item) {
        if (key !== keys[index]) return false;
        if (!matches(items[index]!, (item as Readonly<Record<string, unknown>>)[key], leaves)) return false;
        index++;
      }
      return index === keys.length;
    }
    case "constant":
      return item === pattern.value;
  }
}
