// From rows to cases: for each op the shapes, layouts, types and values that every backend is tried with.
// Cases are plain data and functions, seeded by their names; nothing here runs the engine.
// Read next: checks.ts, which tries them; spec.ts for what they are made from.
import type { DType } from "../core/dtype.ts";
import { floatOf, isFloating } from "../core/dtype.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { NdArray } from "./array.ts";
import { countOf, map } from "./array.ts";
import type {
  ElementwiseSpec,
  GradientRule,
  LayoutName,
  OperandSpec,
  Range,
  Sample,
  StructuredSpec,
  Tolerance,
} from "./spec.ts";
import { representable } from "./compare.ts";
import type { Draw } from "./random.ts";
import { drawFrom } from "./random.ts";

/** An operand with its values. Stretched axes hold equal values all along. */
export interface Operand {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly layout: LayoutName;
  readonly values: readonly number[];
}

/** One thing to try. */
export interface Case {
  readonly op: string;
  readonly label: string;
  readonly operands: readonly Operand[];
  readonly call: (...tensors: Tensor[]) => Tensor | readonly Tensor[];
  readonly reference: (...arrays: NdArray[]) => NdArray | readonly NdArray[];
  readonly against?: ((...arrays: NdArray[]) => NdArray | readonly NdArray[]) | undefined;
  readonly result: DType;
  readonly tolerance: Tolerance;
  readonly gradient: GradientRule | false;
  readonly gpu: boolean;
  /** Compare the op amid neighbours in one plan with the same read step by step. */
  readonly fusion: boolean;
  /** Subnormal operands may be taken as zero by the GPU. */
  readonly elementwise: boolean;
  /** Types of several results that differ; all are `result` when absent. */
  readonly results?: readonly DType[] | undefined;
  /** A user's op, whose kernels may do anything: operands are looked at afterwards. */
  readonly own?: boolean;
  /** False if there is no kernel for the CPU. */
  readonly cpu?: boolean;
  /** True if it is tried amid work of the device but need not run there. */
  readonly anywhere?: boolean;
  /** Only its gradients are looked at, those of both orders in one plan: another case is there for values. */
  readonly isForSlopes?: boolean;
}

const tiny = 2 ** -149;
const extremes = [
  0,
  -0,
  1,
  -1,
  tiny,
  -tiny,
  2 ** -126,
  -(2 ** -126),
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Infinity,
  -Infinity,
  NaN,
  0.5,
  1e-20,
  -88.5,
];
const integerExtremes: Partial<Record<DType, readonly number[]>> = {
  i32: [0, 1, -1, 2147483647, -2147483648, 2, -3, 65536],
  u32: [0, 1, 4294967295, 2147483648, 2147483647, 3, 65536],
  u8: [0, 1, 255, 128, 127, 3],
  bool: [0, 1],
};

/** Axes along which a broadcast operand of this shape repeats itself. */
export function stretchedAxes(shape: readonly number[]): number[] {
  return shape.map((_, axis) => axis).filter((axis) => axis === 0 || (shape.length > 2 && axis === shape.length - 1));
}

function draw(source: Draw, range: Range, dtype: DType): number {
  if (isFloating(dtype)) return representable(source.between(range), dtype);
  const low = Math.ceil(dtype === "i32" ? range[0] : Math.max(range[0], 0));
  return representable(
    source.whole(low, Math.max(low, Math.floor(dtype === "u8" ? Math.min(range[1], 255) : range[1]))),
    dtype,
  );
}

function stretch(shape: readonly number[], values: readonly number[]): number[] {
  const axes = stretchedAxes(shape);
  return values.map((_, position) => {
    let rest = position;
    let source = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const i = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
      if (!axes.includes(axis)) source += i * stride;
      stride *= shape[axis]!;
    }
    return values[source]!;
  });
}

function isRanges(domain: Range | readonly Range[]): domain is readonly Range[] {
  return Array.isArray(domain[0]);
}

