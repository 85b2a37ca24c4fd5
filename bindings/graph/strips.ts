// Strip loops: a cluster of steps over the same rows becomes one step that does a few rows at a time, so that what one
// leaves for the next stays in the second-level cache, and what only they need takes the memory of a strip.
// Folds over all rows are done in parts, in chunks that depend on nothing but the fold, and put together at the end.
// CPU only. Read next: cluster.ts, rows.ts; assembly/program/strips.ts, which runs the loop.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import type { Cluster } from "./cluster.ts";
import { clusterSteps } from "./cluster.ts";
import { isInPlace } from "./in-place.ts";
import { joinMaps } from "./join-maps.ts";
import type { Lifetime } from "./memory.ts";
import { planMemory } from "./memory.ts";
import { cutStep, foldsAcross, isAcross, isRowStep, rowBytes, rowViews } from "./rows.ts";
import type { ReduceStep, RowStep, SlotView, Step, StripStep } from "./step.ts";
import { groupsOf, viewsOf, writesOf } from "./step.ts";

/** What strips know of the segment they are made in. */
export interface Surface {
  readonly workers: number;
  /** Whether the slot lives only within the segment, and within these steps of it. */
  readonly isLocal: (slot: number, steps: ReadonlySet<Step>) => boolean;
  readonly bytesOf: (slot: number) => number;
  /** A new slot that lives within the segment. */
  readonly temporary: (dtype: DType, size: number) => number;
}

/** What a slot needs. */
export interface Memory {
  readonly dtype: DType;
  readonly size: number;
}

/** The surface of a segment; `slots` grows where strips need slots of their own. */
export function surfaceOf(
  steps: readonly Step[],
  slots: readonly Memory[],
  workers: number,
  isTemporary: (slot: number) => boolean,
  temporary: Surface["temporary"],
): Surface {
  const touching = new Map<number, Set<Step>>();
  for (const step of steps) {
    for (const { slot } of viewsOf(step)) {
      const known = touching.get(slot);
      if (known === undefined) touching.set(slot, new Set([step]));
      else known.add(step);
    }
  }
  return {
    workers,
    isLocal: (slot, within) => {
      if (!isTemporary(slot)) return false;
      for (const step of touching.get(slot) ?? []) if (!within.has(step)) return false;
      return true;
    },
    bytesOf: (slot) => {
      const { dtype, size } = slots[slot] ?? { dtype: "f32" as const, size: 0 };
      return size * bytesOf(dtype);
    },
    temporary,
  };
}

/**
 * Bytes a strip touches: within any second-level cache. Strips for the first level would have so few elements that their calls
 * cost more than they save (40 ns each; V8 11.3, AMD EPYC, November 2026), where streams from both levels run alike.
 */
const stripBytes = 128 * 1024;
/** Bytes that are touched more than once, from which on they would leave the second level. */
const worthwhile = 1024 * 1024;
/** A fold over at least this many bytes is shared by several workers. */
const shared = 256 * 1024;
/** Strips for each worker, so that none waits long for another. */
const stripsPerWorker = 4;

/** Chunks of sums in assembly/folds/reduce-sum.ts and partial.ts: elements of a row, rows of columns. */
const chunkOf = ({ inner }: ReduceStep): number => (inner === 1 ? 4096 : 16);

const isChunked = (step: ReduceStep): boolean => step.combiner === "sum" && step.dtype === "f32";
/** Folds that give the same in any order. Float products and f64 sums do not, and stay whole. */
const isFree = ({ combiner, dtype }: ReduceStep): boolean =>
  combiner === "max" || combiner === "min" || dtype === "i32" || dtype === "u32";

/** The steps of a segment with strip loops in place of what they can do better. */
export function withStrips(steps: readonly Step[], surface: Surface): Step[] {
  return clusterSteps(steps).flatMap((cluster) => {
    if (cluster.rows <= 1) return cluster.steps;
    const whole = new Set(cluster.steps);
    const joined = joinMaps(cluster, (slot) => !surface.isLocal(slot, whole)).filter(isRowStep);
    return stripLoop({ steps: joined, rows: cluster.rows }, surface, whole) ?? joined;
  });
}

function stripLoop(cluster: Cluster, surface: Surface, whole: ReadonlySet<Step>): Step[] | undefined {
  const steps = cluster.steps.filter(isRowStep);
  const { rows } = cluster;
  const across = foldsAcross(steps);
  if (across.some((step) => !isChunked(step) && !isFree(step))) return undefined;
  const isShared = surface.workers > 1 && across.some(({ input }) => surface.bytesOf(input?.slot ?? -1) >= shared);
  if (!isShared && (steps.length < 2 || bytesTouchedAgain(steps, surface) < worthwhile)) return undefined;
  const count = rowsOfStrip(steps, rows, surface.workers);
  const strips = Math.ceil(rows / count);
  if (strips < 2) return undefined;
  return new StripMaker(steps, rows, count, surface, whole).make();
}

/** Bytes of memory that more than one step goes over, once for every time but the first. */
function bytesTouchedAgain(steps: readonly RowStep[], surface: Surface): number {
  const slots = steps.flatMap((step) => [...new Set(viewsOf(step).map(({ slot }) => slot))]);
  const again = slots.filter((slot, index) => slots.indexOf(slot) < index);
  return again.reduce((sum, slot) => sum + surface.bytesOf(slot), 0);
}

