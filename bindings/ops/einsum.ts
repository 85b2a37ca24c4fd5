// Sums of products by Einstein's notation. Operands are contracted two at a time, from the left, each as one batched
// matrix product of axes sorted into batch, own and summed. Read next: contraction.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { show, sizeOf } from "../core/shape.ts";
import { own } from "./alias.ts";
import { mul } from "./arithmetic.ts";
import { broadcasted, reshaped, sum } from "./broadcasting.ts";
import { matmul } from "./contraction.ts";
import { permuted, region } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { describe, requireArguments } from "./tensor.ts";

/** A tensor with a label for each axis. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/**
 * The sum of products that `spec` says: "ij,jk->ik" is a matrix product, "bij->bji" a transpose, "ii->i" a diagonal. Labels
 * that do not appear behind the arrow are summed over. Without an arrow the result has the labels that occur once, in
 * alphabetical order. "..." stands for any leading axes, which broadcast. Axes of size 1 broadcast too.
 */
export function einsum(spec: string, ...tensors: readonly Tensor[]): Tensor {
  if (typeof spec !== "string")
    throw new ParameterError("einsum", `the first argument is a text such as "ij,jk->ik", got ${describe(spec)}`);
  requireArguments("einsum", tensors);
  const { inputs, output } = parse(spec, tensors);
  const extents = extentsOf(inputs);
  const missing = output.find((label) => !extents.has(label));
  if (missing !== undefined)
    throw new ParameterError("einsum", `"${spec}" asks for label ${missing}, which no operand has`);
  const operands = inputs.map((operand) => stretch(diagonals(operand), extents));
  const [first, ...rest] = operands;
  if (first === undefined) throw new ParameterError("einsum", "needs at least one tensor, got none");
  let result = first;
  rest.forEach((operand, index) => {
    const later = new Set([...output, ...rest.slice(index + 1).flatMap(({ labels }) => labels)]);
    result = pair(result, operand, later);
  });
  const { tensor, labels } = summed(result, new Set(output));
  const sorted = permuted(
    tensor,
    output.map((label) => labels.indexOf(label)),
  );
  return own(sorted, ...tensors);
}

function parse(
  spec: string,
  tensors: readonly Tensor[],
): { readonly inputs: readonly Labelled[]; readonly output: readonly string[] } {
  const [left = "", right, ...more] = spec.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (more.length > 0 || !/^[A-Za-z.,]*$/.test(left) || !/^[A-Za-z.]*$/.test(right ?? "")) {
    throw new ParameterError(
      "einsum",
      `"${spec}" must be letters separated by commas, then "->" and letters, such as "ij,jk->ik"`,
    );
  }
  if (terms.length !== tensors.length) {
    throw new ParameterError(
      "einsum",
      `"${spec}" names ${String(terms.length)} operands, got ${String(tensors.length)} tensors`,
    );
  }
  const spread = Math.max(
    0,
    ...terms.map((term, index) => (term.includes("...") ? (tensors[index]?.rank ?? 0) - term.length + 3 : 0)),
  );
  // The axes behind "..." are labelled by numbers, the last one "0", so that they line up from the right.
  const unfold = (term: string, count: number): string[] => {
    const [before = "", after] = term.split("...");
    if (before.includes(".") || after?.includes(".") === true)
      throw new ParameterError("einsum", `"${term}" may hold "..." once, and no other dots`);
    const middle = after === undefined ? [] : Array.from({ length: count }, (_, index) => String(count - 1 - index));
    return [...before.split(/(?:)/), ...middle, ...(after ?? "").split(/(?:)/)];
  };
  const inputs = terms.map((term, index): Labelled => {
    const tensor = tensors[index]!;
    const labels = unfold(term, Math.max(0, tensor.rank - term.length + 3));
    if (labels.length !== tensor.rank) {
      throw new ShapeError(
        "einsum",
        `"${term}" names ${String(labels.length)} axes, but operand ${String(index)} is ${show(tensor.shape)}`,
      );
    }
    return { tensor, labels };
  });
  if (right !== undefined) {
    const output = unfold(right, spread);
    const twice = output.find((label, index) => output.indexOf(label) !== index);
    if (twice !== undefined)
      throw new ParameterError("einsum", `label ${twice} appears twice in the output of "${spec}"`);
    return { inputs, output };
  }
  const all = inputs.flatMap(({ labels }) => labels);
  const letters = [...new Set(all)]
    .filter((label) => /[A-Za-z]/.test(label) && all.filter((other) => other === label).length === 1)
    .sort();
  return { inputs, output: [...Array.from({ length: spread }, (_, index) => String(spread - 1 - index)), ...letters] };
}

