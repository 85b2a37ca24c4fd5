// The cotangent of a tensor that was cut into regions (split, slices of a gate or of a time step): the cotangents of the
// regions are written side by side into one tensor, instead of each into zeros that are then added up.
// Knows regions only by their bounding boxes. Read next: reverse.ts.
import type { Shape } from "../core/shape.ts";
import { sizeOf } from "../core/shape.ts";
import { add } from "../ops/arithmetic.ts";
import type { Region } from "../ops/descriptor.ts";
import { assemble } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";

/** The cotangent of a region. */
export interface Part {
  readonly region: Region;
  readonly cotangent: Tensor;
}

/** First and last position of a part along an axis. */
function bounds({ region, cotangent }: Part, axis: number): readonly [low: number, high: number] {
  const begin = region.begin[axis] ?? 0;
  const end = begin + ((cotangent.shape[axis] ?? 1) - 1) * (region.step[axis] ?? 1);
  return begin <= end ? [begin, end] : [end, begin];
}

/** Whether the boxes around two parts have nothing in common. */
function isApart(a: Part, b: Part): boolean {
  return a.region.begin.some((_, axis) => {
    const [low, high] = bounds(a, axis);
    const [otherLow, otherHigh] = bounds(b, axis);
    return high < otherLow || otherHigh < low;
  });
}

/** The sum of the parts, each at its place in a tensor of this shape that is 0 elsewhere. */
export function putTogether(parts: readonly Part[], shape: Shape): Tensor | undefined {
  const layers: Part[][] = [];
  for (const part of parts) {
    if (part.cotangent.size === 0) continue;
    const layer = layers.find((others) => others.every((other) => isApart(part, other)));
    if (layer === undefined) layers.push([part]);
    else layer.push(part);
  }
  if (layers.length === 0) layers.push([...parts]);
  return layers
    .map((layer) => {
      const covered = layer.reduce((total, { cotangent }) => total + cotangent.size, 0);
      return assemble(
        layer.map(({ cotangent }) => cotangent),
        shape,
        { pieces: layer.map(({ region }) => region), fill: covered === sizeOf(shape) ? undefined : 0 },
      );
    })
    .reduce((sum, layer) => add(sum, layer));
}
