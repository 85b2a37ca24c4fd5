// A program of the WASM backend: the steps of a segment as records in linear memory that one call into WASM executes.
// Argument words are written once; a run only writes the addresses that are not those of the run before. Where a user's op is
// computed in TypeScript the records are interrupted: own-steps.ts.
// Read next: assembly/program/program.ts, which walks the records; heap.ts, which owns the memory.
import { bytesOf } from "../../core/dtype.ts";
import type { Stride } from "../../expr/to-wasm.ts";
import type { KernelStep, MapStep, ReduceStep, Segment, Slot, SlotView, Step, StripStep } from "../../graph/step.ts";
import { writesOf } from "../../graph/step.ts";
import type { KernelStatus, Preparation } from "../../ops/descriptor.ts";
import type { Program, StepClock } from "../backend.ts";
import { Company } from "./company.ts";
import { finishOf } from "./finish.ts";
import type { Heap } from "./heap.ts";
import { OwnSteps } from "./own-steps.ts";
import type { KernelTable } from "./kernels.ts";
import { lengthenRows, scratchSlot } from "./periods.ts";
import type { Patch, Place, Places } from "./places.ts";
import { placesOf } from "./places.ts";
import { workOf } from "./sharing.ts";
import { WasmStorage } from "./storage.ts";
import { runByStep } from "./timed-steps.ts";
import type { Call } from "./strip-words.ts";
import { stripWords } from "./strip-words.ts";
import type { WasmBackend } from "./backend.ts";

type ScalarSlot = Extract<Slot, { kind: "scalar" }>;

/** A result, and the step that writes it. */
type OutputSlot = Extract<Slot, { kind: "output" }> & { readonly label: string };

/** A call of a record: of all workers, or of the first alone. */
interface RecordCall extends Call {
  readonly isShared: boolean;
}

/** An input that a kernel can be given prepared, and the call that prepares it. */
interface PreparedInput {
  readonly input: number;
  readonly key: string;
  readonly bytes: number;
  readonly call: RecordCall;
  /** The words for the address of the prepared form: where the preparation writes, and where the kernel reads. */
  readonly target: Place;
  readonly source: Place;
}

/** Where a kernel reports failures: two words for each worker. */
interface Report {
  readonly word: number;
  readonly status: KernelStatus;
}

/** Rows shorter than this are walked by the row function itself: calling it for each costs as much as a hundred elements. */
const shortRow = 128;
/** Words of a record: table index, pointer to the arguments, whether all workers run it. */
const recordWords = 3;
/** Every bound number gets this many bytes of argument memory. */
const scalarBytes = 8;

export class WasmProgram implements Program {
  private readonly backend: WasmBackend;
  private readonly segment: Segment;
  private readonly heap: Heap;
  private readonly words: number[] = [];
  /** The step that writes a slot, for messages. */
  private readonly labels: string[] = [];
  /** The same for temporary buffers and for scratch memory. */
  private readonly bufferLabels: readonly string[];
  private readonly scratchLabel: string;
  private readonly patches: Patch[] = [];
  private readonly reports: Report[] = [];
  private readonly prepared: PreparedInput[] = [];
  /** Words that hold the address of another word of the block, and which. */
  private readonly links: { readonly word: number; readonly target: number }[] = [];
  /** What users' ops bring along. */
  private readonly own: OwnSteps;
  private readonly block: number;
  private readonly records: number;
  private readonly recordCount: number;
  /** Of every record the step of the segment that it belongs to. */
  private readonly stepOfRecord: readonly number[];
  private scratchBytes = 0;
  private readonly scalarBase: number;
  private readonly places: Places;
  private readonly outputs: readonly OutputSlot[];
  private readonly scalars: readonly ScalarSlot[];
  /** Whether a record is worth running on more than one thread, and whether that has paid. */
  private readonly isShared: boolean;
  private readonly company = new Company();

