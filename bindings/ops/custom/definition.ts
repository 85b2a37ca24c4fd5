// How users write an op down, as types: an expression, or an output rule with kernels. What follows from a definition is made
// in expression-op.ts and kernel-op.ts; this file holds no code.
// Read next: define-op.ts, the function that takes these; docs/own-ops.md, which explains them with examples.
import type { DType } from "../../core/dtype.ts";
import type { Expression } from "../../expr/expression.ts";
import type * as scalar from "../../expr/primitives/index.ts";
import type { ArrayView } from "../descriptor.ts";
import type { Spec, Tensor, TensorLike } from "../tensor.ts";

/** The vocabulary of expressions: `add mul exp tanh select less …`. A number takes the type of the expression beside it. */
export type Scalar = typeof scalar;

/** What an attribute may be. */
export type Attribute = number | boolean | string | readonly number[] | readonly string[];

/** Attributes by name, with their defaults. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One `T` for each input, by name. */
export type Named<I extends readonly string[], T> = Readonly<Record<I[number], T>>;

/** The type of an attribute that has this default. */
type Widened<V> = V extends number ? number : V extends boolean ? boolean : V extends string ? string : V;

/** What attributes with these defaults may be set to. */
export type Settings<A extends Attributes> = { readonly [K in keyof A]: Widened<A[K]> };

/** The same with `T` in place of numbers. */
export type Lifted<A extends Attributes, T> = { readonly [K in keyof A]: A[K] extends number ? T : Widened<A[K]> };

/** What an output rule returns: one description, or a list of two or more. */
export type Outputs = Spec | readonly [Spec, Spec, ...Spec[]];

/** One `T` for each output: a single one, or a tuple. */
export type Each<R extends Outputs, T> = R extends readonly Spec[] ? { readonly [K in keyof R]: T } : T;

/** An input or output as rules see it. */
export interface OperandInfo extends Spec {
  /** Number of elements. */
  readonly size: number;
  /** Number of axes. */
  readonly rank: number;
}

/** What a gradient rule is given beside the inputs. Tensors are differentiable again. */
export interface GradientArguments<I extends readonly string[], R extends Outputs> {
  /** What the op returned. Reading it spares computing it again. */
  readonly output: Each<R, Tensor>;
  /** ∂loss/∂output, shaped like the output. */
  readonly cotangent: Each<R, Tensor>;
  /** Which inputs need a gradient; others may be left out. */
  readonly wanted: Named<I, boolean>;
}

/** ∂loss/∂input by name. An input that is left out, or undefined, has none. */
export type Gradients<I extends readonly string[]> = Readonly<Partial<Record<I[number], Tensor | undefined>>>;

/** The gradient of an op, written in ops. */
export type GradientRule<I extends readonly string[], A, R extends Outputs> = (
  inputs: Named<I, Tensor>,
  attributes: A,
  results: GradientArguments<I, R>,
) => Gradients<I>;

/** An op that works element by element. Broadcasting, types, kernels, fusion and gradients of every order follow. */
export interface ExpressionDefinition<I extends readonly string[], A extends Attributes> {
  /** Names of the operands, in order. */
  readonly inputs: I;
  /**
   * Options of the call with their defaults. Numbers are operands like the inputs: another value, or a tensor, needs no new
   * plan. Lists, strings and booleans are structure: the expression is written anew for each setting.
   */
  readonly attributes?: A | undefined;
  /**
   * The types it computes in: "floating" (the default) converts integers to the float that holds them, "any" takes all,
   * a list refuses the rest.
   */
  readonly dtypes?: "floating" | "any" | readonly DType[] | undefined;
  /** One element of the result from one of each input. */
  readonly expression: (inputs: Named<I, Expression>, e: Scalar, attributes: Lifted<A, Expression>) => Expression;
  /** The gradient, where the derived one would lose accuracy. Sums over broadcast axes are added. */
  readonly gradient?: GradientRule<I, Lifted<A, Tensor>, Spec> | undefined;
}

/** A word of `parameters`: a whole number ≥ 0 stands for `{ u32: … }`. */
export type ParameterValue = number | { readonly u32: number } | { readonly i32: number } | { readonly f32: number };

/** A rule over what is known before anything runs. */
export type Rule<I extends readonly string[], A extends Attributes, R extends Outputs, T> = (
  inputs: Named<I, OperandInfo>,
  attributes: Settings<A>,
  output: Each<R, OperandInfo>,
) => T;

