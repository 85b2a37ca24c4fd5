// Modules: functions with parameters. A module is a class with `forward`; its parameters and submodules are found by
// looking at its properties, and named by the path of properties that leads to them.
// Knows no layer and no training. Read next: linear.ts for a small one, sequential.ts for a chain.
import type { DType, TypedArray } from "../core/dtype.ts";
import { FormatError } from "../core/errors.ts";
import { sameShape, show } from "../core/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import { isTensor } from "../ops/tensor.ts";
import { Parameter } from "./parameter.ts";

/** A module of any inputs and output. */
export type AnyModule = Module<never, unknown>;

type Child = readonly [name: string, value: Parameter | AnyModule];

/**
 * Base of layers and models: from a tensor to a tensor unless other types are given.
 *
 *     class Net extends Module {
 *       hidden = new Linear(784, 128);
 *       output = new Linear(128, 10);
 *       forward(x: Tensor): Tensor {
 *         return this.output.forward(this.hidden.forward(x).relu());
 *       }
 *     }
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- subclasses say with them what their forward takes and gives
export abstract class Module<Inputs extends readonly unknown[] = [x: Tensor], Output = Tensor> {
  #training = true;

  /** The function this module is. */
  abstract forward(...inputs: Inputs): Output;

  /** Whether layers that differ between training and use (dropout) behave as in training. */
  get training(): boolean {
    return this.#training;
  }

  /** Switches this module and all below it to training (or, with false, to use). */
  train(training = true): this {
    this.#training = training;
    for (const [, child] of this.children()) if (child instanceof Module) child.train(training);
    return this;
  }

  /** Switches this module and all below it to use: dropout lets everything pass. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Parameters and modules directly below this one, by name: the values of its properties, and the elements of
   * properties that are lists, as `list.0`. A module that wants other names overrides this.
   */
  protected children(): Child[] {
    return Object.entries(this).flatMap(([name, value]: [string, unknown]) => childrenOf(name, value));
  }

  /** Parameters by path, such as `hidden.weight`, in order of definition. One that is shared appears once. */
  namedParameters(): Map<string, Parameter> {
    const found = new Map<string, Parameter>();
    const seen = new Set<Parameter>();
    const visit = (module: AnyModule, path: string): void => {
      for (const [name, child] of module.children()) {
        if (child instanceof Module) visit(child, `${path}${name}.`);
        else if (!seen.has(child)) {
          seen.add(child);
          found.set(path + name, child);
        }
      }
    };
    visit(this, "");
    return found;
  }

  /** The parameters, in order of definition. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** This module and all below it, by path; the module itself has the empty path. */
  namedModules(): Map<string, AnyModule> {
    const found = new Map<string, AnyModule>();
    const visit = (module: AnyModule, path: string): void => {
      found.set(path, module);
      for (const [name, child] of module.children()) {
        if (child instanceof Module) visit(child, path === "" ? name : `${path}.${name}`);
      }
    };
    visit(this, "");
    return found;
  }

  /**
   * Holds all parameters below in another floating type: `to("f16")` halves their memory, as torch's `half()`. Before an
   * optimiser is made of them: its state keeps the type that they had. Throws a DTypeError for a type that is no float.
   */
  to(dtype: DType): this {
    for (const parameter of this.parameters()) parameter.to(dtype);
    return this;
  }

  /** Excludes (or includes again) all parameters below from training. */
  freeze(frozen = true): this {
    for (const parameter of this.parameters()) parameter.trainable = !frozen;
    return this;
  }

  /** Current tensors by path. They are the module's own: the next training step lets go of them, so read what you keep. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries([...this.namedParameters()].map(([name, parameter]) => [name, parameter.value]));
  }

  /**
   * Takes tensors, or typed arrays of the right length, by path. With `strict` (the default) the names must be exactly
   * those of the module. Nothing is changed unless everything fits.
   */
  loadStateDict(
    state: Readonly<Record<string, Tensor | TypedArray>>,
    options: { readonly strict?: boolean } = {},
  ): this {
    const parameters = this.namedParameters();
    if (options.strict ?? true) {
      const missing = [...parameters.keys()].filter((name) => !Object.hasOwn(state, name));
      const unknown = Object.keys(state).filter((name) => !parameters.has(name));
      if (missing.length > 0 || unknown.length > 0) {
        const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
        throw new FormatError(
          "loadStateDict",
          `missing: ${list(missing)}; unknown: ${list(unknown)}. To load what fits, pass { strict: false }`,
        );
      }
    }
    const values: [Parameter, Tensor][] = [];
    for (const [name, parameter] of parameters) {
      if (Object.hasOwn(state, name)) values.push([parameter, fitted(name, parameter, state[name]!)]);
    }
    for (const [parameter, value] of values) parameter.value = value;
    return this;
  }
}

function childrenOf(name: string, value: unknown): Child[] {
  if (value instanceof Parameter) return [[name, value]];
  if (value instanceof Module) return [[name, value as AnyModule]];
  if (Array.isArray(value)) return value.flatMap((element: unknown, index) => childrenOf(`${name}.${index}`, element));
  return [];
}

function fitted(name: string, parameter: Parameter, value: Tensor | TypedArray): Tensor {
  if (!isTensor(value)) {
    if (value.length !== parameter.size) {
      throw new FormatError(
        "loadStateDict",
        `${name} is ${show(parameter.shape)} (${parameter.size} elements), got ${value.length} elements`,
      );
    }
    return parameter.value.recorder.fromArray(value, parameter.shape, parameter.dtype);
  }
  if (!sameShape(value.shape, parameter.shape) || value.dtype !== parameter.dtype) {
    throw new FormatError(
      "loadStateDict",
      `${name} is ${parameter.dtype} ${show(parameter.shape)}, got ${value.dtype} ${show(value.shape)}. Transpose, reshape or cast it`,
    );
  }
  return value;
}
