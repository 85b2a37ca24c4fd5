// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998) for 28 × 28 digits, with relu and max pooling instead of the
// original's tanh and trainable averaging. 61,706 parameters. Read next: ../nn/README.md.
import { isFloating } from "../core/dtype.ts";
import { Conv2d, Linear, Module } from "../nn/index.ts";
import { relu } from "../ops/activation.ts";
import { mul } from "../ops/arithmetic.ts";
import { cast } from "../ops/comparison.ts";
import { maxPool2d } from "../ops/pooling.ts";
import { flatten } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";

/**
 * conv 5×5 → 6, pool 2, conv 5×5 → 16, pool 2, 400 → 120 → 84 → classes.
 * Takes [N, 28, 28, 1]: bytes 0 … 255, which it scales, or floats in [0, 1]; gives logits [N, classes].
 */
export class LeNet5 extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly hidden1: Linear;
  readonly hidden2: Linear;
  readonly output: Linear;

  constructor(options: { readonly classes?: number; readonly generator?: Generator } = {}) {
    super();
    const { classes = 10, ...draw } = options;
    this.conv1 = new Conv2d(1, 6, 5, { padding: 2, ...draw });
    this.conv2 = new Conv2d(6, 16, 5, draw);
    this.hidden1 = new Linear(400, 120, draw);
    this.hidden2 = new Linear(120, 84, draw);
    this.output = new Linear(84, classes, draw);
  }

  forward(images: Tensor): Tensor {
    const pixels = isFloating(images.dtype) ? images : mul(cast(images, "f32"), 1 / 255);
    const coarse = maxPool2d(relu(this.conv1.forward(pixels)), { window: 2 });
    const fine = maxPool2d(relu(this.conv2.forward(coarse)), { window: 2 });
    const hidden = relu(this.hidden1.forward(flatten(fine, 1)));
    return this.output.forward(relu(this.hidden2.forward(hidden)));
  }
}
