// What is measured beside work: linear algebra, sorting, overhead, start-up, size, memory, dispatch. Each gives rows; their names are known before.
// Read next: overhead.ts, start.ts, size.ts, memory.ts.
import { companyMeasurements } from "./company.ts";
import { dispatchMeasurement } from "./dispatch/dispatch.ts";
import { gpuHalfMeasurements } from "./gpu-halves.ts";
import { gpuOverheadMeasurements } from "./gpu-overhead.ts";
import { gpuPreparedMeasurements } from "./gpu-prepared.ts";
import { gpuProductMeasurements } from "./gpu-products.ts";
import { gpuRowMeasurements } from "./gpu-rows.ts";
import { gpuWindowMeasurements } from "./gpu-windows.ts";
import { linalgMeasurements } from "./linalg.ts";
import { longRuns } from "./long-run.ts";
import { memoryMeasurements } from "./memory.ts";
import { overheadMeasurements } from "./overhead.ts";
import { steps } from "./options.ts";
import type { Row } from "./row.ts";
import { sizeMeasurement } from "./size.ts";
import { sortingMeasurements } from "./sorting.ts";
import { startMeasurement } from "./start.ts";

export interface Measurement {
  readonly name: string;
  /** Left out by --quick. */
  readonly long: boolean;
  /** Measured only where it is asked for by its whole name; further words then choose among its rows. */
  readonly onlyByName?: boolean;
  /** Starts what it needs and lets go of it. */
  measure(): Promise<readonly Row[]>;
}

export const measurements: readonly Measurement[] = [
  ...linalgMeasurements,
  ...sortingMeasurements,
  ...companyMeasurements,
  ...overheadMeasurements,
  ...gpuOverheadMeasurements,
  ...gpuProductMeasurements,
  ...gpuRowMeasurements,
  ...gpuHalfMeasurements,
  ...gpuWindowMeasurements,
  ...gpuPreparedMeasurements,
  ...(steps === undefined ? memoryMeasurements : longRuns(steps)),
  startMeasurement,
  sizeMeasurement,
  dispatchMeasurement,
];
