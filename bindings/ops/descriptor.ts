// What an op is: the descriptors that every floor above reads. Five kinds, told apart by how they touch memory.
// A descriptor is an exported constant; there is no registry. Knows no graph, no backend, no engine.
// Read next: define.ts, which turns descriptors into the functions users call.
import type { DType, TypedArray } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import type { Shape } from "../core/shape.ts";
import type { Expression } from "../expr/expression.ts";
import type { Spec, Tensor } from "./tensor.ts";

/** What a gradient rule is given. All tensors are differentiable again. */
export interface GradientContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** ∂loss/∂output for each output; zeros have been filled in. */
  readonly cotangents: readonly Tensor[];
  readonly attributes: A;
  /** Which inputs need a gradient. */
  readonly wanted: readonly boolean[];
  /**
   * The gradients of a composition of ops by its operands, for rules that have no closed form of their own: `cotangents` are
   * those of its results. Undefined where a result does not depend on an operand.
   */
  readonly pullback: (
    composition: (...operands: Tensor[]) => readonly Tensor[],
    operands: readonly Tensor[],
    cotangents: readonly Tensor[],
  ) => readonly (Tensor | undefined)[];
}

/** ∂loss/∂input for each input; undefined where there is none or none is wanted. */
export type Gradient<A> = (context: GradientContext<A>) => readonly (Tensor | undefined)[];

interface OpBase<A> {
  /** The public name: in messages, explain() and the support table. */
  readonly name: string;
  /** Absent where the op has no derivative (its outputs are then constants to autodiff). */
  readonly gradient?: Gradient<A>;
}

/** out[i] = expression(inputs[i]), inputs broadcast to the output's shape. */
export interface MapOp extends OpBase<MapAttributes> {
  readonly kind: "map";
}
export interface MapAttributes {
  readonly expression: Expression;
}

/** Another layout of the same elements; no arithmetic. `layout` gives undefined where only a copy can do it. */
export interface ViewOp<A> extends OpBase<A> {
  readonly kind: "view";
  readonly layout: (source: Layout, shape: Shape, attributes: A) => Layout | undefined;
  /**
   * Where the elements of the view lie in its source, for views that are a region of it: the gradients of several regions
   * of one tensor are put together at once.
   */
  readonly region?: (attributes: A) => Region;
}

/** The monoids a reduction folds with; identity 0, 1, −∞, +∞. */
export type Combiner = "sum" | "prod" | "max" | "min";