/** The size of every label; sizes must agree, but 1 broadcasts. */
function extentsOf(inputs: readonly Labelled[]): Map<string, number> {
  const extents = new Map<string, number>();
  for (const { tensor, labels } of inputs) {
    labels.forEach((label, axis) => {
      const extent = tensor.shape[axis] ?? 1;
      const known = extents.get(label) ?? 1;
      if (extent !== known && extent !== 1 && known !== 1) {
        throw new ShapeError(
          "einsum",
          `label ${label} has size ${String(known)} in one operand and ${String(extent)} in another (${inputs.map((each) => show(each.tensor.shape)).join(", ")})`,
        );
      }
      extents.set(label, extent === 1 ? known : extent);
    });
  }
  return extents;
}

/** A label that occurs twice in one operand selects the diagonal of its axes. */
function diagonals({ tensor, labels }: Labelled): Labelled {
  const second = labels.findIndex((label, index) => labels.indexOf(label) !== index);
  const label = labels[second];
  if (label === undefined) return { tensor, labels };
  const first = labels.indexOf(label);
  const extent = tensor.shape[first] ?? 1;
  if (tensor.shape[second] !== extent)
    throw new ShapeError("einsum", `label ${label} names axes of different sizes of ${show(tensor.shape)}`);
  const others = labels.map((_, axis) => axis).filter((axis) => axis !== first && axis !== second);
  const shape = others.map((axis) => tensor.shape[axis] ?? 1);
  const rows = sizeOf(shape);
  const flat = reshaped(permuted(tensor, [...others, first, second]), [rows, extent * extent]);
  const diagonal = reshaped(region(flat, [0, 0], [1, extent + 1], [rows, extent]), [...shape, extent]);
  return diagonals({ tensor: diagonal, labels: [...others.map((axis) => labels[axis] ?? ""), label] });
}

/** Axes of size 1 repeated to the size of their label. */
function stretch({ tensor, labels }: Labelled, extents: ReadonlyMap<string, number>): Labelled {
  return {
    tensor: broadcasted(
      tensor,
      labels.map((label) => extents.get(label) ?? 1),
    ),
    labels,
  };
}

/** Sums over the labels that nobody needs any more. */
function summed({ tensor, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axis = labels.flatMap((label, index) => (needed.has(label) ? [] : [index]));
  return axis.length === 0
    ? { tensor, labels }
    : { tensor: sum(tensor, { axis }), labels: labels.filter((label) => needed.has(label)) };
}

/** The product of two operands, summed over what they share and `later` does not need. */
function pair(left: Labelled, right: Labelled, later: ReadonlySet<string>): Labelled {
  const a = summed(left, new Set([...later, ...right.labels]));
  const b = summed(right, new Set([...later, ...left.labels]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const inner = shared.filter((label) => !later.has(label));
  const ownA = a.labels.filter((label) => !shared.includes(label));
  const ownB = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...ownA, ...ownB];
  const arranged = ({ tensor, labels: own }: Labelled, order: readonly string[]): Tensor =>
    permuted(
      tensor,
      order.map((label) => own.indexOf(label)),
    );
  const sizes = ({ tensor, labels: own }: Labelled, list: readonly string[]): number[] =>
    list.map((label) => tensor.shape[own.indexOf(label)] ?? 1);
  if (inner.length === 0) {
    const first = reshaped(arranged(a, [...batch, ...ownA]), [
      ...sizes(a, batch),
      ...sizes(a, ownA),
      ...ownB.map(() => 1),
    ]);
    const second = reshaped(arranged(b, [...batch, ...ownB]), [
      ...sizes(b, batch),
      ...ownA.map(() => 1),
      ...sizes(b, ownB),
    ]);
    return { tensor: mul(first, second), labels };
  }
  const [count, depth] = [sizes(a, batch), sizeOf(sizes(a, inner))];
  const lead = batch.length === 0 ? [] : [sizeOf(count)];
  const first = reshaped(arranged(a, [...batch, ...ownA, ...inner]), [...lead, sizeOf(sizes(a, ownA)), depth]);
  const second = reshaped(arranged(b, [...batch, ...inner, ...ownB]), [...lead, depth, sizeOf(sizes(b, ownB))]);
  return { tensor: reshaped(matmul(first, second), [...count, ...sizes(a, ownA), ...sizes(b, ownB)]), labels };
}
