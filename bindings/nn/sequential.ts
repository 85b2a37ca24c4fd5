// A chain of layers. Read next: module.ts.
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";

/** A layer of a chain: a module from a tensor to a tensor, or a plain function such as `relu`. */
export type Layer = Module | ((x: Tensor) => Tensor);

/** Layers applied one after the other. Parameters are named by position: `0.weight`, `2.bias`. */
export class Sequential extends Module {
  readonly layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    super();
    this.layers = layers;
  }

  protected override children(): (readonly [string, Module])[] {
    return this.layers.flatMap((layer, index) => (layer instanceof Module ? [[String(index), layer] as const] : []));
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => (layer instanceof Module ? layer.forward(value) : layer(value)), x);
  }
}

/** A chain of layers: sequential([new Linear(784, 128), relu, new Linear(128, 10)]). */
export function sequential(layers: readonly Layer[]): Sequential {
  return new Sequential(layers);
}
