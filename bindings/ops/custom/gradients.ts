// What a user's gradient rule returned, checked: an object of tensors by the names of the inputs.
// Read next: expression-op.ts and kernel-op.ts, which fit them to the inputs.
import { ParameterError } from "../../core/errors.ts";
import type { Tensor } from "../tensor.ts";
import { describe, isTensor } from "../tensor.ts";

/** The gradients by name. Throws a ParameterError for names that are no operands and values that are no tensors. */
export function checkGradients(
  op: string,
  operands: readonly string[],
  found: unknown,
): Readonly<Partial<Record<string, Tensor>>> {
  const [first = "x"] = operands;
  if (typeof found !== "object" || found === null || isTensor(found))
    throw new ParameterError(op, `its gradient must return an object such as { ${first}: … }, got ${describe(found)}`);
  for (const [name, value] of Object.entries(found)) {
    if (!operands.includes(name))
      throw new ParameterError(op, `its gradient names ${name}, which is no input: it has ${operands.join(", ")}`);
    if (value !== undefined && !isTensor(value))
      throw new ParameterError(op, `its gradient for ${name} must be a tensor, got ${describe(value)}`);
  }
  return found as Readonly<Partial<Record<string, Tensor>>>;
}