  constructor(backend: WasmBackend, segment: Segment, kernels: KernelTable) {
    this.backend = backend;
    this.segment = segment;
    this.heap = backend.heap;
    const steps = segment.steps.filter((step) => !isEmpty(step, segment.slots));
    this.own = new OwnSteps(steps);
    const calls: RecordCall[] = [];
    const stepOfRecord: number[] = [];
    for (const step of steps) {
      const isShared = this.isWorthSharing(step);
      for (const call of this.encode(step, kernels, calls.length)) {
        calls.push({ ...call, isShared });
        stepOfRecord.push(segment.steps.indexOf(step));
      }
    }
    this.recordCount = calls.length;
    this.stepOfRecord = stepOfRecord;
    this.isShared = calls.some((call) => call.isShared);
    // Behind the program's own records, each to be run by itself.
    calls.push(...this.prepared.map(({ call }) => call));
    for (const step of steps) for (const { slot } of writesOf(step)) this.labels[slot] ??= step.label;
    this.bufferLabels = segment.buffers.map((_, buffer) => {
      const slot = segment.slots.findIndex((other) => other.kind === "temporary" && other.buffer === buffer);
      return this.labels[slot] ?? "run";
    });
    this.scratchLabel = steps.find((step) => step.kind === "kernel" && step.scratch > 0)?.label ?? "run";
    const recordStart = this.words.length;
    for (const call of calls) this.words.push(call.index, call.start, Number(call.isShared));
    // Numbers start at a multiple of eight bytes.
    if (this.words.length % 2 === 1) this.words.push(0);
    const scalars = segment.slots.filter((slot) => slot.kind === "scalar").length;
    const bytes = 4 * this.words.length;
    this.block = this.heap.allocate(bytes + scalars * scalarBytes, "compile", false);
    this.scalarBase = this.block + bytes;
    this.records = this.block + 4 * recordStart;
    calls.forEach(({ start }, index) =>
      this.links.push({ word: recordStart + recordWords * index + 1, target: start }),
    );
    for (const { word, target } of this.links) this.words[word] = this.block + 4 * target;
    this.heap.view("i32", this.block, this.words.length).set(this.words);
    this.places = placesOf(segment.slots, this.patches);
    this.outputs = segment.slots.flatMap((slot, index) =>
      slot.kind === "output" ? { ...slot, label: this.labels[index] ?? "run" } : [],
    );
    this.scalars = segment.slots.filter((slot) => slot.kind === "scalar");
    for (const [index, place] of this.places.scalars.entries())
      this.point(place, this.scalarBase + index * scalarBytes);
  }

  run(
    inputs: readonly WasmStorage[],
    scalars: readonly number[],
    given: readonly boolean[] = [],
    clock?: StepClock,
  ): WasmStorage[] {
    const { buffers } = this.segment;
    const held: number[] = [];
    const results: WasmStorage[] = [];
    try {
      for (let buffer = 0; buffer < buffers.length; buffer++) {
        const pointer = this.heap.allocate(buffers[buffer] ?? 0, this.bufferLabels[buffer]);
        held.push(pointer);
        this.point(this.places.buffers[buffer], pointer);
      }
      if (this.scratchBytes > 0) {
        const pointer = this.heap.allocate(this.scratchBytes, this.scratchLabel);
        held.push(pointer);
        this.point(this.places.scratch, pointer);
      }
      for (let index = 0; index < inputs.length; index++)
        this.point(this.places.inputs[index], inputs[index]?.pointer ?? 0);
      this.bindPrepared(inputs);
      for (const { index, dtype, size, over = -1, label } of this.outputs) {
        const taken = given[over] === true ? inputs[over] : undefined;
        taken?.retain();
        const storage = taken ?? WasmStorage.allocate(this.backend, dtype, size, label);
        results[index] = storage;
        this.point(this.places.outputs[index], storage.pointer);
      }
      for (const { dtype, index } of this.scalars)
        this.heap.put(dtype, this.scalarBase + index * scalarBytes, scalars[index] ?? 0);
      const run = (from: number, to: number): void => {
        const company = clock === undefined && to - from === this.recordCount ? this.company : undefined;
        this.backend.run(this.records + 4 * recordWords * from, to - from, this.isShared, company);
      };
      const timed = clock && ((from: number, to: number) => runByStep(this.stepOfRecord, from, to, run, clock));
      const told = clock && ((step: Step, time: number) => clock(this.segment.steps.indexOf(step), time));
      this.own.run(this.recordCount, this.heap, this.block, timed ?? run, told);
      this.throwReported();
      return results;
    } catch (error) {
      for (const storage of results) (storage as WasmStorage | undefined)?.release();
      throw error;
    } finally {
      for (const storage of results) (storage as WasmStorage | undefined)?.overwritten();
      for (const pointer of held) this.heap.release(pointer);
    }
  }

  dispose(): void {
    this.heap.release(this.block, false);
  }

  /** Writes the words that hold an address. A loop that lets go of its results meets the same addresses again. */
  private point(place: Place | undefined, address: number): void {
    if (place === undefined || place.address === address) return;
    place.address = address;
    const words = this.heap.view("u32", this.block, this.words.length);
    for (const { word, offset } of place.patches) words[word] = address + offset;
  }

