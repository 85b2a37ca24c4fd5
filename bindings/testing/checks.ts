// The checks of one case on one backend: values, type, gradients, guards, memory, repetition, fusion.
// A check that does not apply yields nothing; a check that throws is a failure with the error as its message.
// Read next: test-op.ts and test/conformance/run.ts, which feed it; expected.ts for what results are held against; compare.ts,
// which judges.
import { grad } from "../autodiff/index.ts";
import type { DType, TypedArray } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { placementOf } from "../engine/explain/explain.ts";
import { evaluate, explain, scope, tensor, withDevice } from "../engine/index.ts";
import { add, logicalNot, mul, sum } from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { NdArray } from "./array.ts";
import type { Tolerance } from "./spec.ts";
import type { OpenedBackend } from "./backends.ts";
import type { Case } from "./samples.ts";
import type { Verdict } from "./compare.ts";
import { compare, failed, passed } from "./compare.ts";
import type { Expected } from "./expected.ts";
import { expectedOf, listOf, typeOf } from "./expected.ts";
import { materialize } from "./layouts.ts";

/** The eight checks. The second gradient belongs to "gradient". */
export type Check = "values" | "type" | "errors" | "gradient" | "guards" | "memory" | "repeat" | "fusion";
export const checks: readonly Check[] = [
  "values",
  "type",
  "errors",
  "gradient",
  "guards",
  "memory",
  "repeat",
  "fusion",
];

export interface Finding extends Verdict {
  readonly check: Check;
  /** Added to the sample's label where a check looks twice. */
  readonly detail?: string;
}

type Results = readonly Tensor[];

export async function runCase(backend: OpenedBackend, sample: Case): Promise<Finding[]> {
  const findings: Finding[] = [];
  const before = backend.liveBytes();
  const attempt = async (check: Check, work: () => Promise<Verdict>, detail?: string): Promise<void> => {
    const verdict = await work().catch((error: unknown) =>
      failed(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    );
    findings.push({ check, ...verdict, ...(detail === undefined ? {} : { detail }) });
  };
  const expected = expectedOf(sample);
  let inputs: Tensor[] = [];
  let first: TypedArray[] = [];
  const hasSlopes = sample.gradient !== false && typesOf(sample).some(isFloating);
  const orders = sample.gradient === false || sample.gradient.second === false ? oneOrder : bothOrders;
  const bring = (): void => {
    inputs = record(backend, () => sample.operands.map(materialize)) as Tensor[];
  };
  try {
    if (sample.isForSlopes === true)
      await attempt("gradient", () => {
        bring();
        return checkGradient(backend, sample, inputs, expected, orders);
      });
    else
      await attempt("values", async () => {
        bring();
        const want = expected.values;
        const results = call(backend, sample, inputs);
        try {
          findings.push({ check: "type", ...checkTypes(sample, inputs, results, want) });
          if (backend.device === "webgpu" && sample.anywhere !== true)
            requireGpu(await kernelsOf(backend, sample, results));
          first = await readAll(results);
        } finally {
          letGo(results, inputs);
        }
        return judge(backend, sample, expected, first);
      });
    if (first.length > 0) {
      await attempt("repeat", () => repeat(backend, sample, inputs, first));
      if (sample.fusion) await attempt("fusion", () => fuse(backend, sample, inputs, expected));
      if (sample.own === true) await attempt("guards", () => checkIntact(sample, inputs), "operands");
      for (const order of hasSlopes ? orders : [])
        await attempt("gradient", () => checkGradient(backend, sample, inputs, expected, [order]), details[order]);
    }
  } finally {
    letGo(inputs);
  }
  if (backend.device === "wasm") {
    const damage = backend.guardDamage();
    findings.push({ check: "guards", ...(damage === undefined ? passed : failed(damage)) });
  }
  const after = backend.liveBytes();
  findings.push({
    check: "memory",
    ...(after === before ? passed : failed(`${after - before} bytes more than before`)),
  });
  return findings;
}

/** The types of the results; one stands for all. */
function typesOf({ result, results }: Case): readonly DType[] {
  return results ?? [result];
}

/** A kernel that writes to its operands is found out. */
async function checkIntact({ operands }: Case, inputs: Results): Promise<Verdict> {
  const found = await readAll(inputs);
  for (const [i, { values }] of operands.entries()) {
    const at = values.findIndex((value, position) => !Object.is(value, found[i]?.[position]));
    if (at >= 0) return failed(`element ${at} of operand ${i} was ${values[at]} and is now ${found[i]?.[at]}`);
  }
  return passed;
}

/** The best of several runs, from the call to the values on the host. */
export async function secondsOf(backend: OpenedBackend, sample: Case, runs = 5): Promise<number> {
  const inputs = record(backend, () => sample.operands.map(materialize));
  let best = Infinity;
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    const results = call(backend, sample, inputs);
    await readAll(results);
    // The first run plans and compiles.
    if (run > 0) best = Math.min(best, performance.now() - start);
    letGo(results, inputs);
  }
  letGo(inputs);
  return best / 1000;
}

