// A user's op from kernels: its output rule is asked when the op is called, its kernels are handed on with every launch.
// Everything a rule gets wrong is told under the op's name. Read next: wasm-module.ts; ../descriptor.ts (OwnKernels), what the
// graph and the devices see of it.
import type { DType } from "../../core/dtype.ts";
import { computedIn, isDType, isFloating, requireDType } from "../../core/dtype.ts";
import { DTypeError, ParameterError, ShapeError } from "../../core/errors.ts";
import { checkShape, sameShape, show } from "../../core/shape.ts";
import { bitsOfFloat } from "../../expr/to-wgsl.ts";
import { converted } from "../comparison.ts";
import { toTensors } from "../define.ts";
import type { GradientContext, KernelCall, KernelOp, OwnKernels } from "../descriptor.ts";
import type { Spec, Tensor } from "../tensor.ts";
import { describe, isTensor, recorderOf } from "../tensor.ts";
import { guarded, infoOf, named, takeApart } from "./arguments.ts";
import type {
  AnyDefinition,
  Attributes,
  Each,
  KernelDefinition,
  KernelFunction,
  OperandInfo,
  Outputs,
  ParameterValue,
} from "./definition.ts";
import { checkGradients } from "./gradients.ts";
import { UserModule } from "./wasm-module.ts";

/** Users' ops so far: each has a number of its own. */
let definitions = 0;

/** Names that stand for something in WGSL, so that no input may bear them. */
const reserved = /^(output\d*|parameters|Parameters|epilogue)$/;

/** The op of a definition whose names have been checked. */
export function kernelOp<I extends readonly string[], A extends Attributes, R extends Outputs>(
  name: string,
  definition: KernelDefinition<I, A, R>,
): KernelFunction<I, A, R> {
  // Rules are called with what they were written for; the types between are of no use to the code here.
  const own = new OwnOp(name, definition as unknown as AnyDefinition);
  const call = (...args: readonly unknown[]): Tensor | readonly Tensor[] => own.record(args);
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { definition }) as unknown as KernelFunction<I, A, R>;
}

class OwnOp {
  readonly #name: string;
  readonly #definition: AnyDefinition;
  readonly #module: UserModule | undefined;
  readonly #op: KernelOp<Attributes>;

