// What the checks need to know about an op, and nothing of any device: what is right (an f64 reference, written from the
// definition), where to look, and how exact the answer must be. Users write less, of which test-op.ts makes this.
// Read next: samples.ts for the samples that follow; test/specs, the rows of our own ops.
import type { DType } from "../core/dtype.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { NdArray } from "./array.ts";

/** Inclusive bounds that values are drawn from. */
export type Range = readonly [low: number, high: number];

/** How far a result may lie from the reference. */
export interface Tolerance {
  /** Units in the last place of what the error is measured against. */
  readonly ulps: number;
  /** Errors below this are forgiven: for functions whose result cancels. */
  readonly floor?: number;
  /**
   * What one ulp is taken of: the expected value, or the sum of the magnitudes that were added to make it (`against` of
   * the sample), which is what bounds the rounding of a sum.
   */
  readonly of?: "value" | "magnitude";
}

export function ulps(count: number, floor = 0): Tolerance {
  return { ulps: count, floor };
}

/** For results that are sums: ulps of Σ|terms|. */
export function ulpsOfSum(count: number, floor = 0): Tolerance {
  return { ulps: count, floor, of: "magnitude" };
}

export type ErrorName = "ShapeError" | "DTypeError" | "DisposedError" | "BackendError" | "ParameterError";

/** A call that must be refused, and how, to the letter. Inputs are f32 zeros of the shapes named, or whatever `call` makes. */
export interface ErrorRow {
  readonly label: string;
  readonly shapes?: readonly (readonly number[])[];
  readonly dtypes?: readonly DType[];
  readonly call: (...tensors: Tensor[]) => unknown;
  readonly error: ErrorName;
  readonly message: string;
}

/** How gradients are judged. `false` on a row means that the op has none. */
export interface GradientRule {
  /** Ulps of the larger of the expected gradient and `floor` times the largest one in the sample. */
  readonly ulps?: number;
  readonly floor?: number;
  /** Second gradient too; true unless said otherwise. */
  readonly second?: boolean;
}

/** One elementwise op. Shapes, layouts, types and broadcasting are sampled without the row's help. */
export interface ElementwiseSpec {
  /** One element, in f64, from the definition. */
  readonly reference: (...values: number[]) => number;
  /** The same for integers where it differs; its result is wrapped to the type. */
  readonly integer?: (...values: number[]) => number;
  /** Where values are drawn from: one range, or one for each operand. */
  readonly domain: Range | readonly Range[];
  readonly tolerance: { readonly f32: Tolerance; readonly f64?: Tolerance };
  /** Exact points: operand (or operands) and expected result. */
  readonly special?: readonly (readonly [input: number | readonly number[], expected: number])[];
  /** Places without a derivative: values of the (only) operand, or a test over all. Gradient samples keep off. */
  readonly kinks?: readonly number[] | ((...values: number[]) => boolean);
  /** Types of the operands; f32 and f64 unless said otherwise. */
  readonly dtypes?: readonly DType[];
  /** Type of the result: that of the operands, the float that holds them, or a fixed one. */
  readonly result?: "same" | "float" | DType;
  readonly gradient?: GradientRule | false;
  /** Extreme operands (±0, ±∞, NaN, subnormal, largest) are compared with the reference too; true unless said otherwise. */
  readonly extremes?: boolean;
  readonly errors?: readonly ErrorRow[];
}

/** How an operand lies in memory. Whatever the layout, its values are those of the sample. */
export type LayoutName = "contiguous" | "transposed" | "sliced" | "broadcast";

/** An operand of a structured op. */
export interface OperandSpec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly layout?: LayoutName;
  readonly domain?: Range;
  /** No two values near each other: for ops that choose the largest, which have no derivative at a tie. */
  readonly apart?: boolean;
  /** Values instead of random ones. */
  readonly values?: readonly number[];
}

/** One case of a structured op. */
export interface Sample {
  readonly label: string;
  readonly operands: readonly OperandSpec[];
  readonly call: (...tensors: Tensor[]) => Tensor | readonly Tensor[];
  readonly reference: (...arrays: NdArray[]) => NdArray | readonly NdArray[];
  /** Σ|terms| of every result, for tolerances of sums; the reference of the absolute values unless given. */
  readonly against?: (...arrays: NdArray[]) => NdArray | readonly NdArray[];
  /** Expected type of the results; that of the first operand unless given. */
  readonly result?: DType;
  readonly tolerance?: Tolerance;
  /** Overrides the row's rule. */
  readonly gradient?: GradientRule | false;
  /** Run on the GPU too. The first two samples of a row always are; f64 samples never. */
  readonly gpu?: boolean;
}

/** One structured op. */
export interface StructuredSpec {
  readonly tolerance: Tolerance;
  readonly gradient?: GradientRule | false;
  readonly samples: readonly Sample[];
  readonly errors?: readonly ErrorRow[];
}