/** Records on the backend under test; what `make` does not return is let go. */
function record(backend: OpenedBackend, make: () => Results): Results {
  return scope(() => withDevice(backend.device, make));
}

function call(backend: OpenedBackend, sample: Case, inputs: Results): Results {
  return record(backend, () => listOf<Tensor>(sample.call(...inputs)));
}

async function readAll(results: Results): Promise<TypedArray[]> {
  await evaluate(...results);
  return Promise.all(results.map((result) => result.data()));
}

/** A sample for the GPU has to run there: an op that quietly fell back to the CPU would pass every other check. */
function requireGpu(kernels: ReturnType<typeof placementOf>): void {
  const elsewhere = kernels.find(({ device }) => device !== "webgpu");
  if (elsewhere !== undefined) throw new Error(`${elsewhere.op} ran on ${elsewhere.device}: ${elsewhere.reason}`);
}

const explained = new WeakMap<OpenedBackend, Set<string>>();

/** The kernels of pending results. Once for each op they are run under the clock: one by one, several times, each in a pass of its own. */
async function kernelsOf(
  backend: OpenedBackend,
  { op }: Case,
  results: Results,
): Promise<ReturnType<typeof placementOf>> {
  const ops = explained.get(backend) ?? new Set();
  if (ops.has(op)) return placementOf(results);
  explained.set(backend, ops.add(op));
  return (await explain(results)).kernels;
}

function letGo(tensors: Results, but: Results = []): void {
  for (const tensor of new Set(tensors)) if (!but.includes(tensor)) tensor.dispose();
}

function checkTypes(sample: Case, inputs: Results, results: Results, want: readonly NdArray[]): Verdict {
  if (results.some((result) => inputs.includes(result))) {
    return failed("the result is the operand itself: disposing one would dispose the other");
  }
  if (results.length !== want.length) return failed(`${results.length} results, expected ${want.length}`);
  for (const [i, result] of results.entries()) {
    const shape = want[i]!.shape;
    if (result.shape.length !== shape.length || result.shape.some((extent, axis) => extent !== shape[axis])) {
      return failed(`shape [${result.shape.join(", ")}], expected [${shape.join(", ")}]`);
    }
    const dtype = typeOf(sample, i);
    if (result.dtype !== dtype) return failed(`type ${result.dtype}, expected ${dtype}`);
  }
  return passed;
}

