// A loop over the first axis of tensors that carries a state, recorded step by step: under jit the whole loop is one program,
// and gradients of any order are those of the steps. Knows nothing of what a step computes.
// Read next: ../../ops/recurrent.ts for steps, ../../nn/recurrent.ts for a user.
import { DTypeError, ParameterError, ShapeError } from "../../core/errors.ts";
import { requireInteger, sameShape, show } from "../../core/shape.ts";
import { alias } from "../../ops/alias.ts";
import { broadcasted, reshaped } from "../../ops/broadcasting.ts";
import { stack } from "../../ops/joining.ts";
import { range } from "../../ops/movement.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { describe, requireArguments } from "../../ops/tensor.ts";
import { defaultEngine, engineOf } from "../default.ts";
import { mapTree, requireFunction, tensorsOf } from "../scopes.ts";

/** Options of `scan`. */
export interface ScanOptions {
  /** Walk from the last element to the first; results stay in the order of `xs`. */
  readonly reverse?: boolean;
  /** Number of steps; needed only where `xs` holds no tensor. */
  readonly length?: number;
}

/**
 * A loop that carries a state over the first axis of tensors, as JAX's lax.scan: `step` takes the state and one element of
 * `xs` and returns [next state, result]; `scan` returns [last state, results stacked along a new first axis].
 * States, elements and results are trees of tensors; the state keeps its structure, shapes and types. `xs` may hold
 * no tensor at all (undefined), with `length` given.
 *
 *     const [sum, sums] = scan((total, x) => [total.add(x), total.add(x)], zeros([]), tensor([1, 2, 3])); // 6, [1, 3, 6]
 *
 * Steps are recorded one after the other, so `step` may not depend on values, and a very long loop makes a long plan.
 * Throws a ShapeError or DTypeError where the state changes its form, or first axes differ.
 */
export function scan<Carry, X, Y>(
  step: (carry: Carry, x: X) => readonly [carry: Carry, y: Y],
  initial: Carry,
  xs: X,
  options: ScanOptions = {},
): [carry: Carry, ys: Y] {
  requireFunction("scan", step);
  const elements = tensorsOf(xs);
  const [first] = [...tensorsOf(initial), ...elements];
  requireArguments("scan", [...tensorsOf(initial), ...elements], options);
  const length = lengthOf(elements, options.length);
  const engine = first === undefined ? defaultEngine() : engineOf(first);
  return engine.scopes.run("scan", (): [Carry, Y] => {
    const elementAt = (index: number): X =>
      mapTree(xs, (tensor) =>
        length === 0
          ? broadcasted(engine.scalar(0, tensor.dtype), tensor.shape.slice(1))
          : reshaped(range(tensor, 0, index, index + 1), tensor.shape.slice(1)),
      ) as X;
    let carry = initial;
    const results: Y[] = [];
    // No steps: the form of the results is that of a step that is recorded and never run.
    for (let count = 0; count < Math.max(length, 1); count++) {
      const returned: unknown = step(carry, elementAt(options.reverse === true ? length - 1 - count : count));
      if (!Array.isArray(returned) || returned.length !== 2) {
        throw new ParameterError(
          "scan",
          `the step must return [state, result], got ${Array.isArray(returned) ? `${String(returned.length)} elements` : describe(returned)}`,
        );
      }
      const [next, result] = returned as [Carry, Y];
      requireSameForm(initial, next);
      if (length > 0) carry = next;
      results.push(result);
    }
    if (options.reverse === true) results.reverse();
    const own = tensorsOf(initial);
    const last = mapTree(carry, (tensor) => (own.includes(tensor) ? alias(tensor) : tensor)) as Carry;
    return [last, stacked(results, length)];
  });
}

/** The size of the first axes, or the option where there are none. */
function lengthOf(elements: readonly Tensor[], asked: number | undefined): number {
  if (asked !== undefined) requireInteger("scan", "length", asked, 0);
  const [first] = elements;
  if (first === undefined) {
    if (asked === undefined)
      throw new ParameterError(
        "scan",
        "xs holds no tensor, so the number of steps is not known. Give it: { length: 10 }",
      );
    return asked;
  }
  for (const tensor of elements) {
    if (tensor.rank === 0)
      throw new ShapeError(
        "scan",
        "xs holds a scalar, which has no axis to walk over. Let the step capture it instead",
      );
    const extent = tensor.shape[0] ?? 0;
    if (extent !== (asked ?? first.shape[0]))
      throw new ShapeError(
        "scan",
        `first axes must be equal, got ${show(tensor.shape)} for ${String(asked ?? first.shape[0])} steps`,
      );
  }
  return first.shape[0] ?? 0;
}

function requireSameForm(initial: unknown, next: unknown): void {
  const [before, after] = [tensorsOf(initial), tensorsOf(next)];
  if (before.length !== after.length) {
    throw new ParameterError(
      "scan",
      `the state must keep its structure: it began with ${String(before.length)} tensors, the step returned ${String(after.length)}`,
    );
  }
  before.forEach((tensor, index) => {
    const other = after[index];
    if (other === undefined) return;
    if (!sameShape(tensor.shape, other.shape))
      throw new ShapeError(
        "scan",
        `the state must keep its shape: it began as ${show(tensor.shape)}, the step returned ${show(other.shape)}`,
      );
    if (tensor.dtype !== other.dtype)
      throw new DTypeError(
        "scan",
        `the state must keep its type: it began as ${tensor.dtype}, the step returned ${other.dtype}. Convert it in the step, or begin with ${other.dtype}`,
      );
  });
}

/** Trees of one structure as a tree of tensors with a new first axis. */
function stacked<Y>(results: readonly Y[], length: number): Y {
  const columns = results.map(tensorsOf);
  let leaf = 0;
  return mapTree(results[0], (tensor) => {
    const position = leaf++;
    if (length === 0) return broadcasted(tensor.recorder.scalar(0, tensor.dtype), [0, ...tensor.shape]);
    return stack(
      columns.map((tensors) => {
        const other = tensors[position];
        if (other === undefined || tensors.length !== columns[0]?.length)
          throw new ParameterError("scan", "every step must return results of the same structure");
        return other;
      }),
    );
  }) as Y;
}