/** One range for each operand. */
export function domainsOf(spec: Pick<ElementwiseSpec, "domain">): readonly Range[] {
  return isRanges(spec.domain) ? spec.domain : [spec.domain];
}

/** Where differences are accurate: the part of the domain around 0, a little inside its bounds. */
function calm([low, high]: Range): Range {
  const from = low > 0 ? Math.max(low, 0.1 * Math.min(high, 3)) : Math.max(low, -3);
  const to = Math.max(Math.min(high, 3), Math.min(from + 1, high));
  return [from + 0.04 * (to - from), to - 0.04 * (to - from)];
}

function nearKink(spec: ElementwiseSpec, values: readonly number[]): boolean {
  const { kinks } = spec;
  if (kinks === undefined) return false;
  if (typeof kinks === "function") return kinks(...values);
  return kinks.some((kink) => Math.abs(values[0]! - kink) < 0.05);
}

type Shapes = readonly (readonly number[])[];

interface Plan {
  readonly label: string;
  readonly shapes: Shapes;
  readonly layouts?: readonly LayoutName[];
  readonly gpu?: boolean;
  /** Take gradients: where differences are most exact, or over the whole domain, where functions saturate and overflow. */
  readonly gradient?: "calm" | "wide";
  readonly fusion?: boolean;
}

/** Shapes and layouts for an op of `arity` operands, for its main type. */
function mainPlans(arity: number): Plan[] {
  const same = (shape: readonly number[]): Shapes => Array.from({ length: arity }, () => shape);
  const plans: Plan[] = [[], [0], [1], [3], [5]].map((shape) => ({
    label: `[${shape.join()}]`,
    shapes: same(shape),
    gpu: shape[0] === 0,
  }));
  plans.push(
    { label: "[17] sliced", shapes: same([17]), layouts: ["sliced"] },
    { label: "[1023]", shapes: same([1023]), gpu: true, fusion: true },
    { label: "[2,3,4] gradient", shapes: same([2, 3, 4]), gradient: "calm", gpu: true },
    { label: "[40] gradient over the domain", shapes: same([40]), gradient: "wide", gpu: true },
    { label: "[5,7] transposed", shapes: same([5, 7]), layouts: ["transposed"], gpu: true, fusion: true },
    { label: "[3,4,5] sliced", shapes: same([3, 4, 5]), layouts: ["sliced"] },
    { label: "[3,4,5] broadcast", shapes: same([3, 4, 5]), layouts: ["broadcast"] },
    { label: "[131,257] large", shapes: same([131, 257]) },
  );
  if (arity > 1) {
    const pair = (a: readonly number[], b: readonly number[]): Shapes => [a, b, ...same(b)].slice(0, arity);
    plans.push(
      { label: "[2,3,4] with [3,1] gradient", shapes: pair([2, 3, 4], [3, 1]), gpu: true, gradient: "calm" },
      { label: "[] with [17]", shapes: pair([], [17]) },
      { label: "[17] with []", shapes: pair([17], []) },
      { label: "[5,1] with [7]", shapes: pair([5, 1], [7]), layouts: ["contiguous", "sliced", "contiguous"] },
      { label: "[0] with [1]", shapes: pair([0], [1]) },
    );
  }
  return plans;
}

