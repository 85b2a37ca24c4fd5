// testOp: the conformance checks on a user's op, on every device of this machine. Uses no test framework: the report says what
// was tried and what failed, and `assert()` throws where something did.
// Makes of what users write the samples that our own ops are tried with. Read next: samples.ts, checks.ts, report.ts.
import type { DType } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { withDevice } from "../engine/index.ts";
import type {
  Attributes,
  ExpressionDefinition,
  ExpressionOp,
  KernelDefinition,
  KernelFunction,
  Named,
  Outputs,
  Settings,
} from "../ops/custom/definition.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { NdArray } from "./array.ts";
import type { BackendName } from "./backends.ts";
import { backendNames, openBackend } from "./backends.ts";
import { runCase } from "./checks.ts";
import { checkRefusal } from "./refusals.ts";
import type { TestReport, TestRow } from "./report.ts";
import { reportOf } from "./report.ts";
import type { Case } from "./samples.ts";
import { elementwiseCases, structuredCases } from "./samples.ts";
import type { ErrorRow, GradientRule, OperandSpec, Range, Tolerance } from "./spec.ts";

/** What tests of both kinds of op have in common. */
export interface TestOptions {
  /** How far results may lie from the reference, in units in the last place if it is a number. Default 4. */
  readonly tolerance?: number | Tolerance;
  /**
   * Whether gradients of first and second order are checked, and how exactly: `ulps` of each slope, but at least of `floor`
   * times the largest one. They are, with a floor of 0.05, if the op has any.
   */
  readonly gradient?: boolean | GradientRule;
  /** Calls that must be refused, with the error to the letter. */
  readonly errors?: readonly ErrorRow[];
  /** Which devices; all when absent: "wasm", "wasm-relaxed", "wasm-threads", "webgpu". */
  readonly backends?: readonly BackendName[];
}

/** How an op from an expression is tested. Shapes, layouts, broadcasting and types are sampled without help. */
export interface ExpressionTest<I extends readonly string[], A extends Attributes> extends TestOptions {
  /** One element in f64, from the definition and not from the expression. */
  readonly reference: (inputs: Named<I, number>, attributes: Settings<A>) => number;
  /** Where values are drawn from, for all inputs or by name. Default [-3, 3]. */
  readonly domain?: Range | Named<I, Range>;
  /** Attributes to try the op with, one after the other. Default: its defaults. */
  readonly attributes?: readonly Partial<Settings<A>>[];
  /** Types to try. Default f32 and f64, or those that the op lists. */
  readonly dtypes?: readonly DType[];
  /** Whether a combination lies at a kink, where there is no derivative to check. */
  readonly kinks?: (inputs: Named<I, number>, attributes: Settings<A>) => boolean;
  /** Whether ±0, ±∞, NaN, subnormal and the largest numbers are tried against the reference too. Default true. */
  readonly extremes?: boolean;
}

/** One sample of an op with kernels. */
export interface OpSample<I extends readonly string[], A extends Attributes> {
  /** Shape of each input; where its values come from (`domain`, default [-2, 2], or `values`); its `dtype` and `layout`. */
  readonly inputs: Named<I, OperandSpec>;
  readonly attributes?: Partial<Settings<A>>;
  /** Type of the results, or of each; that of the first input when absent. */
  readonly result?: DType | readonly DType[];
  /** Tried on the GPU too. The first two samples are. */
  readonly gpu?: boolean;
  readonly label?: string;
}

/** How an op with kernels is tested. */
export interface KernelTest<I extends readonly string[], A extends Attributes> extends TestOptions {
  /** The results in f64, by plain loops. */
  readonly reference: (inputs: Named<I, NdArray>, attributes: Settings<A>) => NdArray | readonly NdArray[];
  readonly samples: readonly OpSample<I, A>[];
}

/**
 * Runs the conformance checks on an op made by `defineOp`: values, shape and type against the reference, gradients of first
 * and second order against its differences, errors, untouched surroundings and operands, no memory left behind, the same bits
 * again, fused with neighbours as alone. On every device there is (a CPU with and without relaxed SIMD and on three threads, and the GPU),
 * each with an engine of its own: use athanor for nothing else until it has ended.
 *
 *     const report = await testOp(softCap, { reference: ({ x }, { cap }) => cap * Math.tanh(x / cap), domain: [-100, 100] });
 *     report.assert();
 */
export async function testOp<const I extends readonly string[], A extends Attributes>(
  op: ExpressionOp<I, A>,
  test: ExpressionTest<I, A>,
): Promise<TestReport>;
export async function testOp<const I extends readonly string[], A extends Attributes, R extends Outputs>(
  op: KernelFunction<I, A, R>,
  test: KernelTest<I, A>,
): Promise<TestReport>;
export async function testOp(op: AnyOp, test: AnyTest): Promise<TestReport> {
  const definition = (op as Partial<AnyOp> | undefined)?.definition;
  if (definition === undefined) throw new ParameterError("testOp", "the first argument must be an op made by defineOp");
  if (typeof test.reference !== "function")
    throw new ParameterError("testOp", `${op.name} needs a reference: a function that computes it in plain JavaScript`);
  const cases = "expression" in definition ? expressionCases(op, definition, test) : kernelCases(op, definition, test);
  const rows: TestRow[] = [];
  const missing: { backend: BackendName; reason: string }[] = [];
  for (const name of test.backends ?? backendNames) {
    const backend = await openBackend(name);
    if ("missing" in backend) {
      missing.push({ backend: name, reason: backend.missing });
      continue;
    }
    try {
      const here = cases.filter((sample) => (backend.device === "webgpu" ? sample.gpu : sample.cpu !== false));
      for (const sample of here) {
        for (const { check, ok, message, error, detail } of await runCase(backend, sample)) {
          const label = detail === undefined ? sample.label : `${sample.label} (${detail})`;
          rows.push({ backend: name, check, sample: label, ok, message, error });
        }
      }
      for (const row of test.errors ?? [])
        rows.push({ backend: name, check: "errors", sample: row.label, ...checkRefusal(backend, row) });
    } finally {
      await backend.close();
    }
  }
  return reportOf(op.name, rows, missing);
}