  constructor(name: string, definition: AnyDefinition) {
    const { inputs, output, wgsl, wasm, compute } = definition;
    this.#name = name;
    this.#definition = definition;
    if (typeof output !== "function")
      throw new ParameterError(
        name,
        `output must be a function from the inputs to { shape, dtype }, got ${describe(output)}. For an elementwise op give an expression`,
      );
    if (wgsl === undefined && wasm === undefined && compute === undefined)
      throw new ParameterError(
        name,
        "has nothing to compute it with. Give defineOp an expression, or kernels: wgsl, wasm, compute",
      );
    if (compute !== undefined && typeof compute !== "function")
      throw new ParameterError(name, `compute must be a function, got ${describe(compute)}`);
    if (wgsl !== undefined && typeof wgsl.workgroups !== "function")
      throw new ParameterError(name, "wgsl.workgroups must be a function from the inputs to a whole number");
    for (const input of inputs) {
      if (reserved.test(input))
        throw new ParameterError(
          name,
          `an input cannot be called ${input}: WGSL kernels have that name for something else`,
        );
    }
    this.#module = wasm === undefined ? undefined : new UserModule(name, wasm.bytes);
    if (wasm !== undefined && typeof wasm.function !== "function") this.#module?.requireKernel(wasm.function ?? name);
    this.#op = {
      kind: "kernel",
      name,
      identity: ++definitions,
      devices: [
        ...(wasm !== undefined || compute !== undefined ? (["wasm"] as const) : []),
        ...(wgsl === undefined ? [] : (["webgpu"] as const)),
      ],
      wholeBuffers: wgsl !== undefined,
      epilogue: wgsl?.epilogue === true,
      call: (operands, outputs, attributes) => this.#call(operands, outputs, attributes),
      gradient: (context) => this.#gradient(context),
      flops: (operands, outputs, attributes) => {
        const [own, results, elements] = this.#infos(operands, outputs);
        return this.#ask("flops rule", () => definition.flops?.(own, attributes, results)) ?? elements;
      },
      work: "stream",
    };
  }

  /** Checks a call and notes it down. */
  record(args: readonly unknown[]): Tensor | readonly Tensor[] {
    const { inputs, attributes: defaults = {} } = this.#definition;
    const taken = takeApart(this.#name, inputs, defaults, args);
    const attributes = taken.attributes as Attributes;
    const tensors = toTensors(this.#name, taken.operands as (Tensor | number)[], inputs);
    tensors.forEach(({ dtype }, index) => {
      this.#requireType(inputs[index] ?? "", dtype);
    });
    const infos = named(inputs, tensors.map(infoOf));
    const found = this.#ask("output rule", () => this.#definition.output(infos, attributes));
    const outputs = (Array.isArray(found) ? found : [found]).map((spec) => this.#requireSpec(spec));
    if (Array.isArray(found) && outputs.length < 2)
      throw new ParameterError(this.#name, "its output rule must return one { shape, dtype } or a list of two or more");
    const results = recorderOf(this.#name, tensors).record(this.#op, tensors, attributes, outputs);
    return results.length === 1 ? results[0]! : results;
  }

  #ask<T>(what: string, rule: () => T): T {
    return guarded(this.#name, what, rule);
  }

  #requireType(input: string, dtype: DType): void {
    const { dtypes = ["f32"] } = this.#definition;
    const allowed = Array.isArray(dtypes)
      ? (dtypes as readonly DType[])
      : ((dtypes as Readonly<Partial<Record<string, readonly DType[]>>>)[input] ?? ["f32"]);
    // Halves are given to kernels as f32.
    if (!allowed.includes(computedIn(dtype))) requireDType(this.#name, input, dtype, allowed);
  }

  #requireSpec(spec: unknown): Spec {
    const { shape, dtype } = (typeof spec === "object" && spec !== null ? spec : {}) as Partial<Spec>;
    if (shape === undefined || dtype === undefined)
      throw new ParameterError(this.#name, `its output rule must return { shape, dtype }, got ${describe(spec)}`);
    checkShape(this.#name, shape);
    if (!isDType(dtype)) throw new DTypeError(this.#name, `its output rule gave the unknown dtype ${String(dtype)}`);
    return { shape: [...shape], dtype };
  }

  /** What rules see of inputs and outputs, and the elements of the latter. */
  #infos(
    operands: readonly Spec[],
    outputs: readonly Spec[],
  ): [Readonly<Record<string, OperandInfo>>, Each<Outputs, OperandInfo>, number] {
    const results = outputs.map(infoOf);
    const elements = results.reduce((sum, { size }) => sum + size, 0);
    return [named(this.#definition.inputs, operands.map(infoOf)), single(results), elements];
  }

  #call(operands: readonly Spec[], outputs: readonly Spec[], attributes: Attributes): KernelCall {
    const { inputs, wgsl, wasm, compute } = this.#definition;
    const [own, results] = this.#infos(operands, outputs);
    const parameters = this.#ask(
      "parameters rule",
      () => this.#definition.parameters?.(own, attributes, results) ?? {},
    );
    const words = Object.entries(parameters).map(([key, value]) => wordOf(this.#name, key, value));
    const source = this.#ask("wgsl.source", () =>
      typeof wgsl?.source === "function" ? wgsl.source(own, attributes) : wgsl?.source,
    );
    const { function: choose = this.#name } = wasm ?? {};
    const symbol = typeof choose === "function" ? this.#ask("wasm.function", () => choose(own, attributes)) : choose;
    const module = symbol === undefined ? undefined : this.#module;
    module?.requireKernel(symbol);
    const bytes = module && this.#ask("wasm.scratch rule", () => wasm?.scratch?.(own, attributes, results));
    const kernels: OwnKernels = {
      wasm: module && symbol !== undefined ? { module, function: symbol } : undefined,
      wgsl:
        source === undefined
          ? undefined
          : { source, buffers: buffersOf(inputs, outputs), parameters: words.map(typed) },
      compute: compute && {
        inputs: operands,
        outputs,
        run: (ins, outs) => {
          const fill: (...args: Parameters<NonNullable<typeof compute>>) => unknown = compute;
          const returned = fill(named(inputs, ins), single(outs), attributes);
          if (typeof (returned as { then?: unknown } | undefined)?.then === "function")
            throw new TypeError("it returned a promise; it has to be done when it returns");
          // `output.data.fill(1)` as a function's only expression returns the output itself.
          const isList = Array.isArray(returned) || ArrayBuffer.isView(returned) || isTensor(returned);
          if (isList && !outs.some(({ data }) => data === returned))
            throw new TypeError("it returned its result, which is not looked at; it has to fill output.data");
        },
      },
    };
    const launched =
      source === undefined ? 0 : this.#ask("wgsl.workgroups rule", () => wgsl?.workgroups(own, attributes, results));
    return {
      kernel: this.#name,
      dtype: operands[0]?.dtype ?? "f32",
      words: words.map(({ word }) => word),
      workgroups: requireCount(this.#name, "wgsl.workgroups", launched),
      entry: wgsl?.entry ?? "main",
      ...(wasm?.parallel === true && module !== undefined ? {} : { parts: 1 }),
      ...(bytes === undefined || bytes === 0 ? {} : { scratch: scratchOf(this.#name, bytes) }),
      own: kernels,
    };
  }

  #gradient({
    inputs: tensors,
    outputs,
    cotangents,
    attributes,
    wanted,
  }: GradientContext<Attributes>): (Tensor | undefined)[] {
    const { inputs, gradient: rule } = this.#definition;
    if (rule === undefined)
      throw new ParameterError(
        this.#name,
        "has no gradient, so grad cannot go through it. Give defineOp a gradient, or hold it constant: stopGradient(…)",
      );
    const found = this.#ask("gradient", () =>
      rule(named(inputs, tensors), attributes, {
        output: single(outputs),
        cotangent: single(cotangents),
        wanted: named(inputs, wanted),
      }),
    );
    const gradients = checkGradients(this.#name, inputs, found);
    return inputs.map((input, index) => {
      const gradient = gradients[input];
      const tensor = tensors[index];
      if (gradient === undefined || tensor === undefined || wanted[index] !== true) return undefined;
      if (!sameShape(gradient.shape, tensor.shape))
        throw new ShapeError(
          this.#name,
          `its gradient for ${input} must have the input's shape ${show(tensor.shape)}, got ${show(gradient.shape)}`,
        );
      if (!isFloating(gradient.dtype))
        throw new DTypeError(this.#name, `its gradient for ${input} must be a float, got ${gradient.dtype}`);
      return converted(gradient, tensor.dtype);
    });
  }
}

/** The only element of a list, else the list. */
function single<T>(list: readonly T[]): Each<Outputs, T> {
  return list.length === 1 ? list[0]! : (list as readonly [T, T, ...T[]]);
}

function buffersOf(inputs: readonly string[], outputs: readonly Spec[]): readonly string[] {
  return [...inputs, ...(outputs.length === 1 ? ["output"] : outputs.map((_, index) => `output${String(index)}`))];
}

interface ParameterWord {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
  readonly word: number;
}

const typed = ({ name, type }: ParameterWord): readonly [string, ParameterWord["type"]] => [name, type];

function wordOf(op: string, name: string, value: ParameterValue): ParameterWord {
  const [type = "u32", number = Number.NaN] =
    typeof value === "number"
      ? (["u32", value] as const)
      : ((Object.entries(value) as [ParameterWord["type"], number][]).flat() as [ParameterWord["type"]?, number?]);
  if (type === "f32") return { name, type, word: bitsOfFloat(number) };
  const [low, high] = type === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  if (!Number.isInteger(number) || number < low || number > high)
    throw new ParameterError(
      op,
      `parameter ${name} must be a whole number from ${String(low)} to ${String(high)}, got ${String(number)}. Others are { f32: ${String(number)} } or { i32: … }`,
    );
  return { name, type, word: number | 0 };
}

function requireCount(op: string, what: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new ParameterError(
    op,
    `${what} must give a whole number ≥ 0, got ${typeof value === "number" ? String(value) : describe(value)}`,
  );
}

function scratchOf(op: string, bytes: unknown): (workers: number) => number {
  const each = requireCount(op, "wasm.scratch", bytes);
  return (workers) => each * workers;
}
