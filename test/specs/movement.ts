// Rows of the ops of bindings/ops/movement.ts that look at the same elements in another way. Results are exact.
// Read next: moving.ts for the short forms used here, assembling.ts for the ops that copy, ../reference/movement.ts.
import * as athanor from "../../bindings/index.ts";
import * as reference from "../reference/movement.ts";
import { laid, one, row } from "./moving.ts";
import type { StructuredRows } from "./spec.ts";

export const movement: StructuredRows<
  "stopGradient" | "reshape" | "flatten" | "transpose" | "permute" | "moveAxis" | "expandDims" | "squeeze" | "slice"
> = {
  // Its derivative is 0 by decree, which differences cannot see: test/kinks.test.ts checks it.
  stopGradient: row([
    one(
      "[2,3]",
      laid([2, 3], "transposed"),
      (x) => athanor.stopGradient(x),
      (x) => x,
      { gradient: false },
    ),
  ]),
  reshape: row(
    [
      one(
        "[2,3,4] to [4,-1]",
        [2, 3, 4],
        (x) => athanor.reshape(x, [4, -1]),
        (x) => reference.reshape(x, [4, 6]),
      ),
      one(
        "transposed [4,6] to [3,8]",
        laid([4, 6], "transposed"),
        (x) => athanor.reshape(x, [3, 8]),
        (x) => reference.reshape(x, [3, 8]),
      ),
      one(
        "sliced [4,6] to [24]",
        laid([4, 6], "sliced"),
        (x) => athanor.reshape(x, [24]),
        (x) => reference.reshape(x, [24]),
      ),
      one(
        "broadcast [4,6] to [2,2,6]",
        laid([4, 6], "broadcast"),
        (x) => athanor.reshape(x, [2, 2, 6]),
        (x) => reference.reshape(x, [2, 2, 6]),
      ),
      one(
        "[1] to []",
        [1],
        (x) => athanor.reshape(x, []),
        (x) => reference.reshape(x, []),
      ),
      one(
        "[0] to [0,3]",
        [0],
        (x) => athanor.reshape(x, [0, 3]),
        (x) => reference.reshape(x, [0, 3]),
      ),
    ],
    [
      {
        label: "other count",
        shapes: [[2, 3]],
        call: (x) => athanor.reshape(x, [4, 2]),
        error: "ShapeError",
        message: "reshape: cannot view [2, 3] (6 elements) as [4, 2]. The element counts must be equal",
      },
      {
        label: "two unknown",
        shapes: [[2, 3]],
        call: (x) => athanor.reshape(x, [-1, -1]),
        error: "ShapeError",
        message: "reshape: only one size may be -1, got [-1, -1]",
      },
    ],
  ),
  flatten: row([
    one(
      "[2,3,4]",
      [2, 3, 4],
      (x) => athanor.flatten(x),
      (x) => reference.reshape(x, [24]),
    ),
    one(
      "[2,3,4] from axis 1",
      laid([2, 3, 4], "transposed"),
      (x) => athanor.flatten(x, 1),
      (x) => reference.reshape(x, [2, 12]),
    ),
  ]),
  transpose: row([
    one(
      "[2,3,4]",
      [2, 3, 4],
      (x) => athanor.transpose(x),
      (x) => reference.transpose(x),
    ),
    one(
      "[2,3,4] axes 0 and 2",
      laid([2, 3, 4], "sliced"),
      (x) => athanor.transpose(x, 0, 2),
      (x) => reference.transpose(x, 0, 2),
    ),
    one(
      "[33,65]",
      [33, 65],
      (x) => athanor.transpose(x),
      (x) => reference.transpose(x),
      { gradient: false },
    ),
  ]),
  permute: row([
    one(
      "[2,3,4]",
      [2, 3, 4],
      (x) => athanor.permute(x, [2, 0, 1]),
      (x) => reference.permute(x, [2, 0, 1]),
    ),
    one(
      "[2,3,4,2] negative",
      laid([2, 3, 4, 2], "sliced"),
      (x) => athanor.permute(x, [-1, 1, 0, 2]),
      (x) => reference.permute(x, [3, 1, 0, 2]),
    ),
    one(
      "u8 [3,5]",
      { shape: [3, 5], dtype: "u8", domain: [0, 255] },
      (x) => athanor.permute(x, [1, 0]),
      (x) => reference.permute(x, [1, 0]),
      { gpu: true },
    ),
    one(
      "bool [3,5]",
      { shape: [3, 5], dtype: "bool", domain: [0, 1] },
      (x) => athanor.permute(x, [1, 0]),
      (x) => reference.permute(x, [1, 0]),
      { gpu: true },
    ),
    one(
      "f64 [3,5]",
      { shape: [3, 5], dtype: "f64" },
      (x) => athanor.permute(x, [1, 0]),
      (x) => reference.permute(x, [1, 0]),
    ),
  ]),
  moveAxis: row([
    one(
      "[2,3,4] 0 to -1",
      [2, 3, 4],
      (x) => athanor.moveAxis(x, 0, -1),
      (x) => reference.permute(x, [1, 2, 0]),
    ),
  ]),
  expandDims: row([
    one(
      "[3] axis 0",
      [3],
      (x) => athanor.expandDims(x, 0),
      (x) => reference.reshape(x, [1, 3]),
    ),
    one(
      "[2,3] axis -1",
      laid([2, 3], "transposed"),
      (x) => athanor.expandDims(x, -1),
      (x) => reference.reshape(x, [2, 3, 1]),
    ),
  ]),
  squeeze: row([
    one(
      "[1,3,1]",
      [1, 3, 1],
      (x) => athanor.squeeze(x),
      (x) => reference.reshape(x, [3]),
    ),
    one(
      "[1,3,1] axis 0",
      [1, 3, 1],
      (x) => athanor.squeeze(x, 0),
      (x) => reference.reshape(x, [3, 1]),
    ),
  ]),
  slice: row([
    one(
      "[5,7] step",
      [5, 7],
      (x) => athanor.slice(x, [1, 0], [5, 7], [2, 3]),
      (x) => reference.slice(x, [1, 0], [5, 7], [2, 3]),
    ),
    one(
      "[5,7] negative",
      [5, 7],
      (x) => athanor.slice(x, [-1, -2], [0, undefined], [-2, 1]),
      (x) => reference.slice(x, [-1, -2], [0, undefined], [-2, 1]),
    ),
    one(
      "[17] begin only",
      laid([17], "sliced"),
      (x) => athanor.slice(x, [5]),
      (x) => reference.slice(x, [5]),
    ),
    one(
      "[5] empty",
      [5],
      (x) => athanor.slice(x, [4], [2]),
      (x) => reference.slice(x, [4], [2]),
      { gradient: false },
    ),
    one(
      "[5] beyond",
      [5],
      (x) => athanor.slice(x, [-9], [99]),
      (x) => reference.slice(x, [-9], [99]),
    ),
  ]),
};
