// Clusters: steps that go over the same rows of the same memory are brought together, wherever in the segment they stand, so
// that they can run strip by strip. Order is kept where one step needs what another wrote.
// Knows steps and slots, no device. Read next: rows.ts; strips.ts, which cuts clusters into strips; join-maps.ts.
import type { RowView } from "./rows.ts";
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

/** Slots that steps touch, that they write, and that they walk along. */
interface Touched {
  readonly touches: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  readonly walks: ReadonlySet<number>;
}

function touchedBy(steps: readonly Step[]): Touched {
  const touches = new Set<number>();
  const walks = new Set<number>();
  for (const { slot, strides } of steps.flatMap(viewsOf)) {
    touches.add(slot);
    if (strides.some((stride) => stride !== 0)) walks.add(slot);
  }
  return { touches, walks, writes: new Set(steps.flatMap(writesOf).map(({ slot }) => slot)) };
}

function both(a: Touched, b: Touched): Touched {
  const union = (x: ReadonlySet<number>, y: ReadonlySet<number>): Set<number> => new Set([...x, ...y]);
  return { touches: union(a.touches, b.touches), walks: union(a.walks, b.walks), writes: union(a.writes, b.writes) };
}

const meet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  for (const slot of small) if (large.has(slot)) return true;
  return false;
};

/** Whether the order of the two matters. */
const depend = (a: Touched, b: Touched): boolean => meet(a.writes, b.touches) || meet(a.touches, b.writes);

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
   * the other past everything in between. `mayJoin` says quickly where that is out of the question.
   */
  add(item: T, mayJoin: (earlier: T) => boolean, join: (earlier: T, later: T) => T | undefined): void {
    const own = touchedBy(this.stepsOf(item));
    const { entries } = this;
    // To move up, the item must not depend on anything passed on the way; to be moved down to it, nothing passed on the earlier.
    let movesUp = true;
    for (let index = entries.length - 1; index >= Math.max(0, entries.length - lookback); index--) {
      const candidate = entries[index];
      if (candidate === undefined) break;
      const { item: earlier, touched } = candidate;
      if (mayJoin(earlier) && meet(touched.walks, own.walks)) {
        const movesDown = (): boolean => entries.slice(index + 1).every((other) => !depend(touched, other.touched));
        const joined = movesUp || movesDown() ? join(earlier, item) : undefined;
        if (joined !== undefined) {
          const entry = { item: joined, touched: both(touched, own) };
          if (movesUp) entries[index] = entry;
          else {
            entries.splice(index, 1);
            entries.push(entry);
          }
          return;
        }
      }
      if (movesUp && depend(touched, own)) movesUp = false;
    }
    entries.push({ item, touched: own });
  }
}

/** The steps in clusters, in an order in which they can run. */
export function clusterSteps(steps: readonly Step[]): Cluster[] {
  const sequence = new Sequence<Cluster>((cluster) => cluster.steps);
  for (const step of steps) {
    const rows = isRowStep(step) ? rowsOf(step) : 1;
    sequence.add({ steps: [step], rows }, (earlier) => commonDivisor(earlier.rows, rows) > 1, join);
  }
  return sequence.items;
}

function join(a: Cluster, b: Cluster): Cluster | undefined {
  const rows = commonDivisor(a.rows, b.rows);
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
  const advances = new Map<number, Set<number>>();
  for (const step of b.steps.filter(isRowStep)) {
    for (const { view, advance } of rowViews(step, rows)) {
      if (advance === undefined || advance === 0) continue;
      const own = advances.get(view.slot);
      if (own === undefined) advances.set(view.slot, new Set([advance]));
      else own.add(advance);
    }
  }
  return a.steps
    .filter(isRowStep)
    .some((step) =>
      rowViews(step, rows).some(
        ({ view, advance }) => advance !== undefined && advances.get(view.slot)?.has(advance) === true,
      ),
    );
}

/** Whether no row needs what another row writes. */
function stayInRows(steps: readonly RowStep[], rows: number): boolean {
  const written = new Map<number, RowView>();
  for (const step of steps) for (const row of rowViews(step, rows)) if (row.isWritten) written.set(row.view.slot, row);
  return steps.every((step) =>
    rowViews(step, rows).every((row) => {
      const writer = written.get(row.view.slot);
      if (writer === undefined || writer === row)
        return writer === undefined || row.advance === undefined || isPartition(row);
      // The result of a fold across rows is there only when all rows are done: nobody else may touch it.
      return writer.advance !== undefined && row.advance === writer.advance && isPartition(row);
    }),
  );
}