/** The cases of an elementwise row. */
export function elementwiseCases(op: string, spec: ElementwiseSpec, call: Case["call"], prefix = ""): Case[] {
  const ranges = domainsOf(spec);
  const cases: Case[] = [];
  const dtypes = spec.dtypes ?? ["f32", "f64"];
  for (const dtype of dtypes) {
    const isMain = dtype === dtypes[0];
    const plans = isMain
      ? mainPlans(ranges.length)
      : mainPlans(ranges.length).filter(({ label }) => sideLabels.includes(label));
    for (const plan of plans)
      cases.push(planned(op, spec, call, dtype, plan, `${prefix}${dtype} ${plan.label}`, isMain));
    const points = pointsOf(spec, dtype, ranges.length);
    if (points.length > 0) {
      const operands = ranges.map((_, i): Operand => {
        return {
          shape: [points.length],
          dtype: operandType(op, dtype, i),
          layout: "contiguous",
          values: points.map((point) => representable(point[i]!, operandType(op, dtype, i))),
        };
      });
      cases.push({
        ...base(op, spec, call, dtype),
        label: `${prefix}${dtype} extremes`,
        operands,
        gradient: false,
        gpu: true,
        fusion: false,
      });
    }
    // Special points are written for the main type: where an exponential overflows depends on it.
    if (isMain && isFloating(dtype) && spec.special !== undefined && spec.special.length > 0)
      cases.push(specialCase(op, spec, call, dtype, prefix));
  }
  // WGSL has no 64-bit floats: what computes in them has no business on the GPU.
  return cases.map((sample) => (usesDoubles(sample) ? { ...sample, gpu: false } : sample));
}

function usesDoubles({ operands, result }: Pick<Case, "operands" | "result">): boolean {
  return result === "f64" || operands.some(({ dtype }) => dtype === "f64");
}

const sideLabels = ["[0]", "[5]", "[17] sliced", "[1023]", "[5,7] transposed", "[2,3,4] gradient"];

// The first operand of `where` is a condition whatever the type of the others.
function operandType(op: string, dtype: DType, index: number): DType {
  return op === "where" && index === 0 ? "bool" : dtype;
}

function resultType({ result = "same" }: ElementwiseSpec, dtype: DType): DType {
  if (result === "same") return dtype;
  return result === "float" ? floatOf(dtype) : result;
}

function base(
  op: string,
  spec: ElementwiseSpec,
  call: Case["call"],
  dtype: DType,
): Omit<Case, "label" | "operands" | "gradient" | "gpu" | "fusion"> {
  const scalar = isFloating(dtype) ? spec.reference : (spec.integer ?? spec.reference);
  const result = resultType(spec, dtype);
  const tolerance = (result === "f64" ? spec.tolerance.f64 : undefined) ?? spec.tolerance.f32;
  return {
    op,
    call,
    reference: (...arrays) => map(isFloating(result) ? spec.reference : scalar, ...arrays),
    result,
    tolerance,
    elementwise: true,
  };
}

// Over the whole domain slopes differ by many orders, so each is held to its own size.
function ruleFor({ gradient }: ElementwiseSpec, plan: Plan): GradientRule {
  const rule = gradient === false || gradient === undefined ? {} : gradient;
  return plan.gradient === "calm" ? rule : { floor: 1e-3, ...rule, ulps: 64, second: false };
}

function planned(
  op: string,
  spec: ElementwiseSpec,
  call: Case["call"],
  dtype: DType,
  plan: Plan,
  label: string,
  isMain: boolean,
): Case {
  const source = drawFrom(`${op} ${label}`);
  const ranges = domainsOf(spec);
  const wantsGradient = plan.gradient !== undefined && isFloating(dtype) && spec.gradient !== false;
  const types = ranges.map((_, i) => operandType(op, dtype, i));
  const layouts = ranges.map((_, i) => plan.layouts?.[i % plan.layouts.length] ?? "contiguous");
  const pick = (i: number): number =>
    draw(source, wantsGradient && plan.gradient === "calm" ? calm(ranges[i]!) : ranges[i]!, types[i]!);
  const lists = plan.shapes.map((shape, i) => Array.from({ length: countOf(shape) }, () => pick(i)));
  if (wantsGradient) {
    // Redraw the first operand wherever the combination lies too near a kink.
    for (let attempt = 0; attempt < 100; attempt++) {
      const arrays = plan.shapes.map((shape, i): NdArray => ({ shape, data: lists[i]! }));
      const bad = map((...values) => Number(nearKink(spec, values)), ...arrays);
      if (!bad.data.includes(1)) break;
      bad.data.forEach((isBad, position) => {
        if (isBad === 1) lists[0]![position % lists[0]!.length] = pick(0);
      });
    }
  }
  const operands = plan.shapes.map((shape, i): Operand => {
    const layout = layouts[i]!;
    const values = layout === "broadcast" ? stretch(shape, lists[i]!) : lists[i]!;
    return { shape, dtype: types[i]!, layout, values };
  });
  return {
    ...base(op, spec, call, dtype),
    label,
    operands,
    gradient: wantsGradient ? ruleFor(spec, plan) : false,
    gpu: isMain ? plan.gpu === true : plan.label === "[1023]",
    fusion: plan.fusion === true,
  };
}