function judge(backend: OpenedBackend, sample: Case, expected: Expected, got: readonly TypedArray[]): Verdict {
  const isGpu = backend.device === "webgpu";
  const { values, magnitudes } = expected;
  // The GPU may take a subnormal number for zero, before and after it computes.
  const alternatives = isGpu && sample.elementwise ? expected.flushed : undefined;
  return worst(
    values.map(({ data }, i) =>
      compare(got[i] ?? [], data, {
        dtype: typeOf(sample, i),
        tolerance: sample.tolerance,
        magnitude: magnitudes?.[i]?.data,
        alternative: alternatives?.[i]?.data,
        flushes: isGpu,
      }),
    ),
  );
}

function worst(verdicts: readonly Verdict[]): Verdict {
  const bad = verdicts.find(({ ok }) => !ok);
  return bad ?? { ok: true, message: "", error: Math.max(0, ...verdicts.map(({ error }) => error)) };
}

async function repeat(
  backend: OpenedBackend,
  sample: Case,
  inputs: Results,
  first: readonly TypedArray[],
): Promise<Verdict> {
  const results = call(backend, sample, inputs);
  try {
    const second = await readAll(results);
    for (const [i, data] of second.entries()) {
      const other = first[i]!;
      const at = data.findIndex((value, position) => !Object.is(value, other[position]));
      if (at >= 0) return failed(`element ${at} was ${other[at]}, then ${data[at]}`);
    }
    return passed;
  } finally {
    letGo(results, inputs);
  }
}

/** The op between two products in one plan, against every step read by itself. */
async function fuse(backend: OpenedBackend, sample: Case, inputs: Results, { magnitudes }: Expected): Promise<Verdict> {
  const held: Tensor[] = [];
  const keep = (tensors: Results): Results => {
    held.push(...tensors);
    return tensors;
  };
  // Factors are data, not literals, so that nothing is simplified away.
  const scale = (x: Tensor, value: number): Tensor =>
    x.dtype === "bool" ? logicalNot(x) : mul(x, factors.get(`${x.dtype} ${value}`)!);
  const factors = new Map<string, Tensor>();
  for (const dtype of new Set([...inputs.map((x) => x.dtype), ...typesOf(sample)])) {
    for (const value of [1, 2]) {
      const factor = tensor(value, { dtype });
      factors.set(`${dtype} ${value}`, factor);
      held.push(factor);
    }
  }
  try {
    const before = (): Results => inputs.map((x) => (x.dtype === "bool" ? logicalNot(logicalNot(x)) : scale(x, 1)));
    const fused = keep(record(backend, () => listOf<Tensor>(sample.call(...before())).map((y) => scale(y, 2))));
    const got = await readAll(fused);
    const prepared = keep(record(backend, before));
    await readAll(prepared);
    const middle = keep(call(backend, sample, prepared));
    await readAll(middle);
    const want = await readAll(keep(record(backend, () => middle.map((y) => scale(y, 2)))));
    const tolerance: Tolerance = {
      ...sample.tolerance,
      ulps: 2 * sample.tolerance.ulps,
      floor: 4 * (sample.tolerance.floor ?? 0),
    };
    return worst(
      want.map((expected, i) => {
        const magnitude = magnitudes?.[i]?.data.map((value) => 2 * value);
        return compare(got[i]!, [...expected], {
          dtype: typeOf(sample, i),
          tolerance,
          magnitude,
          flushes: backend.device === "webgpu",
          isRounded: true,
        });
      }),
    );
  } finally {
    letGo(held, inputs);
  }
}

type Order = "first" | "second";
const oneOrder: readonly Order[] = ["first"];
const bothOrders: readonly Order[] = ["first", "second"];
const details: Readonly<Record<Order, string | undefined>> = { first: undefined, second: "second" };

/** What roundings to halves may add up to in a gradient, in units of 2^-10 of its size. */
const halfRoundings = 4;

