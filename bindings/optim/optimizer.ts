// Optimisers as objects: a rule applied to the parameters of a model, with its state, schedule and step count.
// `step` is the plain loop; train/fit takes the same object and compiles the step. Knows no data and no loss.
// Read next: rule.ts, ../train/step.ts.
import { valueAndGrad } from "../autodiff/index.ts";
import { computedIn } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { engineOf, scope } from "../engine/default.ts";
import type { Tree } from "../engine/scopes.ts";
import { tensorsOf } from "../engine/scopes.ts";
import type { Parameter } from "../nn/index.ts";
import { withValues } from "../nn/index.ts";
import { converted } from "../ops/comparison.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import type { AdamOptions } from "./adam.ts";
import { adam, adamW } from "./adam.ts";
import { clipGradients } from "./clip.ts";
import type { Rule, RuleState } from "./rule.ts";
import { mapTrees } from "./rule.ts";
import type { Schedule } from "./schedule.ts";
import { asSchedule } from "./schedule.ts";
import type { SgdOptions } from "./sgd.ts";
import { sgd } from "./sgd.ts";

export interface OptimizerOptions {
  /** Learning rate, or a schedule of the number of steps done. */
  readonly lr?: number | Schedule;
  /** Scales all gradients so that their common norm is at most this. */
  readonly clipNorm?: number;
}

/**
 * A rule applied to cells. Cells that are not trainable are left out. For cells of f16 state and updates are f32, and what
 * comes of them is rounded once: a change below half a unit of the parameter is lost, so long training wants f32 cells, cast
 * where they are used.
 */
export class Optimizer {
  /** The cells that are trained. */
  readonly parameters: readonly Parameter[];
  readonly rule: Rule;
  readonly clipNorm: number | undefined;
  /** Updates done. */
  steps = 0;
  #schedule: Schedule;
  #state: RuleState | undefined;

  constructor(
    parameters: Iterable<Parameter>,
    rule: Rule,
    options: OptimizerOptions & { readonly lr: number | Schedule },
  ) {
    this.parameters = [...parameters].filter((parameter) => parameter.trainable);
    if (this.parameters.length === 0)
      throw new ParameterError(rule.name, "there are no trainable parameters. Pass model.parameters()");
    if (typeof options.lr === "number" && !(options.lr >= 0))
      throw new ParameterError(rule.name, `lr must be ≥ 0, got ${options.lr}`);
    this.rule = rule;
    this.clipNorm = options.clipNorm;
    this.#schedule = asSchedule(options.lr);
  }

  /** Learning rate of the next step. Assign a number or a schedule to change it. */
  get lr(): number {
    return this.#schedule(this.steps);
  }

  set lr(rate: number | Schedule) {
    this.#schedule = asSchedule(rate);
  }

  /** The rule's state, made at first use. */
  get state(): RuleState {
    return (this.#state ??= scope(() => this.rule.initialState(this.parameters.map(({ value }) => inSingle(value)))));
  }

  /** The pure update with this optimiser's clipping: what `step` and a compiled step have in common. */
  update(
    values: readonly Tensor[],
    gradients: Tree,
    state: RuleState,
    rate: TensorLike,
  ): { parameters: readonly Tensor[]; state: RuleState } {
    const single = mapTrees([gradients], inSingle);
    const clipped = this.clipNorm === undefined ? single : clipGradients(single, this.clipNorm);
    const next = this.rule.update(values.map(inSingle), clipped, state, rate);
    const parameters = (next.parameters as readonly Tensor[]).map((value, index) =>
      converted(value, values[index]?.dtype ?? value.dtype),
    );
    return { parameters, state: next.state };
  }

  /** Takes the results of one update over: new tensors into the cells, new state, one more step. */
  adopt(values: readonly Tensor[], state: RuleState): void {
    this.parameters.forEach((parameter, index) => (parameter.value = values[index]!));
    this.#state = state;
    this.steps += 1;
  }

  /**
   * One step of a plain loop: calls `loss`, differentiates it by the parameters, updates them, returns the loss. What was
   * made on the way is freed, and so are the tensors that were parameters and state before.
   */
  step(loss: () => Tensor): Tensor {
    const values = this.parameters.map((parameter) => parameter.value);
    const before = this.state;
    const next = scope(() => {
      const differentiated = valueAndGrad((current: readonly Tensor[]) => withValues(this.parameters, current, loss));
      const [value, gradients] = differentiated(values);
      return { ...this.update(values, gradients, before, this.lr), value };
    });
    this.adopt(next.parameters, next.state);
    run(tensorsOf(next));
    const kept = new Set(tensorsOf(next));
    for (const tensor of tensorsOf([values, before])) if (!kept.has(tensor)) tensor.dispose();
    return next.value;
  }
}

/** Halves as f32, the rest as it is. */
const inSingle = (x: Tensor): Tensor => converted(x, computedIn(x.dtype));

/** Computes the results of a step, so that a loop that never reads keeps one step's work and not all. */
function run(results: readonly Tensor[]): void {
  const engine = engineOf(results[0]!);
  if (engine.backends.size > 0) engine.flush(results.map((tensor) => engine.valueOf(tensor, "step")));
}

/** Gradient descent, with momentum if asked for. lr 0.001 when absent, as torch. */
export class SGD extends Optimizer {
  constructor(parameters: Iterable<Parameter>, options: OptimizerOptions & SgdOptions = {}) {
    super(parameters, sgd(options), { lr: 1e-3, ...options });
  }
}

/** Adam; lr 0.001 when absent. */
export class Adam extends Optimizer {
  constructor(parameters: Iterable<Parameter>, options: OptimizerOptions & AdamOptions = {}) {
    super(parameters, adam(options), { lr: 1e-3, ...options });
  }
}

/** Adam with decoupled weight decay; lr 0.001 and weightDecay 0.01 when absent. */
export class AdamW extends Optimizer {
  constructor(parameters: Iterable<Parameter>, options: OptimizerOptions & AdamOptions = {}) {
    super(parameters, adamW(options), { lr: 1e-3, ...options });
  }
}