type AnyOp = ((...args: never[]) => unknown) & {
  readonly name: string;
  readonly definition:
    ExpressionDefinition<readonly string[], Attributes> | KernelDefinition<readonly string[], Attributes, Outputs>;
};
type AnyTest = ExpressionTest<readonly string[], Attributes> | KernelTest<readonly string[], Attributes>;

/** Errors this small come from intermediate results that are subnormal numbers, which have fewer digits. */
const subnormalFloor = 2 ** -120;

const toleranceOf = ({ tolerance = 4 }: TestOptions): Tolerance =>
  typeof tolerance === "number" ? { ulps: tolerance, floor: subnormalFloor } : tolerance;

const named = <T>(names: readonly string[], values: readonly T[]): Readonly<Record<string, T>> =>
  Object.fromEntries(names.map((name, index) => [name, values[index]!]));

/** A call of the op with attributes; "anywhere" leaves the device to dispatch. */
function callOf(op: AnyOp, attributes: object, isAnywhere: boolean): Case["call"] {
  const call = (...tensors: readonly Tensor[]): Tensor | readonly Tensor[] =>
    (op as unknown as (...args: unknown[]) => Tensor | readonly Tensor[])(...tensors, attributes);
  return isAnywhere ? (...tensors) => withDevice("auto", () => call(...tensors)) : call;
}

function labelOf(attributes: object): string {
  return Object.keys(attributes).length === 0 ? "" : `${JSON.stringify(attributes)}: `;
}

function gradientOf(test: TestOptions, hasGradient: boolean): GradientRule | false {
  const { gradient = hasGradient } = test;
  // A derived slope is exact to the size of the largest: 1 − tanh² has few digits where it is nearly 0.
  return gradient === true ? { floor: 0.05 } : gradient;
}

function expressionCases(
  op: AnyOp,
  definition: ExpressionDefinition<readonly string[], Attributes>,
  test: AnyTest,
): Case[] {
  const { inputs, attributes: defaults = {}, dtypes: own = "floating" } = definition;
  const {
    reference,
    domain,
    attributes = [{}],
    dtypes,
    kinks,
    extremes,
  } = test as ExpressionTest<readonly string[], Attributes>;
  const everywhere: Range = [-3, 3];
  const ranges = inputs.map((name) => (isRange(domain) ? domain : (domain?.[name] ?? everywhere)));
  return attributes.flatMap((setting) => {
    const all = { ...defaults, ...setting } as Settings<Attributes>;
    const tolerance = toleranceOf(test);
    const spec = {
      reference: (...values: number[]) => reference(named(inputs, values), all),
      domain: ranges,
      tolerance: { f32: tolerance, f64: tolerance },
      gradient: gradientOf(test, true),
      ...(kinks === undefined ? {} : { kinks: (...values: number[]) => kinks(named(inputs, values), all) }),
      ...(extremes === undefined ? {} : { extremes }),
      ...(dtypes !== undefined ? { dtypes } : typeof own === "string" ? {} : { dtypes: own }),
    };
    const cases = elementwiseCases(op.name, spec, callOf(op, setting, false), labelOf(setting));
    return cases.map((sample) => ({ ...sample, own: true }));
  });
}

function isRange(domain: unknown): domain is Range {
  return Array.isArray(domain);
}

function kernelCases(
  op: AnyOp,
  definition: KernelDefinition<readonly string[], Attributes, Outputs>,
  test: AnyTest,
): Case[] {
  const { inputs, attributes: defaults = {}, wgsl, wasm, compute, gradient } = definition;
  const { reference, samples } = test as KernelTest<readonly string[], Attributes>;
  if (!Array.isArray(samples) || samples.length === 0)
    throw new ParameterError(
      "testOp",
      `${op.name} needs samples, such as [{ inputs: { ${inputs[0] ?? "x"}: { shape: [2, 3] } } }]`,
    );
  const hasCpu = wasm !== undefined || compute !== undefined;
  const places = { own: true, cpu: hasCpu, anywhere: wgsl === undefined };
  const rows = (samples as readonly OpSample<readonly string[], Attributes>[]).map((sample, position) => {
    const { inputs: operands, attributes = {}, result, gpu } = sample;
    const all = { ...defaults, ...attributes } as Settings<Attributes>;
    const label =
      sample.label ??
      `${labelOf(attributes)}${inputs.map((name) => `[${(operands[name]?.shape ?? []).join()}]`).join(" ")}`;
    return {
      label: `${position + 1} ${label}`,
      operands: inputs.map((name) => operands[name] ?? { shape: [] }),
      call: callOf(op, attributes, places.anywhere),
      reference: (...arrays: NdArray[]) => reference(named(inputs, arrays), all),
      ...(gpu === undefined ? {} : { gpu }),
      ...(result === undefined ? {} : { result: [result].flat()[0]! }),
    };
  });
  const spec = { tolerance: toleranceOf(test), gradient: gradientOf(test, gradient !== undefined), samples: rows };
  return structuredCases(op.name, spec).map((sample, position): Case => {
    const { result } = samples[position] as OpSample<readonly string[], Attributes>;
    return { ...sample, ...places, results: Array.isArray(result) ? (result as readonly DType[]) : undefined };
  });
}