  /** Gives kernels the prepared forms of their inputs, where there are any. */
  private bindPrepared(inputs: readonly WasmStorage[]): void {
    if (this.prepared.length > 0) this.backend.forms.beginRun();
    for (const [index, { input, key, bytes, call, target, source }] of this.prepared.entries()) {
      const pointer = inputs[input]?.prepared(key, bytes, (place) => {
        this.point(target, place);
        const record = this.records + 4 * recordWords * (this.recordCount + index);
        this.backend.run(record, 1, call.isShared);
      });
      this.point(source, pointer ?? 0);
    }
  }

  private isWorthSharing(step: Step): boolean {
    return this.backend.workers > 1 && workOf(step) >= this.backend.shareFrom;
  }

  /** Throws for the first failure that a kernel reported. Workers share a batch in order, so the first worker's is first. */
  private throwReported(): void {
    if (this.reports.length === 0) return;
    const words = this.heap.view("i32", this.block, this.words.length);
    for (const { word, status } of this.reports) {
      for (let worker = 0; worker < this.backend.workers; worker++) {
        const item = words[word + 2 * worker] ?? 0;
        if (item > 0) throw status(item - 1, words[word + 2 * worker + 1] ?? 0);
      }
    }
  }

  private pointer(view: SlotView): void {
    const bytes = bytesOf(view.dtype);
    const { slot, offset, advance = 0, share = 0 } = view;
    const word = this.words.length;
    this.patches.push({ word, slot, offset: offset * bytes, advance: advance * bytes, share: share * bytes });
    this.words.push(0);
  }

  /** Writes a step's argument words; returns the calls it takes. `position` is the number of calls before it. */
  private encode(step: Step, kernels: KernelTable, position: number): Call[] {
    const { workers } = this.backend;
    switch (step.kind) {
      case "map": {
        const { steps, scratch } = lengthenRows(step) ?? { steps: [step], scratch: 0 };
        this.scratchBytes = Math.max(this.scratchBytes, scratch);
        return steps.map((part) => this.encodeMap(part, kernels, workers));
      }
      case "reduce":
        return [this.encodeReduce(step, kernels)];
      case "strips":
        return [this.encodeStrips(step, kernels, workers)];
      case "kernel":
        this.scratchBytes = Math.max(this.scratchBytes, step.scratch);
        if (step.own !== undefined && step.own.wasm === undefined) {
          this.own.interrupt(step, position, this.words.length);
          for (const view of [...step.inputs, ...step.outputs]) this.pointer(view);
          return [];
        }
        return this.encodeKernel(step, kernels, workers);
      default:
        throw new Error(`a step for the GPU on wasm: ${step.kind satisfies "rowKernel" | "columnKernel"}`);
    }
  }

  /** `isWhole`: every call of the row function is for whole rows, however short. */
  private encodeMap(step: MapStep, kernels: KernelTable, workers: number, isWhole = false): Call {
    const outer = step.shape.slice(0, -1);
    const inner = outer.length;
    const length = step.shape[inner] ?? 1;
    const stride = (view: SlotView): number => view.strides[inner] ?? 0;
    const walk = (view: SlotView): Stride => (stride(view) === 1 ? "one" : stride(view) === 0 ? "zero" : "any");
    const results = [step, ...(step.also ?? [])];
    const isDense = (view: SlotView): boolean => step.shape.length === 0 || stride(view) === 1 || length === 1;
    const outputStrides = results.map(({ output }) => (isDense(output) ? "one" : "any"));
    const inputs = step.inputs.map((view) => ({ dtype: view.dtype, stride: walk(view) }));
    const nested = length < shortRow && inner > 0 && !isWhole;
    const row = kernels.row({
      expressions: results.map(({ expression }) => expression),
      inputs,
      outputStrides,
      shared: kernels.isShared,
      relaxed: kernels.isRelaxed,
      nested,
    });
    const start = this.words.length;
    const operands = [...results.map(({ output }) => output), ...step.inputs];
    this.words.push(row, operands.length, outer.length, length, Number(nested), ...outer);
    for (const [index, view] of operands.entries()) {
      this.pointer(view);
      this.words.push(
        outputStrides[index] === "one" ? 1 : stride(view),
        bytesOf(view.dtype),
        ...outer.map((_, axis) => view.strides[axis] ?? 0),
      );
    }
    for (let word = 0; word < workers * (2 + 3 * operands.length); word++) this.words.push(0);
    return { index: kernels.kernel("map"), start };
  }

  private encodeReduce(step: ReduceStep, kernels: KernelTable): Call {
    const start = this.words.length;
    if (step.input === undefined) throw new Error("a fold on wasm needs its source in memory");
    this.pointer(step.input);
    this.pointer(step.output);
    this.words.push(step.outer, step.length, step.inner);
    return { index: kernels.kernel(`${step.stage ?? "reduce"}_${step.combiner}_${step.dtype}`), start };
  }