/** Gradients of these orders, read in one plan. */
async function checkGradient(
  backend: OpenedBackend,
  sample: Case,
  inputs: Results,
  expected: Expected,
  orders: readonly Order[],
): Promise<Verdict> {
  const rule = sample.gradient === false ? {} : sample.gradient;
  const { argnums } = expected;
  if (argnums.length === 0) return passed;
  const constants = (list: readonly NdArray[], dtype: Tensor["dtype"]): Tensor[] =>
    list.map((x) => tensor(new Float64Array(x.data), { shape: x.shape, dtype: isFloating(dtype) ? dtype : "f32" }));
  const factors = constants(expected.weights, sample.result);
  const along = constants(expected.directions, inputs[argnums[0]!]!.dtype);
  const total = (terms: readonly Tensor[]): Tensor => terms.map((term) => sum(term)).reduce((a, b) => add(a, b));
  const loss = (...xs: Tensor[]): Tensor =>
    total(listOf<Tensor>(sample.call(...xs)).flatMap((y, i) => (isFloating(y.dtype) ? [mul(y, factors[i]!)] : [])));
  const gradients = (...xs: Tensor[]): Results => listOf<Tensor>(grad(loss, { argnums })(...xs));
  const projected = (...xs: Tensor[]): Tensor => total(gradients(...xs).map((g, i) => mul(g, along[i]!)));
  const recorded = (order: Order): Results =>
    order === "second" ? listOf<Tensor>(grad(projected, { argnums })(...inputs)) : gradients(...inputs);
  let results: Results = [];
  try {
    results = record(backend, () => orders.flatMap(recorded));
    const got = await readAll(results);
    // Halves are rounded at every op that a gradient consists of, each time by half of 2^-10 at most.
    const isHalf = sample.operands.some(({ dtype }) => dtype === "f16");
    const precision = isHalf ? 2 ** -10 : sample.result === "f64" ? 2 ** -26 : 2 ** -23;
    const verdicts = orders.flatMap((order, turn) => {
      const isSecond = order === "second";
      const want = isSecond ? expected.secondGradient : expected.gradient;
      const allowed = isHalf ? halfRoundings : (rule.ulps ?? 16) * (isSecond ? 4 : 1);
      // Second derivatives are sums whose terms cancel: they are exact to the size of the largest.
      const floor = isSecond ? Math.max(rule.floor ?? 0, 0.2) : (rule.floor ?? 0.05);
      return want.map((slope, i) => {
        const at = turn * want.length + i;
        const verdict = near(results[at]!, got[at]!, slope, allowed, precision, floor, isSecond);
        return orders.length === 1 || verdict.ok ? verdict : { ...verdict, message: `${order}: ${verdict.message}` };
      });
    });
    return worst(verdicts);
  } finally {
    letGo([...results, ...factors, ...along], inputs);
  }
}

/** Gradients are held against differences: exact to about 1e-10 (first) and 1e-8 (second) of the largest. */
function near(
  result: Tensor,
  got: TypedArray,
  want: NdArray,
  allowed: number,
  precision: number,
  floor: number,
  isSecond: boolean,
): Verdict {
  if (result.shape.join() !== want.shape.join())
    return failed(`gradient has shape [${result.shape.join(", ")}], expected [${want.shape.join(", ")}]`);
  const largest = Math.max(0, ...want.data.map((value) => (Number.isFinite(value) ? Math.abs(value) : 0)));
  let error = 0;
  for (const [i, value] of want.data.entries()) {
    const unit = precision * Math.max(Math.abs(value), floor * largest);
    const distance = Math.abs(got[i]! - value);
    // Among the smallest halves roundings are of one size.
    const smallest = result.dtype === "f16" ? 2 ** -24 : 0;
    const noise = (isSecond ? 1e-8 : 1e-10) * Math.max(largest, 1) + smallest;
    if (!(distance <= allowed * unit + noise)) {
      return failed(
        `element ${i}: got ${got[i]}, differences give ${value} (${(distance / unit).toPrecision(3)} ulp, allowed ${allowed})`,
      );
    }
    if (distance > noise) error = Math.max(error, distance / unit);
  }
  return { ok: true, message: "", error };
}