/** One output element for every slice along `axes` (normalised, ascending). Float sums accumulate accurately. */
export interface ReduceOp extends OpBase<ReduceAttributes> {
  readonly kind: "reduce";
  readonly combiner: Combiner;
}
export interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Inputs placed into regions of an output that is `fill` elsewhere: concat, pad, the gradient of slice. */
export interface AssembleOp extends OpBase<AssembleAttributes> {
  readonly kind: "assemble";
}
export interface AssembleAttributes {
  /** Where input i goes: its element j lies at begin + j·step of every axis. */
  readonly pieces: readonly Region[];
  /** Value of what no piece covers; undefined if the pieces cover all. */
  readonly fill: number | undefined;
}
export interface Region {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

/** A scalar known to the host, or a constant spread over a shape. The value is bound when a plan runs. */
export interface ConstantOp extends OpBase<ConstantAttributes> {
  readonly kind: "constant";
}
export interface ConstantAttributes {
  readonly value: number;
}

/** An operand as a kernel sees it. */
export interface KernelOperand extends Spec {
  readonly layout: Layout;
}

/**
 * The error for what a WASM kernel reported: `item` counts the matrices of a batch from 0, `code` is the kernel's own.
 * Two words a worker behind the parameters carry it (assembly/linalg/status.ts); the run throws it.
 */
export type KernelStatus = (item: number, code: number) => Error;

/**
 * Another form of an input that a WASM kernel can do its work from, worth keeping while the input stays the same. The kernel
 * finds its address in a word behind its parameters; 0 there means that it has to do without.
 */
export interface Preparation {
  /** With `_${dtype}` of the call the WASM export that makes it, from the input, the result, the call's scratch and `words`. */
  readonly kernel: string;
  /** Which input. */
  readonly input: number;
  readonly bytes: number;
  readonly words: readonly number[];
}

/** What the TypeScript kernel of a user's op sees of an operand: its elements, row-major, in the CPU's memory. */
export interface ArrayView extends Spec {
  readonly data: TypedArray;
}

/** A WASM module that a user wrote. */
export interface KernelModuleBytes {
  /** The module with its memory import made to fit memory that is shared between threads, or not. */
  readonly bytes: (isShared: boolean) => Uint8Array<ArrayBuffer>;
}

/** Kernels that the op brings along instead of naming ours; a device without one leaves the op to the other. */
export interface OwnKernels {
  readonly wasm?: { readonly module: KernelModuleBytes; readonly function: string } | undefined;
  readonly wgsl?:
    | {
        readonly source: string;
        /** Names of the buffers in the source, inputs first. */
        readonly buffers: readonly string[];
        /** Names and types of the parameter words. */
        readonly parameters: readonly (readonly [name: string, type: "u32" | "i32" | "f32"])[];
      }
    | undefined;
  /** Runs on the caller's thread, between the kernels of a program, and is given views of what these describe. */
  readonly compute?:
    | {
        readonly inputs: readonly Spec[];
        readonly outputs: readonly Spec[];
        readonly run: (inputs: readonly ArrayView[], outputs: readonly ArrayView[]) => void;
      }
    | undefined;
}

/** One launch of a structured kernel. See assembly/README.md and shaders/README.md for the ABI. */
export interface KernelCall {
  /** Name of the WGSL file and, with `_${dtype}`, of the WASM export. */
  readonly kernel: string;
  readonly dtype: DType;
  /** Parameter words, the same on both backends. */
  readonly words: readonly number[];
  /** Workgroups the WGSL kernel is launched with. */
  readonly workgroups: number;
  /** The entry point of the WGSL file; `main` when absent. */
  readonly entry?: string;
  /** Independent parts that WASM workers can share; more than there are workers when absent. */
  readonly parts?: number;
  /** Bytes of WASM scratch for this number of workers; 0 when absent. */
  readonly scratch?: (workers: number) => number;
  /** Present if the WASM kernel takes a prepared input, "none" where that is not worth it; it then has scratch. */
  readonly preparation?: Preparation | "none" | undefined;
  /** Present if the WASM kernel reports failures that only a run can find. */
  readonly status?: KernelStatus;
  /** Whether a backend cannot run this call although it has the kernel (a size limit). */
  readonly unsupported?: Readonly<Partial<Record<"wasm" | "webgpu", string>>>;
  /** Present if the kernels are the op's own; `kernel` is then only its name. */
  readonly own?: OwnKernels;
}

/** A kernel written by hand: in assembly/ and shaders/, or by a user. */
export interface KernelOp<A> extends OpBase<A> {
  readonly kind: "kernel";
  /** Tells ops of one name apart: users may define several. */
  readonly identity?: number;
  /** Devices the op has a kernel for; recording it for another one is an error. All when absent. */
  readonly devices?: readonly ("wasm" | "webgpu")[];
  /** True if inputs must begin where their buffers do. */
  readonly wholeBuffers?: boolean;
  readonly call: (inputs: readonly KernelOperand[], outputs: readonly Spec[], attributes: A) => KernelCall;
  /** Whether input `index` may have this layout; contiguous only when absent. */
  readonly accepts?: (layout: Layout, index: number) => boolean;
  /**
   * True if the kernels know how to go on with an elementwise consumer of the (only) output: it is pasted into the WGSL; the
   * WASM export finds in two words behind its parameters its prepared input, 0 without, and what follows (assembly/elementwise/finish.ts).
   */
  readonly epilogue?: boolean;
  /**
   * Where the kernel reads operands that are stored in halves as they are, and gives f32; elsewhere they become f32 before. The
   * WASM export for them ends in `_f16`.
   */
  readonly readsHalves?: "gpu" | "everywhere";
  /** Whether the GPU's kernel stores two halves as one word where rows of the result have an even number of elements. */
  readonly storesPairs?: boolean;
  /** Floating-point operations; bytes follow from the operands. */
  readonly flops: (inputs: readonly Spec[], outputs: readonly Spec[], attributes: A) => number;
  /** Class of work for the cost model, where it is not always the same by the inputs. */
  readonly work: Work | ((inputs: readonly Spec[]) => Work);
}

/** What looking at an element somewhere costs beside what is done with it, in the operations that sorting and searching are counted in. */
export const look = 16;

/** What a call amounts to on one device, where that depends on the method that the device has for it. */
export interface Method {
  /** The class of its work; the op's own when absent. */
  readonly work?: Work;
  /** Operations; the op's own number when absent. */
  readonly flops?: number;
  /** How often an invocation waits for the others of its workgroup, summed up over all; never when absent. */
  readonly meetings?: number;
}

/**
 * Classes of work whose speed the cost model measures apart. Elementwise work is "stream", or "transcendental" where
 * exponentials and their like are most of it; folds are "reduction"; what reads or writes where indices say is "indexed", a look
 * at an element there is `look` operations; putting in order is "sorting". What walks over neighbours without tiles is "walk":
 * pooling, and convolutions whose groups have few channels. A
 * convolution is "winograd" on a device that does it by Winograd's method, counted as the direct one. Many small matrices are
 * factorized at another speed than one large one of as many operations.
 */
export type Work =
  | "contraction"
  | "convolution"
  | "winograd"
  | "stream"
  | "transcendental"
  | "reduction"
  | "indexed"
  | "walk"
  | "sorting"
  | "factorization"
  | "smallFactorization";

/** Any op. Attributes travel with the node that was recorded together with the op. */
export type Op<A> = (MapOp | ViewOp<A> | ReduceOp | AssembleOp | ConstantOp | KernelOp<A>) & {
  readonly attributes?: A;
};
