// Views as a row kernel walks them: from row to row, and within a row.
// Pure functions of shapes and strides. Read next: row-kernels.ts, and ../backends/webgpu/kernels/row-operands.ts.
import { isContiguous, mergeWalk } from "../core/layout.ts";
import { sizeOf } from "../core/shape.ts";

/** Rows of so many elements; at least two, so that a number of elements tells whether it is one for each row. */
export interface Rows {
  readonly rows: number;
  readonly length: number;
}

/** Extents and strides, in elements, of as few axes as possible. */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A view over [rows, length], or over [rows]: then with no axes within a row. */
export interface SplitView {
  readonly lead: Walk;
  readonly trail: Walk;
}

/** A view over `shape`, cut where rows begin. Undefined where no axis begins with a row, or there are not so many elements. */
export function splitView(
  shape: readonly number[],
  strides: readonly number[],
  { rows, length }: Rows,
): SplitView | undefined {
  const size = sizeOf(shape);
  if (size !== rows && size !== rows * length) return undefined;
  const lead = { shape: [...shape], strides: [...strides] };
  const trail = { shape: [] as number[], strides: [] as number[] };
  for (let rest = size === rows ? 1 : length; rest > 1;) {
    const extent = lead.shape.pop() ?? 1;
    const stride = lead.strides.pop() ?? 0;
    const inside = Math.min(extent, rest);
    if (rest % inside !== 0 || extent % inside !== 0) return undefined;
    trail.shape.unshift(inside);
    trail.strides.unshift(stride);
    if (extent > inside) {
      lead.shape.push(extent / inside);
      lead.strides.push(stride * inside);
    }
    rest /= inside;
  }
  return { lead: merged(lead), trail: merged(trail) };
}

function merged({ shape, strides }: Walk): Walk {
  const walk = mergeWalk(shape, [strides]);
  return { shape: walk.shape, strides: walk.strides[0] ?? [] };
}

/** Whether the walk goes over memory element by element. */
export function isDense({ shape, strides }: Walk): boolean {
  return isContiguous({ shape, strides, offset: 0 });
}

/** Whether the walk stays where it begins. */
export function isStill({ shape, strides }: Walk): boolean {
  return strides.every((stride, axis) => stride === 0 || shape[axis] === 1);
}
