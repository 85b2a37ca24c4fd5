// The engine: records ops as nodes, and when a value is needed captures, plans, caches and runs the pending graph.
// Owns the devices, the open scopes and transforms. Read next: planner.ts, run.ts, compile/jit.ts, default.ts.
import type { Backend, DeviceName, Storage } from "../backends/backend.ts";
import type { DType, TypedArray } from "../core/dtype.ts";
import { BackendError, DisposedError } from "../core/errors.ts";
import { halvesOf, stored } from "../core/half.ts";
import type { Shape } from "../core/shape.ts";
import type { Capture } from "../graph/capture.ts";
import { capture } from "../graph/capture.ts";
import { Node, Value } from "../graph/node.ts";
import type { ConstantAttributes, ConstantOp, Op } from "../ops/descriptor.ts";
import { needsSingle, recordInSingle } from "../ops/single.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { CostModel } from "./dispatch/cost-model.ts";
import { Finalizers } from "./finalizers.ts";
import type { Reader } from "./handle.ts";
import { Handle } from "./handle.ts";
import type { RunOptions } from "./planner.ts";
import { Planner } from "./planner.ts";
import { isReady, prepare } from "./readiness.ts";
import type { CompiledPlan, Observe, Result } from "./run.ts";
import { drive, mustWait, runAtOnce, runPlan, runTraced } from "./run.ts";
import { Scopes } from "./scopes.ts";
import type { Tuning } from "./dispatch/tuning.ts";

/** A chain of pending ops longer than this is run without being asked for, so that a loop that never reads stays small. */
export const maxPendingDepth = 500;
/** Reads let timers and finalizers run after this many milliseconds without a pause. */
const breath = 50;

const constantOp: ConstantOp = { kind: "constant", name: "constant" };

/** A trace in progress: what jit needs to know of random keys drawn inside it. */
export interface Trace {
  readonly keys: { readonly value: Value; readonly refresh: () => TypedArray }[];
}

/** A value that somebody waits for. */
interface Asked {
  readonly value: Value;
  /** Whether the host wants its elements next: only then a plan counts what reading takes. */
  readonly isRead: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A plan that is about to be run, at once, by a call that does not wait for a read. */
export interface RunAtOnce {
  readonly captured: Capture;
  readonly compiled: CompiledPlan;
  readonly inputs: readonly Value[];
  readonly scalars: readonly number[];
}

export class Engine implements Reader {
  readonly backends: Map<DeviceName, Backend> = new Map<DeviceName, Backend>();
  readonly costs: CostModel = new CostModel();
  readonly scopes: Scopes = new Scopes((tensor) => {
    if (tensor instanceof Handle) this.finalizers.watch(tensor);
  });
  /** When devices are measured and what is kept of it; there once they have started. */
  tuning: Tuning | undefined;
  /** Device that ops are recorded for, set by withDevice. */
  preferred: DeviceName | undefined;
  /** The innermost jit trace. */
  trace: Trace | undefined;
  /** Told of what compiled functions and optimiser steps run while it is set: for explain. */
  watch: ((run: RunAtOnce) => void) | undefined;
  private readonly transforms: Node[][] = [];
  readonly planner: Planner = new Planner(this.backends, this.costs);
  private readonly finalizers = new Finalizers();
  private start: (() => Promise<void>) | undefined;
  private starting: Promise<void> | undefined;
  private queue: Asked[] = [];
  private tail: Promise<unknown> = Promise.resolve();
  /** Reads under way: a shutdown waits for them. */
  private readonly reading = new Set<Promise<unknown>>();
  private lastBreath = 0;
  private isShut = false;

  /** `start` fills `backends`; it is called once, when devices are first needed. */
  constructor(start: () => Promise<void>) {
    this.start = start;
  }

  /** Resolves when the devices are ready. */
  ready(): Promise<void> {
    if (this.starting === undefined) {
      const start = this.start;
      this.start = undefined;
      this.starting = start === undefined ? Promise.resolve() : start();
    }
    return this.starting;
  }

  // Recording

  record<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, outputs: readonly Spec[]): Tensor[] {
    if (needsSingle(op as Op<unknown>, inputs, outputs)) return recordInSingle(this, op, inputs, attributes, outputs);
    const values = inputs.map((tensor) => this.valueOf(tensor, op.name));
    requireKernel(op as Op<unknown>, this.preferred);
    const node = new Node(op as Op<unknown>, attributes, values, outputs);
    node.device = this.preferred;
    for (const transform of this.transforms) {
      node.keepers++;
      transform.push(node);
    }
    const handles = node.outputs.map((value) => this.handle(value));
    // A chain that cannot be run yet is tried again when it has grown by as much: each try plans the whole of it.
    if (node.depth > maxPendingDepth && node.depth % maxPendingDepth === 1 && this.trace === undefined)
      this.flush(node.outputs);
    return handles;
  }

  compose<T>(op: string, body: () => T): T {
    return this.scopes.run(op, body);
  }

