// What an update rule is: a pure function from parameters, gradients and state to the next parameters and state.
// State is a tree of tensors, so a compiled step can take it, donate it and return it. Knows no module.
// Read next: sgd.ts and adam.ts for rules, optimizer.ts for the object that applies one to a model.
import type { Tree } from "../engine/scopes.ts";
import { mapTree, tensorsOf } from "../engine/scopes.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";

/** State of a rule: named trees, each a scalar or shaped as the parameters. */
export type RuleState = Readonly<Record<string, Tree>>;

/** Parameters and state after one update. */
export interface Updated {
  readonly parameters: Tree;
  readonly state: RuleState;
}

/** An update rule with its hyper-parameters fixed; the learning rate is data, so that a schedule compiles once. */
export interface Rule {
  readonly name: string;
  /** State before the first update. */
  initialState(parameters: Tree): RuleState;
  /** One update. Gradients are shaped as the parameters. */
  update(parameters: Tree, gradients: Tree, state: RuleState, learningRate: TensorLike): Updated;
}

/** A tree of the first one's structure, made leaf by leaf from trees of that structure. */
export function mapTrees(trees: readonly [Tree, ...Tree[]], leaf: (...leaves: Tensor[]) => Tensor): Tree {
  return mapTreesInto(1, trees, (...leaves) => [leaf(...leaves)])[0]!;
}

/** The same with several results a leaf, as that many trees. */
export function mapTreesInto(
  count: number,
  trees: readonly [Tree, ...Tree[]],
  leaf: (...leaves: Tensor[]) => readonly Tensor[],
): Tree[] {
  const columns = trees.map(tensorsOf);
  const results = columns[0]!.map((_, index) => leaf(...columns.map((column) => column[index]!)));
  return Array.from({ length: count }, (_, slot) => {
    let next = 0;
    return mapTree(trees[0], () => results[next++]![slot]!) as Tree;
  });
}