function rowsOfStrip(steps: readonly RowStep[], rows: number, workers: number): number {
  const chunk = Math.max(1, ...foldsAcross(steps).map((step) => (isChunked(step) ? chunkOf(step) : 1)));
  const bytes = Math.max(1, rowBytes(steps, rows));
  let count = Math.floor(stripBytes / bytes);
  if (workers > 1) count = Math.min(count, Math.ceil(rows / (workers * stripsPerWorker)));
  // Single elements in whole cache lines.
  if (count > 64) count -= count % 16;
  return Math.min(rows, Math.max(chunk, count - (count % chunk), 1));
}

class StripMaker {
  private readonly steps: readonly RowStep[];
  private readonly rows: number;
  /** Rows of a strip. */
  private readonly count: number;
  private readonly surface: Surface;
  private readonly finishes: Step[] = [];
  /** Where each slot that lives within a strip lies: its first byte in the arena. */
  private readonly places = new Map<number, number>();
  private readonly arena: { readonly slot: number; readonly bytes: number } | undefined;

  constructor(steps: readonly RowStep[], rows: number, count: number, surface: Surface, whole: ReadonlySet<Step>) {
    this.steps = steps;
    this.rows = rows;
    this.count = count;
    this.surface = surface;
    this.arena = this.planArena(whole);
  }

  make(): Step[] {
    const { rows, count } = this;
    const partials = new Map<RowStep, SlotView>();
    const body = (taken: number): RowStep[] =>
      this.steps.map((step) => {
        const cut = cutStep(step, rows, taken, (view, advance) => this.place(view, advance));
        if (step.kind !== "reduce" || cut.kind !== "reduce" || !isAcross(step)) return cut;
        let output = partials.get(step);
        if (output === undefined) partials.set(step, (output = this.partial(step)));
        return isChunked(step) ? { ...cut, output, stage: "partial" } : { ...cut, output };
      });
    const steps = body(count);
    const rest = rows % count;
    const loop: StripStep = {
      kind: "strips",
      label: this.steps.map(({ label }) => label).join("; "),
      groups: groupsOf(this.steps),
      strips: Math.ceil(rows / count),
      steps,
      tail: rest === 0 ? undefined : body(rest),
    };
    return [loop, ...this.finishes];
  }

  /** Memory for the parts of a fold across rows, and the step that puts them together. */
  private partial(step: ReduceStep): SlotView {
    const { inner } = step;
    const each = isChunked(step) ? chunkOf(step) : this.count;
    const parts = Math.ceil(this.rows / each);
    const dtype = isChunked(step) ? "f64" : step.dtype;
    const slot = this.surface.temporary(dtype, parts * inner);
    const input: SlotView = { slot, dtype, offset: 0, strides: [parts * inner, inner, 1] };
    this.finishes.push({
      ...step,
      length: parts,
      input,
      ...(isChunked(step) ? { stage: "finish" as const } : {}),
    });
    return { slot, dtype, offset: 0, strides: [inner, 1], advance: Math.ceil(this.count / each) * inner };
  }

  private place(view: SlotView, advance: number): SlotView {
    const at = this.places.get(view.slot);
    if (at === undefined || this.arena === undefined) return { ...view, advance: advance * this.count };
    const bytes = bytesOf(view.dtype);
    return {
      ...view,
      slot: this.arena.slot,
      offset: view.offset + at / bytes,
      advance: 0,
      share: this.arena.bytes / bytes,
    };
  }

  /** Gives what lives within a strip places in a memory of its own, of which each worker has one. */
  private planArena(whole: ReadonlySet<Step>): { readonly slot: number; readonly bytes: number } | undefined {
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    const sizes = new Map<number, number>();
    this.steps.forEach((step, time) => {
      for (const { view, advance } of rowViews(step, this.rows)) {
        if (!first.has(view.slot)) first.set(view.slot, time);
        last.set(view.slot, time);
        sizes.set(view.slot, (advance ?? 0) * this.count * bytesOf(view.dtype));
      }
    });
    const written = new Set(this.steps.flatMap((step) => writesOf(step).map(({ slot }) => slot)));
    const finished = new Set(foldsAcross(this.steps).map(({ output }) => output.slot));
    const local = [...written].filter((slot) => !finished.has(slot) && this.surface.isLocal(slot, whole));
    if (local.length === 0) return undefined;
    const taken = new Set<number>();
    const lifetimes = local.map((slot): Lifetime => {
      const born = first.get(slot) ?? 0;
      const maker = this.steps[born];
      const victim = local.find(
        (other) =>
          !taken.has(other) &&
          last.get(other) === born &&
          sizes.get(other) === sizes.get(slot) &&
          isInPlace(maker, slot, other),
      );
      if (victim !== undefined) taken.add(victim);
      return {
        bytes: Math.ceil((sizes.get(slot) ?? 0) / 64) * 64,
        first: born,
        last: last.get(slot) ?? 0,
        inPlaceOf: victim === undefined ? undefined : local.indexOf(victim),
      };
    });
    const { buffers, assignment } = planMemory(lifetimes);
    const starts = buffers.map((_, index) => buffers.slice(0, index).reduce((sum, bytes) => sum + bytes, 0));
    local.forEach((slot, index) => this.places.set(slot, starts[assignment[index] ?? 0] ?? 0));
    const bytes = buffers.reduce((sum, own) => sum + own, 0);
    return { slot: this.surface.temporary("u8", bytes * this.surface.workers), bytes };
  }
}
