// Pooling layers and flattening: layers without parameters. Read next: ../ops/pooling.ts, sequential.ts.
import type { AvgPool2dOptions, MaxPool2dOptions } from "../ops/pooling.ts";
import { avgPool2d, maxPool2d } from "../ops/pooling.ts";
import { flatten } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";

type Window = number | readonly [number, number];

/** The largest element of each window; windows touch but do not overlap unless a stride is given. */
export class MaxPool2d extends Module {
  readonly options: MaxPool2dOptions;

  constructor(window: Window, options: Omit<MaxPool2dOptions, "window"> = {}) {
    super();
    this.options = { ...options, window };
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options);
  }
}

/** The mean of each window. */
export class AvgPool2d extends Module {
  readonly options: AvgPool2dOptions;

  constructor(window: Window, options: Omit<AvgPool2dOptions, "window"> = {}) {
    super();
    this.options = { ...options, window };
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.options);
  }
}

/** All axes from `startAxis` on as one: [N, H, W, C] → [N, H·W·C]. */
export class Flatten extends Module {
  readonly startAxis: number;

  constructor(startAxis = 1) {
    super();
    this.startAxis = startAxis;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startAxis);
  }
}
