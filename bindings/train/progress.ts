// A line that shows how far a training run is: a bar that is redrawn on a terminal, one plain line an epoch elsewhere.
// Writes to standard error, so that standard output stays free for results; in a browser it logs to the console.
// Read next: callbacks.ts.
import type { BatchLog, Callback, EpochLog } from "./callbacks.ts";

/** Where the line goes. */
export interface ProgressTarget {
  readonly isTerminal: boolean;
  write(text: string): void;
}

/** Standard error in Node, the console elsewhere. */
export function defaultTarget(): ProgressTarget {
  const node = (globalThis as { process?: { stderr?: { isTTY?: boolean; write(text: string): unknown } } }).process;
  const stream = node?.stderr;
  if (stream === undefined) return { isTerminal: false, write: (text) => console.log(text.trimEnd()) };
  return { isTerminal: stream.isTTY === true, write: (text) => void stream.write(text) };
}

const barWidth = 24;
const redrawEvery = 80;

/** The bar as a callback. */
export function progressBar(target: ProgressTarget = defaultTarget()): Callback {
  let drawn = -Infinity;
  let started: number | undefined;
  return {
    onBatchEnd(log) {
      const now = performance.now();
      started ??= now;
      if (target.isTerminal && now - drawn >= redrawEvery) {
        drawn = now;
        target.write(`\r\u001b[2K${barLine(log, (now - started) / 1000)}`);
      }
      return undefined;
    },
    onEpochEnd(log) {
      started = undefined;
      target.write(`${target.isTerminal ? "\r\u001b[2K" : ""}${epochLine(log)}\n`);
      return undefined;
    },
  };
}

function barLine(log: BatchLog, seconds: number): string {
  const { epoch, epochs, batch, batches } = log;
  const head = `epoch ${epoch}/${epochs}`;
  const scores = `${log.loss === undefined ? "" : `  loss ${log.loss.toFixed(4)}`}${percent("accuracy", log.accuracy)}`;
  // The clock started at the end of the first step.
  const each = batch > 1 ? seconds / (batch - 1) : undefined;
  const rate = each === undefined ? "" : `  ${(1000 * each).toFixed(1)} ms/step`;
  if (batches === undefined) return `${head}  step ${batch}${scores}${rate}`;
  const filled = Math.round((barWidth * batch) / batches);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  const left = each === undefined ? "" : `  ${(each * (batches - batch)).toFixed(0)} s left`;
  return `${head} ${bar} ${batch}/${batches}${scores}${rate}${left}`;
}

function epochLine(log: EpochLog): string {
  const validation =
    log.validationLoss === undefined
      ? ""
      : `  validation loss ${log.validationLoss.toFixed(4)}${percent("accuracy", log.validationAccuracy)}`;
  return `epoch ${log.epoch}  loss ${log.loss.toFixed(4)}${percent("accuracy", log.accuracy)}${validation}  ${log.seconds.toFixed(1)} s`;
}

function percent(name: string, value: number | undefined): string {
  return value === undefined ? "" : `  ${name} ${(100 * value).toFixed(2)} %`;
}