/** All combinations of extreme operands; nothing where the row does without. */
function pointsOf(spec: ElementwiseSpec, dtype: DType, arity: number): number[][] {
  const list = isFloating(dtype) ? extremes : (integerExtremes[dtype] ?? []);
  if (spec.extremes === false || arity > 2) return [];
  if (arity === 1) return list.map((x) => [x]);
  return list.flatMap((x) => list.map((y) => [x, y]));
}

function specialCase(op: string, spec: ElementwiseSpec, call: Case["call"], dtype: DType, prefix: string): Case {
  const rows = (spec.special ?? []).map(([input, expected]) => ({ inputs: [input].flat(), expected }));
  const operands = domainsOf(spec).map((_, i): Operand => {
    return {
      shape: [rows.length],
      dtype,
      layout: "contiguous",
      values: rows.map(({ inputs }) => representable(inputs[i]!, dtype)),
    };
  });
  const reference = (): NdArray => ({ shape: [rows.length], data: rows.map(({ expected }) => expected) });
  return {
    ...base(op, spec, call, dtype),
    label: `${prefix}${dtype} special`,
    operands,
    reference,
    gradient: false,
    gpu: true,
    fusion: false,
  };
}

/** The cases of a structured row. */
export function structuredCases(op: string, spec: StructuredSpec): Case[] {
  return spec.samples.map((sample, position) => structuredCase(op, spec, sample, position));
}

function drawMany(source: Draw, { shape, dtype = "f32", domain = [-2, 2], apart = false }: OperandSpec): number[] {
  const count = countOf(shape);
  if (!apart) return Array.from({ length: count }, () => draw(source, domain, dtype));
  const spacing = (domain[1] - domain[0]) / count;
  const steps = Array.from({ length: count }, (_, i) => representable(domain[0] + (i + 0.5) * spacing, dtype));
  for (let i = count - 1; i > 0; i--) {
    const other = source.whole(0, i);
    [steps[i], steps[other]] = [steps[other]!, steps[i]!];
  }
  return steps;
}

function structuredCase(op: string, spec: StructuredSpec, sample: Sample, position: number): Case {
  const source = drawFrom(`${op} ${sample.label}`);
  const operands = sample.operands.map((operand): Operand => {
    const { shape, dtype = "f32", layout = "contiguous" } = operand;
    const drawn = operand.values?.map((value) => representable(value, dtype)) ?? drawMany(source, operand);
    return {
      shape,
      dtype,
      layout,
      values: layout === "broadcast" && operand.values === undefined ? stretch(shape, drawn) : drawn,
    };
  });
  const result = sample.result ?? operands[0]?.dtype ?? "f32";
  return {
    op,
    label: sample.label,
    operands,
    call: sample.call,
    reference: sample.reference,
    against: sample.against,
    result,
    tolerance: sample.tolerance ?? spec.tolerance,
    gradient: sample.gradient ?? spec.gradient ?? {},
    gpu: !usesDoubles({ operands, result }) && (sample.gpu ?? position < 2),
    fusion: position < 3,
    elementwise: false,
  };
}