  scalar(value: number, dtype: DType): Tensor {
    const node = new Node(constantOp, { value } satisfies ConstantAttributes, [], [{ shape: [], dtype }]);
    const [output] = node.outputs;
    if (output === undefined) throw new Error("a constant has one output");
    const handle = new Handle(this, output);
    this.scopes.add(handle);
    return handle;
  }

  fromArray(data: TypedArray, shape: Shape, dtype: DType): Tensor {
    const own = dtype === "f16" && !(data instanceof Uint16Array) ? halvesOf(data) : data.slice();
    return this.handle(new Value(shape, dtype, undefined, own));
  }

  /** A new handle on a value, owned by the innermost scope or, outside of scopes, by the garbage collector. */
  handle(value: Value): Handle {
    const handle = new Handle(this, value);
    if (this.scopes.isOpen) this.scopes.add(handle);
    else this.finalizers.watch(handle);
    return handle;
  }

  /** Called by a handle that was disposed. */
  forget(handle: Handle): void {
    this.scopes.remove(handle);
    this.finalizers.forget(handle);
  }

  /** The value behind a tensor of this engine; `op` names who asks. */
  valueOf(tensor: Tensor, op: string): Value {
    if (tensor instanceof Handle && tensor.recorder === this) return tensor.valueFor(op);
    if (tensor instanceof Handle && tensor.isDisposed) throw new DisposedError(op, "a tensor was disposed");
    throw new BackendError(op, "a tensor belongs to another engine. Copy it: tensor(await x.data())");
  }

  /** Runs `body` while every node recorded keeps its inputs, so that it can be walked through backwards. */
  transform<T>(body: () => T): T {
    const nodes: Node[] = [];
    this.transforms.push(nodes);
    try {
      return body();
    } finally {
      this.transforms.pop();
      // Users before what they use, so that counts reach zero in one sweep.
      for (const node of nodes.reverse()) node.unkeep();
    }
  }

  get isTransforming(): boolean {
    return this.transforms.length > 0;
  }

  // Reading

  /** The elements of a value. Values asked for in one turn are computed in one plan. */
  async read(value: Value): Promise<TypedArray> {
    const reading = this.holding([value], async () => {
      await this.compute(value, true);
      return await this.fetch(value);
    });
    this.reading.add(reading);
    try {
      return await reading;
    } finally {
      this.reading.delete(reading);
      await this.breathe();
    }
  }

  /** The elements at once, computed on the CPU. */
  readSync(value: Value): TypedArray {
    if (value.isConstant) return constantData(value);
    if (!value.isStored) this.runSync([value], "dataSync", { devices: ["wasm"], readBack: true });
    const storage = value.copies.get("wasm");
    if (storage !== undefined) return (storage as Storage).backend.downloadSync(storage as Storage);
    if (value.host !== undefined) return value.host.slice();
    this.requireThere(value, "dataSync");
    throw new BackendError(
      "dataSync",
      "the tensor lives on webgpu, which cannot be read without waiting. Use await x.data()",
    );
  }

  /** Refuses a stored value whose devices are gone: asking for it again would not help. */
  private requireThere(value: Value, op: string): void {
    if (value.host !== undefined) return;
    for (const name of value.copies.keys()) if (this.backends.has(name)) return;
    const names = [...value.copies.keys()].join(" and ");
    throw new BackendError(
      op,
      `the data was on ${names}, which was lost. Make the tensor anew from data on the host; results on the CPU are still there`,
    );
  }

  /** Computes values without reading them. */
  async computeAll(values: readonly Value[]): Promise<void> {
    await this.holding(values, () => Promise.all(values.map((value) => this.compute(value, false))));
  }

  /** Keeps values while `body` waits: their tensors may be disposed meanwhile. */
  private async holding<T>(values: readonly Value[], body: () => Promise<T>): Promise<T> {
    for (const value of values) value.retain();
    try {
      return await body();
    } finally {
      for (const value of values) value.release();
    }
  }

