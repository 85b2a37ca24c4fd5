// Clusters: steps that go over the same rows of the same memory are brought together, wherever in the segment they stand, so
// that they can run strip by strip. Order is kept where one step needs what another wrote.
// Knows steps and slots, no device. Read next: rows.ts; strips.ts, which cuts clusters into strips; join-maps.ts.
import { foldsAcross, isPartition, isRowStep, rowBytes, rowsOf, rowViews } from "./rows.ts";
import type { RowStep, Step } from "./step.ts";
import { viewsOf, writesOf } from "./step.ts";

/** Steps in order; if `rows` is more than one they can all be cut into that many rows and need nothing of each other's rows. */
export interface Cluster {
  readonly steps: readonly Step[];
  readonly rows: number;
}

/** A row that does not fit into a quarter of a second-level cache gains nothing from being used again. */
const maxRowBytes = 256 * 1024;
/** How far back a step looks for company: segments of thousands of steps are planned in reasonable time. */
const lookback = 64;

interface Touched {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

function touchedBy(steps: readonly Step[]): Touched {
  const writes = new Set(steps.flatMap((step) => writesOf(step).map(({ slot }) => slot)));
  return { reads: new Set(steps.flatMap((step) => viewsOf(step).map(({ slot }) => slot))), writes };
}

const meet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  for (const slot of small) if (large.has(slot)) return true;
  return false;
};

/** Whether the order of the two matters. `reads` holds what is written too. */
const depend = (a: Touched, b: Touched): boolean => meet(a.writes, b.reads) || meet(a.reads, b.writes);

/** Items with what they touch, in an order that may be changed where nothing depends on it. */
export class Sequence<T> {
  private readonly entries: { item: T; touched: Touched }[] = [];
  private readonly stepsOf: (item: T) => readonly Step[];

  constructor(stepsOf: (item: T) => readonly Step[]) {
    this.stepsOf = stepsOf;
  }

  get items(): T[] {
    return this.entries.map(({ item }) => item);
  }

  /**
   * Appends an item, joined with an earlier one if `join` gives something for the two and one of them can be moved to
   * the other past everything in between.
   */
  add(item: T, join: (earlier: T, later: T) => T | undefined): void {
    const own = touchedBy(this.stepsOf(item));
    const { entries } = this;
    // What is passed on the way back: the later item must not depend on it to move up, nor it on the earlier to move that down.
    const passed: Touched[] = [];
    for (let index = entries.length - 1; index >= Math.max(0, entries.length - lookback); index--) {
      const candidate = entries[index];
      if (candidate === undefined) break;
      if (meet(candidate.touched.reads, own.reads)) {
        const movesUp = passed.every((other) => !depend(other, own));
        const movesDown = movesUp || passed.every((other) => !depend(candidate.touched, other));
        const joined = movesUp || movesDown ? join(candidate.item, item) : undefined;
        if (joined !== undefined) {
          const entry = { item: joined, touched: touchedBy(this.stepsOf(joined)) };
          if (movesUp) entries[index] = entry;
          else {
            entries.splice(index, 1);
            entries.push(entry);
          }
          return;
        }
      }
      passed.push(candidate.touched);
    }
    entries.push({ item, touched: own });
  }
}

/** The steps in clusters, in an order in which they can run. */
export function clusterSteps(steps: readonly Step[]): Cluster[] {
  const sequence = new Sequence<Cluster>((cluster) => cluster.steps);
  for (const step of steps)
    sequence.add({ steps: [step], rows: isRowStep(step) ? rowsOf(step) : 1 }, (earlier, later) => join(earlier, later));
  return sequence.items;
}

function join(a: Cluster, b: Cluster): Cluster | undefined {
  const rows = commonDivisor(a.rows, b.rows);
  if (rows <= 1) return undefined;
  const steps = [...a.steps, ...b.steps].filter(isRowStep);
  const isCut = foldsAcross(steps).every((step) => step.length === rows);
  if (!isCut || !shareRows(a, b, rows) || !stayInRows(steps, rows) || rowBytes(steps, rows) > maxRowBytes)
    return undefined;
  return { steps, rows };
}

function commonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}

/** Whether some memory that both go along moves alike from row to row. */
function shareRows(a: Cluster, b: Cluster, rows: number): boolean {
  const moves = (cluster: Cluster): Set<string> => {
    const views = cluster.steps.filter(isRowStep).flatMap((step) => rowViews(step, rows));
    const moving = views.filter(({ advance }) => advance !== undefined && advance !== 0);
    return new Set(moving.map(({ view, advance }) => `${String(view.slot)}:${String(advance)}`));
  };
  const known = moves(a);
  for (const move of moves(b)) if (known.has(move)) return true;
  return false;
}

/** Whether no row needs what another row writes. */
function stayInRows(steps: readonly RowStep[], rows: number): boolean {
  const views = steps.flatMap((step) => rowViews(step, rows));
  const written = new Set(views.filter(({ isWritten }) => isWritten).map(({ view }) => view.slot));
  const advances = new Map<number, number>();
  return views.every((row) => {
    const { slot } = row.view;
    if (!written.has(slot)) return true;
    // The result of a fold across rows is there only when all rows are done: nobody else may touch it.
    if (row.advance === undefined) return views.every((other) => other === row || other.view.slot !== slot);
    if (!isPartition(row)) return false;
    const known = advances.get(slot);
    advances.set(slot, row.advance);
    return known === undefined || known === row.advance;
  });
}