  private encodeStrips(step: StripStep, kernels: KernelTable, workers: number): Call {
    const body = (steps: readonly (MapStep | ReduceStep)[]): (() => Call[]) => {
      return () =>
        steps.map((part) =>
          part.kind === "map" ? this.encodeMap(part, kernels, 1) : this.encodeReduce(part, kernels),
        );
    };
    const bodies = [step.steps, ...(step.tail === undefined ? [] : [step.tail])].map(body);
    const start = stripWords(this.words, this.patches, step.strips, bodies, workers);
    return { index: kernels.kernel("strips"), start };
  }

  private encodeKernel(step: KernelStep, kernels: KernelTable, workers: number): Call[] {
    const start = this.words.length;
    for (const view of step.inputs) this.pointer(view);
    for (const view of step.outputs) this.pointer(view);
    if (step.scratch > 0) {
      this.patches.push({ word: this.words.length, slot: scratchSlot, offset: 0, advance: 0, share: 0 });
      this.words.push(0);
    }
    this.words.push(...step.words);
    const { preparation, finish } = step;
    // Without what they are for these words are 0.
    const source = this.words.length;
    if (preparation !== undefined || step.columns !== undefined) this.words.push(0);
    const next = this.words.length;
    if (step.columns !== undefined) this.words.push(0);
    if (step.status !== undefined) {
      this.reports.push({ word: this.words.length, status: step.status });
      for (let word = 0; word < 2 * workers; word++) this.words.push(0);
    }
    if (preparation !== undefined && preparation !== "none") this.encodePreparation(step, preparation, kernels, source);
    const before = finish === undefined ? [] : this.encodeFinish(step, finish, kernels, workers, next);
    const index = step.own?.wasm
      ? kernels.ownKernel(step.kernel, step.own.wasm)
      : kernels.kernel(`${step.kernel}_${step.dtype}`);
    return [...before, { index, start }];
  }

  /** The words of the map behind a kernel, whose word `link` gets their address; returns the calls that go before the kernel. */
  private encodeFinish(step: KernelStep, map: MapStep, kernels: KernelTable, workers: number, link: number): Call[] {
    const [result] = step.outputs;
    if (result === undefined) return [];
    const finish = finishOf(map, step.scratch);
    this.scratchBytes = Math.max(this.scratchBytes, finish.scratch);
    const calls = finish.copies.map((copy) => this.encodeMap(copy, kernels, workers));
    this.links.push({ word: link, target: this.words.length });
    for (let worker = 0; worker < workers; worker++) this.words.push(8 * (workers - worker), worker);
    this.pointer(result);
    this.words.push(map.shape.at(-1) ?? 1, bytesOf(result.dtype), finish.together);
    this.encodeMap(finish.map, kernels, workers, finish.together > 0);
    return calls;
  }

  /** The call that prepares an input of a kernel, unless this program computes that input. `source` is the kernel's word. */
  private encodePreparation(step: KernelStep, preparation: Preparation, kernels: KernelTable, source: number): void {
    const view = step.inputs[preparation.input];
    const slot = view === undefined ? undefined : this.segment.slots[view.slot];
    if (view === undefined || slot?.kind !== "input") return;
    const start = this.words.length;
    this.pointer(view);
    const target = this.words.length;
    this.words.push(0);
    this.patches.push({ word: this.words.length, slot: scratchSlot, offset: 0, advance: 0, share: 0 });
    this.words.push(0, ...preparation.words);
    const name = `${preparation.kernel}_${step.dtype}`;
    this.prepared.push({
      input: slot.index,
      key: [name, view.offset, ...preparation.words].join(),
      bytes: preparation.bytes,
      call: { index: kernels.kernel(name), start, isShared: this.isWorthSharing(step) },
      target: fixedPlace(target),
      source: fixedPlace(source),
    });
  }
}

/** The place of one word that no slot has. */
function fixedPlace(word: number): Place {
  return { patches: [{ word, slot: scratchSlot, offset: 0, advance: 0, share: 0 }], address: 0 };
}

/** Whether a step has no element to write. Our own kernels see to that themselves. */
function isEmpty(step: Step, slots: readonly Slot[]): boolean {
  if (step.kind === "map") return step.shape.includes(0);
  const hasNone = ({ slot: index }: SlotView): boolean => {
    const slot = slots[index];
    return slot !== undefined && slot.kind !== "scalar" && slot.size === 0;
  };
  return step.kind === "kernel" && step.own !== undefined && step.outputs.every(hasNone);
}
