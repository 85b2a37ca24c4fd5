// What is known to differ, on which backend, and why. A row expects its check to fail: when it passes, the run fails and
// asks to delete the row. `sample` names one sample exactly. Read next: ../conformance/run.ts, which applies them.
import type { BackendName } from "../../bindings/testing/backends.ts";

export interface Divergence {
  readonly backend: BackendName;
  readonly op: string;
  readonly check: string;
  readonly sample: string;
  readonly reason: string;
}

export const divergences: readonly Divergence[] = [];
