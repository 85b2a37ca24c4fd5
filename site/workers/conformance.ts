// The worker that runs athanor's conformance suite in the visitor's browser: the harness and the tables that test it at home.
// Rows are gathered op by op; knows nothing of how they are shown. Read next: ../../test/conformance/run.ts.
import type { BackendName } from "../../bindings/testing/backends.ts";
import { runConformance } from "../../test/conformance/run.ts";
import { opNames } from "../../test/conformance/table.ts";
import { serve } from "./serving.ts";

/** One op on one backend. Errors are the largest seen, in units of the last place. */
export interface OpResult {
  readonly backend: BackendName;
  readonly op: string;
  readonly passed: number;
  readonly failures: readonly { readonly check: string; readonly sample: string; readonly message: string }[];
  readonly valueError: number | undefined;
  readonly gradientError: number | undefined;
}

/** A backend that this browser does not have, and why. */
export interface MissingBackend {
  readonly backend: BackendName;
  readonly missing: string;
}

interface Task {
  readonly backend: BackendName;
  /** All when absent. */
  readonly ops?: readonly string[];
}

interface Tally {
  op: string;
  passed: number;
  valueError: number | undefined;
  gradientError: number | undefined;
  failures: OpResult["failures"][number][];
}

const empty = (op: string): Tally => ({ op, passed: 0, valueError: undefined, gradientError: undefined, failures: [] });

const handlers = {
  opNames: (_: undefined): readonly string[] => opNames,
  async run({ backend, ops }: Task, tell: (news: OpResult | MissingBackend) => void): Promise<void> {
    let tally: Tally | undefined;
    const finish = (): void => {
      if (tally !== undefined) tell({ backend, ...tally });
    };
    for await (const row of runConformance(backend, ops === undefined ? {} : { filter: ops })) {
      if (row.check === "backend") {
        tell({ backend, missing: row.message });
        return;
      }
      if (tally?.op !== row.op) {
        finish();
        tally = empty(row.op);
      }
      if (!row.ok) tally.failures.push({ check: row.check, sample: row.sample, message: row.message });
      else {
        tally.passed += 1;
        if (row.check === "values") tally.valueError = Math.max(tally.valueError ?? 0, row.error);
        if (row.check === "gradient") tally.gradientError = Math.max(tally.gradientError ?? 0, row.error);
      }
    }
    finish();
  },
};

export type ConformanceHandlers = typeof handlers;

serve(handlers);
