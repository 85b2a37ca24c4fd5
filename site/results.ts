// Everything that was found, measured and checked on this page since it was opened, and its way out as a JSON file.
// Knows nothing of how it came about. Read next: sections/, which write into it.
import type { Choice, Sample } from "./work/sampling.ts";
import type { Work, WorkName } from "./work/catalogue.ts";
import type { Machine } from "./workers/lane.ts";
import type { MissingBackend, OpResult } from "./workers/conformance.ts";
import type { LaneKey } from "./lanes.ts";

/** One work at one size: milliseconds by lane, and what dispatch would do. */
export interface Point {
  readonly size: number;
  readonly samples: Partial<Record<LaneKey, Sample>>;
  choice?: Choice;
}

export interface TrainingResult {
  readonly lane: string;
  readonly steps: number;
  readonly seconds: number;
  readonly losses: readonly number[];
  readonly accuracy: number | undefined;
}

export class Results {
  machine: Machine | undefined;
  /** Titles of the lanes that were measured. */
  lanes: Partial<Record<LaneKey, string>> = {};
  readonly points = new Map<WorkName, Point[]>();
  training: readonly TrainingResult[] = [];
  conformance: (OpResult | MissingBackend)[] = [];

  /** The point of a work and size, made when it is not there yet; points stay in the order of their sizes. */
  point({ name }: Work, size: number): Point {
    const points = this.points.get(name) ?? [];
    this.points.set(name, points);
    let point = points.find((entry) => entry.size === size);
    if (point === undefined) {
      points.push((point = { size, samples: {} }));
      points.sort((a, b) => a.size - b.size);
    }
    return point;
  }

  toJSON(): unknown {
    return {
      made: new Date().toISOString(),
      browser: navigator.userAgent,
      isolated: globalThis.crossOriginIsolated,
      machine: this.machine,
      lanes: this.lanes,
      speed: Object.fromEntries(this.points),
      training: this.training,
      conformance: this.conformance,
    };
  }
}

/** Hands the visitor a file. */
export function download(name: string, content: unknown): void {
  const address = URL.createObjectURL(new Blob([JSON.stringify(content, undefined, 1)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads the address after this turn.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
