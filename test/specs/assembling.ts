// Rows of the ops of bindings/ops/movement.ts that put elements in new places. Results are exact.
// Read next: moving.ts for the short forms used here, movement.ts for views, ../reference/movement.ts.
import * as athanor from "../../bindings/index.ts";
import * as reference from "../reference/movement.ts";
import { laid, one, row, two } from "./moving.ts";
import type { StructuredRows } from "./spec.ts";

export const assembling: StructuredRows<
  | "concat"
  | "stack"
  | "split"
  | "pad"
  | "flip"
  | "roll"
  | "tile"
  | "repeat"
  | "broadcastTo"
  | "triu"
  | "tril"
  | "diag"
  | "meshGrid"
> = {
  concat: row([
    two(
      "[2,3] and [4,3]",
      [2, 3],
      [4, 3],
      (x, y) => athanor.concat([x, y]),
      (x, y) => reference.concat([x, y]),
    ),
    two(
      "axis -1, transposed",
      laid([3, 2], "transposed"),
      [3, 4],
      (x, y) => athanor.concat([x, y], { axis: -1 }),
      (x, y) => reference.concat([x, y], -1),
    ),
    two(
      "one twice",
      [3],
      [2],
      (x, y) => athanor.concat([x, y, x]),
      (x, y) => reference.concat([x, y, x]),
    ),
    two(
      "one empty",
      [0, 3],
      [2, 3],
      (x, y) => athanor.concat([x, y]),
      (x, y) => reference.concat([x, y]),
    ),
  ]),
  stack: row([
    two(
      "[3] twice",
      [3],
      [3],
      (x, y) => athanor.stack([x, y]),
      (x, y) => reference.stack([x, y]),
    ),
    two(
      "[2,3] axis -1",
      [2, 3],
      laid([2, 3], "sliced"),
      (x, y) => athanor.stack([x, y], { axis: -1 }),
      (x, y) => reference.stack([x, y], -1),
    ),
  ]),
  split: row([
    one(
      "[6,2] in 3",
      [6, 2],
      (x) => athanor.split(x, 3),
      (x) => reference.split(x, 3),
    ),
    one(
      "[2,6] sizes",
      laid([2, 6], "transposed"),
      (x) => athanor.split(x, [1, 2, 3], { axis: 1 }),
      (x) => reference.split(x, [1, 2, 3], 1),
    ),
  ]),
  pad: row([
    one(
      "[2,3] constant",
      [2, 3],
      (x) =>
        athanor.pad(
          x,
          [
            [1, 2],
            [0, 1],
          ],
          { value: 5 },
        ),
      (x) =>
        reference.pad(
          x,
          [
            [1, 2],
            [0, 1],
          ],
          5,
        ),
    ),
    one(
      "[4,3] reflect",
      [4, 3],
      (x) =>
        athanor.pad(
          x,
          [
            [2, 1],
            [1, 2],
          ],
          { mode: "reflect" },
        ),
      (x) =>
        reference.pad(
          x,
          [
            [2, 1],
            [1, 2],
          ],
          0,
          "reflect",
        ),
    ),
    one(
      "[4,3] edge",
      laid([4, 3], "transposed"),
      (x) =>
        athanor.pad(
          x,
          [
            [2, 1],
            [0, 3],
          ],
          { mode: "edge" },
        ),
      (x) =>
        reference.pad(
          x,
          [
            [2, 1],
            [0, 3],
          ],
          0,
          "edge",
        ),
      { gpu: true },
    ),
  ]),
  flip: row([
    one(
      "[3,4]",
      [3, 4],
      (x) => athanor.flip(x),
      (x) => reference.flip(x),
    ),
    one(
      "[3,4] axis 1",
      laid([3, 4], "sliced"),
      (x) => athanor.flip(x, 1),
      (x) => reference.flip(x, [1]),
    ),
  ]),
  roll: row([
    one(
      "[3,5] axis 1",
      [3, 5],
      (x) => athanor.roll(x, 2, 1),
      (x) => reference.roll(x, 2, 1),
    ),
    one(
      "[3,5] flat, back",
      [3, 5],
      (x) => athanor.roll(x, -7),
      (x) => reference.roll(x, -7),
    ),
  ]),
  tile: row([
    one(
      "[2,3] by [2,2]",
      [2, 3],
      (x) => athanor.tile(x, [2, 2]),
      (x) => reference.tile(x, [2, 2]),
    ),
    one(
      "[3] by [2,1,2]",
      [3],
      (x) => athanor.tile(x, [2, 1, 2]),
      (x) => reference.tile(x, [2, 1, 2]),
    ),
  ]),
  repeat: row([
    one(
      "[2,3] axis 0",
      [2, 3],
      (x) => athanor.repeat(x, 3, { axis: 0 }),
      (x) => reference.repeat(x, 3, 0),
    ),
    one(
      "[2,3] flat",
      [2, 3],
      (x) => athanor.repeat(x, 2),
      (x) => reference.repeat(x, 2),
    ),
  ]),
  broadcastTo: row([
    one(
      "[3,1] to [2,3,4]",
      [3, 1],
      (x) => athanor.broadcastTo(x, [2, 3, 4]),
      (x) => reference.broadcastTo(x, [2, 3, 4]),
    ),
    one(
      "[] to [5]",
      [],
      (x) => athanor.broadcastTo(x, [5]),
      (x) => reference.broadcastTo(x, [5]),
    ),
  ]),
  triu: row([
    one(
      "[4,5]",
      [4, 5],
      (x) => athanor.triu(x),
      (x) => reference.triangle(x, true),
    ),
    one(
      "[2,4,4] k -1",
      [2, 4, 4],
      (x) => athanor.triu(x, -1),
      (x) => reference.triangle(x, true, -1),
    ),
  ]),
  tril: row([
    one(
      "[4,5]",
      [4, 5],
      (x) => athanor.tril(x),
      (x) => reference.triangle(x, false),
    ),
    one(
      "[2,4,4] k 1",
      [2, 4, 4],
      (x) => athanor.tril(x, 1),
      (x) => reference.triangle(x, false, 1),
    ),
  ]),
  diag: row([
    one(
      "[4] to a matrix",
      [4],
      (x) => athanor.diag(x, 1),
      (x) => reference.diag(x, 1),
    ),
    one(
      "[4,5] to a vector",
      [4, 5],
      (x) => athanor.diag(x),
      (x) => reference.diag(x),
    ),
    one(
      "[4,5] k -2",
      [4, 5],
      (x) => athanor.diag(x, -2),
      (x) => reference.diag(x, -2),
    ),
  ]),
  meshGrid: row([
    two(
      "[3] and [2]",
      [3],
      [2],
      (x, y) => athanor.meshGrid(x, y),
      (x, y) => reference.meshGrid([x, y]),
    ),
    two(
      "ij",
      [3],
      [2],
      (x, y) => athanor.meshGrid(x, y, { indexing: "ij" }),
      (x, y) => reference.meshGrid([x, y], "ij"),
    ),
  ]),
};