/** A kernel for the GPU. */
export interface WgslKernel<I extends readonly string[], A extends Attributes, R extends Outputs> {
  /**
   * WGSL with an entry point. Declared for it: each input by its name as `array<f32>` (or its type; u8 and bool are u32 words)
   * and `output` (`output0`, `output1`, … for several), row-major, and `parameters` with a field for each parameter.
   * A function gives the text for these types, or undefined where there is none.
   */
  readonly source: string | ((inputs: Named<I, OperandInfo>, attributes: Settings<A>) => string | undefined);
  /**
   * Workgroups to launch. More than 65535 are folded into two dimensions: number them with
   * `linear_workgroup(workgroup_id, num_workgroups)`.
   */
  readonly workgroups: Rule<I, A, R, number>;
  /** The entry point; "main" when absent. */
  readonly entry?: string | undefined;
  /** True if the source stores `epilogue(value, index)` in place of `value`: a consumer can then be fused into it. */
  readonly epilogue?: boolean | undefined;
}

/** A kernel for the CPU in WebAssembly. */
export interface WasmKernel<I extends readonly string[], A extends Attributes, R extends Outputs> {
  /**
   * A module that imports its memory as `env.memory` and has no data of its own there. Whether the import is declared shared
   * does not matter: it is made to fit.
   */
  readonly bytes: Uint8Array | ArrayBuffer;
  /**
   * The exported function (args, worker, workers: i32) → (); the op's name when absent. At `args` lie 4-byte words: the
   * addresses of inputs, outputs and scratch memory (if there is any), then the parameters. A function gives the name for
   * these types, or undefined where there is none.
   */
  readonly function?:
    string | ((inputs: Named<I, OperandInfo>, attributes: Settings<A>) => string | undefined) | undefined;
  /** True if it does the share of `worker` among `workers`; otherwise it is called once, with 0 and 1. */
  readonly parallel?: boolean | undefined;
  /** Bytes of scratch memory for each worker: worker w has those from w · bytes on. */
  readonly scratch?: Rule<I, A, R, number> | undefined;
}

/** An op with kernels of its own, of which there must be one at least. */
export interface KernelDefinition<I extends readonly string[], A extends Attributes, R extends Outputs> {
  /** Names of the operands, in order; also those of the buffers in WGSL. */
  readonly inputs: I;
  /** Options of the call with their defaults. They are part of a plan: what changes at every call is an input. */
  readonly attributes?: A | undefined;
  /** Types the inputs may have, all alike or by name; f32 when absent. Nothing is converted. */
  readonly dtypes?: readonly DType[] | Readonly<Partial<Record<I[number], readonly DType[]>>> | undefined;
  /** Shape and type of the result, or of each of several. Throws where the inputs do not fit. */
  readonly output: (inputs: Named<I, OperandInfo>, attributes: Settings<A>) => R;
  /** Words that both kernels get. */
  readonly parameters?: Rule<I, A, R, Readonly<Record<string, ParameterValue>>> | undefined;
  readonly wgsl?: WgslKernel<I, A, R> | undefined;
  readonly wasm?: WasmKernel<I, A, R> | undefined;
  /**
   * TypeScript that fills `output` at once, from views that live as long as the call. It runs on the CPU where there is no
   * WASM kernel, and must not call athanor.
   */
  readonly compute?:
    ((inputs: Named<I, ArrayView>, output: Each<R, ArrayView>, attributes: Settings<A>) => void) | undefined;
  /** The gradient, in ops. Without one `grad` throws where it meets the op. */
  readonly gradient?: GradientRule<I, Settings<A>, R> | undefined;
  /** Operations it takes, for the cost model; one for each element of the output when absent. */
  readonly flops?: Rule<I, A, R, number> | undefined;
}

/** Operands of a call in the order of the inputs. */
export type Operands<I extends readonly string[]> = { -readonly [K in keyof I]: TensorLike };

/** An op made by `defineOp` from an expression. */
export interface ExpressionOp<I extends readonly string[], A extends Attributes> {
  (...operands: [...operands: Operands<I>, attributes?: Partial<Lifted<A, TensorLike>>]): Tensor;
  readonly name: string;
  readonly definition: ExpressionDefinition<I, A>;
}

/** An op made by `defineOp` from kernels. */
export interface KernelFunction<I extends readonly string[], A extends Attributes, R extends Outputs> {
  (...operands: [...operands: Operands<I>, attributes?: Partial<Settings<A>>]): Each<R, Tensor>;
  readonly name: string;
  readonly definition: KernelDefinition<I, A, R>;
}

/** A definition with its types left out: what the code that carries definitions out sees. */
export type AnyDefinition = KernelDefinition<readonly string[], Attributes, Outputs>;
