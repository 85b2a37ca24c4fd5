// gradcheck: gradients held against differences of values, in f64. For whoever writes an op or a function with a gradient of its own.
// Knows gradients only through grad. Read next: grad.ts.
import { isFloating } from "../core/dtype.ts";
import { GradientError, ParameterError } from "../core/errors.ts";
import { show } from "../core/shape.ts";
import type { Shape } from "../core/shape.ts";
import { tensor } from "../engine/creation.ts";
import { evaluate, scope } from "../engine/default.ts";
import { mapTree, requireFunction, tensorsOf } from "../engine/scopes.ts";
import * as ops from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { requireArguments } from "../ops/tensor.ts";
import { grad } from "./grad.ts";

/** Options of `gradcheck`. */
export interface GradcheckOptions {
  /** 2 also checks the gradient of the gradient. Default 1. */
  readonly order?: 1 | 2;
  /** The largest error that passes, relative to the largest slope by the argument. Default 1e-6. */
  readonly tolerance?: number;
  /** Differences are taken over this part of an element, or of 0.05 for smaller elements and of 1 for larger ones. Default 1e-3. */
  readonly step?: number;
}

/** An argument that is differentiated by, or a result: its shape and elements. */
interface Numbers {
  readonly shape: Shape;
  readonly data: Float64Array;
}

type Trees = readonly unknown[];
type Fn = (...args: never[]) => unknown;

/** The floating-point tensors of a tree. */
const floatsOf = (tree: unknown): Tensor[] => tensorsOf(tree).filter(({ dtype }) => isFloating(dtype));

/** Reads tensors and lets them go. */
async function take(tensors: readonly Tensor[]): Promise<Numbers[]> {
  await evaluate(...tensors);
  const read: Numbers[] = [];
  for (const x of tensors) {
    read.push({ shape: x.shape, data: Float64Array.from(await x.data(), Number) });
    x.dispose();
  }
  return read;
}

/** The arguments with these elements in place of their floating-point tensors, in f64. */
function placed(args: Trees, points: readonly Numbers[]): Trees {
  let next = 0;
  return args.map((arg) =>
    mapTree(arg, (x) => {
      const point = isFloating(x.dtype) ? points[next++] : undefined;
      return point === undefined ? x : tensor(point.data, { shape: point.shape, dtype: "f64" });
    }),
  );
}

/** Weights of the results' elements, the same in every run, none of them near 0: with them all results are one number. */
function weightsFor(results: readonly Numbers[]): Numbers[] {
  let state = 1;
  return results.map(({ shape, data }) => ({
    shape,
    data: data.map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (0.5 + state / 2 ** 33) * (state & 4096 ? 1 : -1);
    }),
  }));
}

/** The elements of every floating-point result at these points. */
async function valuesAt(fn: Fn, args: Trees, points: readonly Numbers[]): Promise<Numbers[]> {
  // Copies, because a function may return its argument.
  const results = scope(() => floatsOf(fn(...(placed(args, points) as never[]))).map((x) => ops.mul(x, 1)));
  return take(results);
}

/** The weighted sum of the results, as a function to differentiate. */
const weighted =
  (fn: Fn, weights: readonly Numbers[]) =>
  (...args: Trees): Tensor =>
    floatsOf(fn(...(args as never[])))
      .map((x, index) => {
        const { shape, data } = weights[index] ?? { shape: [], data: new Float64Array(1) };
        return ops.sum(ops.mul(x, tensor(data, { shape, dtype: "f64" })));
      })
      .reduce((sum, part) => ops.add(sum, part));

/** Σ weights · values of one side of a difference. */
const weigh = (weights: readonly Numbers[], terms: readonly (readonly [number, readonly Numbers[]])[]): number =>
  weights.reduce(
    (sum, { data }, k) =>
      data.reduce(
        // The difference of an element before its weight, so that large elements do not drown small differences.
        (all, weight, i) =>
          all + weight * terms.reduce((part, [factor, values]) => part + factor * (values[k]?.data[i] ?? 0), 0),
        sum,
      ),
    0,
  );

