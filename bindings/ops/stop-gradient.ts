// A value that differentiation takes for a constant. Read next: softmax.ts, which subtracts such a maximum.
import { input } from "../expr/expression.ts";
import { recordMap } from "./define.ts";
import type { MapOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

const stopGradientOp: MapOp = { kind: "map", name: "stopGradient" };

/** The same values; no gradient flows back through them. */
export function stopGradient(x: Tensor): Tensor {
  requireArguments("stopGradient", { x });
  return recordMap(stopGradientOp, [x], input(0, x.dtype));
}
