// grad, valueAndGrad and vjp: functions that make gradient functions. Arguments may be trees of tensors.
// Results are pending tensors like any others, so they can be differentiated again. Read next: reverse.ts.
import { isFloating } from "../core/dtype.ts";
import { DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import { sameShape, show } from "../core/shape.ts";
import { defaultEngine, engineOf } from "../engine/default.ts";
import type { Engine } from "../engine/engine.ts";
import { mapTree, requireFunction, tensorsOf } from "../engine/scopes.ts";
import * as ops from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { requireArguments } from "../ops/tensor.ts";
import { alias } from "../ops/alias.ts";
import { backward, checkScalar } from "./reverse.ts";

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions {
  /** Which arguments to differentiate by: one index or several. Default 0. */
  readonly argnums?: number | readonly number[];
  /** The function returns [scalar, anything]; the second part is passed through. */
  readonly hasAux?: boolean;
}

/** Gradient by one argument, or a list of them if `argnums` is a list. Shaped like the arguments. */
type Gradients<Arguments extends readonly unknown[], O extends GradOptions> = O extends {
  readonly argnums: readonly number[];
}
  ? Arguments[number][]
  : O extends { readonly argnums: infer I extends number }
    ? Arguments[I]
    : Arguments[0];

/**
 * The function that computes value and gradient of `fn` in one pass. `fn` takes trees of tensors and returns a scalar
 * (with `hasAux` [scalar, anything], which is returned as the value). Arguments without influence have zero gradients.
 * Throws a ShapeError for a result that is no scalar, a DTypeError for arguments that are no floats.
 */
export function valueAndGrad<Arguments extends readonly unknown[], R, const O extends GradOptions = GradOptions>(
  fn: (...args: Arguments) => R,
  options?: O,
): (...args: Arguments) => [value: R, gradients: Gradients<Arguments, O>] {
  const { argnums = 0, hasAux = false } = options ?? ({} as O);
  const indexes = typeof argnums === "number" ? [argnums] : argnums;
  requireFunction("grad", fn);
  return (...args) => {
    const engine = engineFor(args);
    return engine.scopes.run("grad", () =>
      engine.transform((): [R, Gradients<Arguments, O>] => {
        const { inner, targets, trees } = open(args, indexes);
        const result = fn(...inner);
        const value: unknown = hasAux ? (result as readonly unknown[])[0] : result;
        checkScalar("grad", value);
        const found = backward(engine, [value], [ops.broadcastTo(engine.scalar(1, value.dtype), value.shape)], targets);
        const gradients = close(engine, trees, targets, found);
        return [result, (typeof argnums === "number" ? gradients[0] : gradients) as Gradients<Arguments, O>];
      }),
    );
  };
}

/** The gradient function of a scalar function: `valueAndGrad` without the value (with `hasAux`: [gradients, aux]). */
export function grad<Arguments extends readonly unknown[], const O extends GradOptions = GradOptions>(
  fn: (...args: Arguments) => unknown,
  options?: O,
): (...args: Arguments) => Gradients<Arguments, O> {
  const both = valueAndGrad(fn, options);
  return (...args) => {
    const engine = engineFor(args);
    return engine.scopes.run("grad", () => both(...args)[1]);
  };
}

/**
 * Value of `fn` and a function from a cotangent of its result's shape to the cotangents of its arguments
 * (a vector-Jacobian product).
 */
export function vjp<Arguments extends readonly Tensor[]>(
  fn: (...args: Arguments) => Tensor,
  ...args: Arguments
): [value: Tensor, pullback: (cotangent: Tensor) => Tensor[]] {
  requireFunction("vjp", fn);
  requireArguments("vjp", args);
  const engine = engineFor(args);
  const value = engine.scopes.run("vjp", () => fn(...args));
  requireArguments("vjp", { "the function's result": value });
  const pullback = (cotangent: Tensor): Tensor[] =>
    engine.scopes.run("vjp", () =>
      engine.transform(() => {
        const { inner, targets, trees } = open(
          args,
          args.map((_, index) => index),
        );
        const result = fn(...inner);
        requireArguments("vjp", { cotangent });
        if (!sameShape(result.shape, cotangent.shape)) {
          throw new ShapeError(
            "vjp",
            `the cotangent must have the shape of the result, ${show(result.shape)}, got ${show(cotangent.shape)}`,
          );
        }
        return close(engine, trees, targets, backward(engine, [result], [cotangent], targets)) as Tensor[];
      }),
    );
  return [value, pullback];
}

function engineFor(args: readonly unknown[]): Engine {
  const [first] = tensorsOf(args);
  return first === undefined ? defaultEngine() : engineOf(first);
}

/** Arguments with a fresh alias for every tensor to differentiate by, so that each position counts on its own. */
function open<Arguments extends readonly unknown[]>(
  args: Arguments,
  indexes: readonly number[],
): { inner: Arguments; targets: Tensor[]; trees: unknown[] } {
  const targets: Tensor[] = [];
  const inner = [...args] as unknown[];
  for (const index of indexes) {
    if (!Number.isInteger(index) || index < 0 || index >= args.length) {
      throw new ParameterError(
        "grad",
        `argnums names argument ${String(index)}, but the call has ${String(args.length)}`,
      );
    }
    inner[index] = mapTree(args[index], (tensor) => {
      if (!isFloating(tensor.dtype)) {
        throw new DTypeError(
          "grad",
          `argument ${String(index)} holds ${tensor.dtype}, which has no gradient. Cast it to f32, or leave it out of argnums`,
        );
      }
      const fresh = alias(tensor);
      targets.push(fresh);
      return fresh;
    });
    if (tensorsOf(inner[index]).length === 0)
      throw new ParameterError("grad", `argument ${String(index)} holds no tensor to differentiate by`);
  }
  return { inner: inner as unknown as Arguments, targets, trees: indexes.map((index) => inner[index]) };
}

/** Gradients in the structure of the arguments; zeros where there is none. */
function close(
  engine: Engine,
  trees: readonly unknown[],
  targets: readonly Tensor[],
  found: readonly (Tensor | undefined)[],
): unknown[] {
  return trees.map((tree) =>
    mapTree(tree, (tensor) => {
      const gradient = found[targets.indexOf(tensor)];
      return gradient ?? ops.broadcastTo(engine.scalar(0, tensor.dtype), tensor.shape);
    }),
  );
}