/** The index of an element, for messages. */
function indexOf(shape: Shape, element: number): string {
  const index: number[] = [];
  let rest = element;
  for (const extent of [...shape].reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return show(index);
}

/** The largest error of the gradient of `fn`, of which `what` says in a message what it is. */
async function check(fn: Fn, args: Trees, points: readonly Numbers[], what: string, options: Settled): Promise<number> {
  const values = await valuesAt(fn, args, points);
  if (values.length === 0)
    throw new ParameterError("gradcheck", "the function must return at least one floating-point tensor");
  const weights = weightsFor(values);
  const slopes = await take(
    scope(() => {
      const inner = placed(args, points);
      const argnums = inner.flatMap((arg, index) => (floatsOf(arg).length > 0 ? [index] : []));
      return floatsOf(grad(weighted(fn, weights), { argnums })(...inner)).map((x) => ops.mul(x, 1));
    }),
  );
  // What rounding of the values alone makes of a difference.
  const noise =
    values.reduce((sum, { data }) => data.reduce((all, x) => Math.max(all, Math.abs(x)), sum), 0) * 2 ** -44;
  let worst = 0;
  for (const [which, point] of points.entries()) {
    const expected: number[] = [];
    for (const [element, x] of point.data.entries()) {
      const h = options.step * Math.min(Math.max(Math.abs(x), 0.05), 1);
      const at = async (steps: number): Promise<Numbers[]> => {
        const data = Float64Array.from(point.data);
        data[element] = x + steps * h;
        return valuesAt(fn, args, Object.assign([...points], { [which]: { shape: point.shape, data } }));
      };
      const terms = [
        [8, await at(1)],
        [-8, await at(-1)],
        [-1, await at(2)],
        [1, await at(-2)],
      ] as const;
      expected.push(weigh(weights, terms) / (12 * h));
    }
    const found = slopes[which]?.data ?? new Float64Array(expected.length);
    const size = Math.max(noise / options.step, ...expected.map(Math.abs), ...found.map(Math.abs));
    for (const [element, slope] of expected.entries()) {
      const error = Math.abs((found[element] ?? 0) - slope) / (size || 1);
      if (!(error <= options.tolerance))
        throw new GradientError(
          "gradcheck",
          `the ${what} by tensor ${String(which)} is ${String(found[element])} at element ${indexOf(point.shape, element)}, but differences of the values give ${String(slope)}: an error of ${error.toExponential(1)} of the largest slope, ${options.tolerance.toExponential(1)} is allowed`,
        );
      worst = Math.max(worst, error);
    }
  }
  return worst;
}

type Settled = Required<Pick<GradcheckOptions, "tolerance" | "step">>;

/**
 * Holds the gradient of `fn` at these arguments (trees of tensors) against differences of fourth order of its values, and resolves to
 * the largest error relative to the largest slope by the same tensor. Everything is computed in f64; results of several elements
 * are added up with fixed weights. Rejects with a GradientError that names tensor and element where the error exceeds
 * `tolerance`. `fn` is called four times for each element of the arguments, so give it small ones, and not at a kink.
 *
 *     await gradcheck((a, b) => linalg.solve(a, b), [a, b], { order: 2 });
 */
export async function gradcheck<Arguments extends readonly unknown[]>(
  fn: (...args: Arguments) => unknown,
  args: Arguments,
  options: GradcheckOptions = {},
): Promise<number> {
  requireFunction("gradcheck", fn);
  if (!Array.isArray(args)) throw new ParameterError("gradcheck", "the arguments must be a list: gradcheck(fn, [x])");
  const { order = 1, tolerance = 1e-6, step = 1e-3 } = options;
  requireArguments("gradcheck", tensorsOf(args), options);
  if (![1, 2].includes(order)) throw new ParameterError("gradcheck", `order must be 1 or 2, got ${String(order)}`);
  for (const [name, value] of Object.entries({ tolerance, step })) {
    if (typeof value !== "number" || !(value > 0))
      throw new ParameterError("gradcheck", `${name} must be a number above 0, got ${String(value)}`);
  }
  const floats = floatsOf(args);
  if (floats.length === 0)
    throw new ParameterError("gradcheck", "the arguments hold no floating-point tensor to differentiate by");
  const points: Numbers[] = [];
  for (const x of floats) points.push({ shape: x.shape, data: Float64Array.from(await x.data(), Number) });
  const first = await check(fn, args, points, "gradient", { tolerance, step });
  if (order === 1) return first;
  const weights = weightsFor(await valuesAt(fn, args, points));
  const argnums = args.flatMap((arg, index) => (floatsOf(arg).length > 0 ? [index] : []));
  const slopes = grad(weighted(fn as Fn, weights), { argnums });
  return Math.max(first, await check(slopes, args, points, "second gradient", { tolerance, step }));
}