  private compute(value: Value, isRead: boolean): Promise<void> {
    if (value.isStored || value.isConstant) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.queue.push({ value, isRead, resolve, reject });
      if (this.queue.length > 1) return;
      const run = this.tail.then(() => this.runQueue());
      this.tail = run;
    });
  }

  /** Everything asked for since the last run, in one plan; one by one if that fails, so that each gets its own error. */
  private async runQueue(): Promise<void> {
    const batch = this.queue;
    this.queue = [];
    const readBack = batch.some(({ isRead }) => isRead);
    try {
      await this.ready();
      await this.run(
        batch.map((item) => item.value),
        { readBack },
      );
      for (const item of batch) item.resolve();
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const item of batch) await this.run([item.value], { readBack }).then(item.resolve, item.reject);
    }
  }

  private async fetch(value: Value): Promise<TypedArray> {
    if (value.isConstant) return constantData(value);
    if (value.host !== undefined) return value.host.slice();
    const storage = value.copies.get("wasm") ?? value.copies.get("webgpu");
    if (storage === undefined) throw new BackendError("data", "the run that computes the tensor did not store it");
    storage.retain();
    try {
      return await (storage as Storage).backend.download(storage as Storage);
    } finally {
      storage.release();
    }
  }

  // A loop over resolved promises never lets the event loop turn: finalizers, timers and painting would starve.
  private async breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.lastBreath < breath) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.lastBreath = performance.now();
  }

  // Running

  /** Runs the pending work below `values`. */
  async run(values: readonly Value[], options: RunOptions = {}): Promise<void> {
    await this.ready();
    this.requireOpen("run");
    let captured = capture(values);
    if (captured.targets.length === 0) return;
    let compiled = this.planner.plan(captured, options);
    if (!isReady(compiled)) {
      const compiling = prepare(compiled);
      if (options.traces === undefined && this.planner.canStandIn(compiled, captured.inputs, options))
        compiled = this.planner.plan(captured, { ...options, devices: ["wasm"] });
      else {
        await compiling;
        // Others may have run while this waited.
        captured = capture(values);
        if (captured.targets.length === 0) return;
        compiled = this.planner.plan(captured, options);
      }
    }
    const { inputs, scalars } = captured;
    const results =
      options.traces === undefined
        ? drive(runPlan(compiled, inputs, scalars, this.backends, { observe: this.observe }))
        : runTraced(compiled, inputs, scalars, this.backends, options.traces);
    this.finish(captured, await results);
  }

  /** The same without waiting; throws a BackendError where that is impossible. */
  runSync(values: readonly Value[], op: string, options: RunOptions = {}): void {
    this.requireOpen(op);
    if (!this.backends.has("wasm") && !this.backends.has("webgpu")) {
      throw new BackendError(
        op,
        "the devices are not started yet. Call await init() once before reading synchronously, or use await x.data()",
      );
    }
    const captured = capture(values);
    if (captured.targets.length === 0) return;
    for (const value of captured.inputs) this.requireThere(value, op);
    const onlyCpu = options.devices?.includes("webgpu") === false;
    if (onlyCpu && captured.inputs.some((value) => value.host === undefined && !value.copies.has("wasm"))) {
      throw new BackendError(
        op,
        "an operand lives on webgpu, which cannot be read without waiting. Use await x.data()",
      );
    }
    const compiled = this.planner.planAtOnce(captured, options);
    const advice = "part of the work waits for webgpu. Use await x.data()";
    const context = { op, advice, observe: this.observe };
    const results = runAtOnce(compiled, captured.inputs, captured.scalars, this.backends, context);
    this.finish(captured, results);
  }

  private finish(captured: Capture, results: readonly Result[]): void {
    captured.targets.forEach((value, index) => {
      const result = results[index];
      if (result === undefined) return;
      if ("host" in result) value.host = result.host;
      // Somebody may have computed or dropped the value while this run waited.
      else if (value.holders > 0) value.store(result.storage);
      else result.storage.release();
    });
    for (const node of captured.covered) node.settle();
  }

  /** Runs the pending work below `values` if that needs no waiting; else it stays pending until the next read. */
  flush(values: readonly Value[]): boolean {
    if (this.backends.size === 0) return false;
    const captured = capture(values);
    if (captured.targets.length === 0) return true;
    const compiled = this.planner.planAtOnce(captured);
    const { inputs, scalars } = captured;
    if (mustWait(compiled, inputs)) return false;
    this.watch?.({ captured, compiled, inputs, scalars });
    const context = { op: "flush", advice: "cannot wait", observe: this.observe };
    this.finish(captured, runAtOnce(compiled, inputs, scalars, this.backends, context));
    return true;
  }

  private requireOpen(op: string): void {
    if (this.isShut)
      throw new BackendError(
        op,
        "the engine of this tensor was shut down. Make the tensor anew: a new engine starts by itself",
      );
  }

  /** Forgets all plans: devices or costs have changed. */
  clearPlans(): void {
    this.planner.clear();
  }

  /** What times runs, so that later predictions are better; undefined where there is nothing to choose. */
  get observe(): Observe | undefined {
    return this.backends.size > 1 ? this.tuning?.observe : undefined;
  }

  /** Releases the devices. Tensors on them are gone. */
  async shutdown(): Promise<void> {
    await Promise.allSettled([this.tail, ...this.reading]);
    await this.tuning?.stop();
    this.isShut = true;
    this.planner.clear();
    for (const backend of this.backends.values()) backend.dispose();
    this.backends.clear();
  }
}

/** Refuses a user's op inside of withDevice where it has no kernel for that device. */
function requireKernel(op: Op<unknown>, device: DeviceName | undefined): void {
  if (op.kind !== "kernel" || device === undefined || op.devices?.includes(device) !== false) return;
  const lacks = device === "webgpu" ? "a wgsl kernel" : "a wasm or compute kernel";
  throw new BackendError(
    op.name,
    `has no kernel for ${device}. Give defineOp ${lacks}, or leave the choice: withDevice("auto", …)`,
  );
}

function constantData(value: Value): TypedArray {
  const { value: number } = value.node?.attributes as ConstantAttributes;
  return stored(new Array<number>(value.size).fill(number), value.dtype);
}
