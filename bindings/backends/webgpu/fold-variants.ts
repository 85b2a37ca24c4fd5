// Ways to share out the rows of a fold among the invocations of workgroups, and which one a shape gets by rule.
// Knows sizes, no shaders. Read next: row-shader.ts, which writes kernels of a variant.
import type { Rows } from "../../graph/row-view.ts";

/** A way to fold rows: how many invocations a row has. */
export interface FoldVariant {
  /** A power of two, at most 256. */
  readonly lanes: number;
}

/** Invocations of a workgroup: a whole one for a row of many. */
export function workgroupOf({ lanes }: FoldVariant): number {
  return Math.max(64, lanes);
}

/** Elements of a row that an invocation takes at least, where a row has more than so many invocations. */
export function foldByRule({ length }: Rows): FoldVariant {
  if (length <= 8) return { lanes: 1 };
  if (length <= 64) return { lanes: 8 };
  if (length <= 256) return { lanes: 32 };
  return { lanes: length <= 1024 ? 64 : 256 };
}
