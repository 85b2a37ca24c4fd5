// "Conformance": athanor's own test tables, run by the visitor's browser on every backend that it has, with a report.
// The suite runs in a worker, ../workers/conformance.ts. Read next: conformance-report.ts for what is shown.
import { byId } from "../elements.ts";
import { showCount } from "../numbers.ts";
import type { Results } from "../results.ts";
import type { BackendName } from "../../bindings/testing/index.ts";
import type { Turns } from "../turns.ts";
import { Remote, Stopped } from "../workers/remote.ts";
import type { ConformanceHandlers } from "../workers/conformance.ts";
import { ConformanceReport } from "./conformance-report.ts";

/** One op of every kind. */
const quick: readonly string[] = [
  ...["add", "exp", "sigmoid", "gelu", "where", "cast", "sum", "softmax", "argMax", "concat", "gather", "searchSorted"],
  ...["matmul", "conv2d", "depthwiseConv2d", "maxPool2d", "eigh", "scaledDotProductAttention", "lstmCell", "solve"],
];

export class ConformanceSection {
  readonly #results: Results;
  readonly #turns: Turns;
  readonly #status = byId("conformance-status", HTMLElement);
  readonly #progress = byId("conformance-progress", HTMLProgressElement);
  readonly #buttons = {
    quick: byId("conformance-quick", HTMLButtonElement),
    all: byId("conformance-all", HTMLButtonElement),
    stop: byId("conformance-stop", HTMLButtonElement),
  };
  #worker: Remote<ConformanceHandlers> | undefined;

  constructor(results: Results, turns: Turns) {
    this.#results = results;
    this.#turns = turns;
    this.#buttons.quick.addEventListener("click", () => void this.#run(quick));
    this.#buttons.all.addEventListener("click", () => void this.#run(undefined));
    this.#buttons.stop.addEventListener("click", () => this.#worker?.end());
    this.#buttons.quick.disabled = this.#buttons.all.disabled = false;
  }

  /** The backends whose boxes are ticked. */
  #chosen(): BackendName[] {
    const boxes = byId("conformance-backends", HTMLElement).querySelectorAll<HTMLInputElement>("input:checked");
    return [...boxes].map(({ value }) => value as BackendName);
  }

  async #run(wanted: readonly string[] | undefined): Promise<void> {
    const backends = this.#chosen();
    const report = new ConformanceReport(backends);
    this.#results.conformance = [];
    this.#setRunning(true);
    const worker = (this.#worker = new Remote<ConformanceHandlers>("workers/conformance.js"));
    const giveBack = this.#turns.take(() => {
      worker.end();
    });
    try {
      const names = await worker.call("opNames", undefined);
      const ops = wanted === undefined ? names : names.filter((name) => wanted.includes(name));
      let done = 0;
      for (const backend of backends) {
        await worker.call("run", { backend, ops }, (news) => {
          this.#results.conformance.push(news);
          report.add(news);
          done += "missing" in news ? ops.length : 1;
          this.#progress.value = Math.min(1, done / (ops.length * backends.length));
          const now = "op" in news ? `${news.op} on ${news.backend}` : backend;
          this.#status.textContent = `Checking: ${now}`;
        });
      }
      const { passed, failed } = report;
      this.#status.textContent = `${showCount(passed, "check")} passed, ${failed} failed.`;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#status.textContent = error instanceof Stopped ? "Stopped. What was checked so far is shown." : message;
    } finally {
      worker.end();
      giveBack();
      this.#setRunning(false);
    }
  }

  #setRunning(isRunning: boolean): void {
    this.#buttons.quick.disabled = this.#buttons.all.disabled = isRunning;
    this.#buttons.stop.hidden = !isRunning;
    this.#progress.hidden = !isRunning;
    this.#progress.value = 0;
    byId("conformance", HTMLElement).setAttribute("aria-busy", String(isRunning));
  }
}
