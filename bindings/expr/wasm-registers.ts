// Where the values of a row function live: one v128 local for each node and vector of a turn, one for each literal.
// Knows no instruction but those that fetch a local. Read next: to-wasm.ts, wasm-apply.ts.
import type { DType } from "../core/dtype.ts";
import type { Expression } from "./expression.ts";
import type { Bytes } from "./wasm-bytes.ts";
import type { Literal } from "./wasm-lanes.ts";
import { constantLanes } from "./wasm-lanes.ts";

/** The v128 locals of a function, given out as they are asked for. */
export class Registers {
  /** The vector of the turn that is being written. */
  copy = 0;
  private readonly first: number;
  private readonly isFixed: (node: Expression) => boolean;
  private readonly locals = new Map<Expression, number[]>();
  private readonly known = new Map<string, { readonly lanes: Uint8Array; readonly local: number }>();
  private count = 0;

  /** `first` is the number of locals before the vectors; fixed nodes have one local for all vectors of a turn. */
  constructor(first: number, isFixed: (node: Expression) => boolean) {
    this.first = first;
    this.isFixed = isFixed;
  }

  /** How many locals were given out. */
  get vectors(): number {
    return this.count;
  }

  /** The lanes of each literal and the local that is to hold them. */
  get literals(): readonly { readonly lanes: Uint8Array; readonly local: number }[] {
    return [...this.known.values()];
  }

  of(node: Expression): number {
    if (node.kind === "constant") return this.literal(node.value, node.dtype);
    let own = this.locals.get(node);
    if (own === undefined) this.locals.set(node, (own = []));
    return (own[this.isFixed(node) ? 0 : this.copy] ??= this.next());
  }

  literal(value: number, dtype: DType): number {
    const lanes = constantLanes(value, dtype);
    const key = lanes.join();
    const known = this.known.get(key);
    if (known !== undefined) return known.local;
    const local = this.next();
    this.known.set(key, { lanes, local });
    return local;
  }

  /** Writes the fetching of literals. */
  pushing(body: Bytes): Literal {
    return (value, dtype) => body.get(this.literal(value, dtype));
  }

  private next(): number {
    return this.first + this.count++;
  }
}
