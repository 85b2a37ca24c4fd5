// The report of a conformance run: a card a backend, the list of what failed, and a table of the measured errors.
// Knows no worker. Read next: conformance.ts.
import { byId, make, row } from "../elements.ts";
import { digits, showCount } from "../numbers.ts";
import type { BackendName } from "../../bindings/testing/backends.ts";
import type { MissingBackend, OpResult } from "../workers/conformance.ts";

const abouts: Readonly<Record<BackendName, string>> = {
  wasm: "CPU, base SIMD",
  "wasm-relaxed": "CPU, fused multiply-add",
  "wasm-threads": "CPU, three threads",
  webgpu: "GPU",
};

interface Summary {
  readonly card: HTMLElement;
  readonly counts: HTMLElement;
  readonly badge: HTMLElement;
  ops: number;
  passed: number;
  failed: number;
}

export class ConformanceReport {
  readonly #backends: readonly BackendName[];
  readonly #summaries: ReadonlyMap<BackendName, Summary>;
  readonly #failures = byId("conformance-failures", HTMLElement);
  readonly #cells = new Map<string, Map<BackendName, HTMLElement>>();
  readonly #table = byId("conformance-table", HTMLTableElement);

  /** Clears what was shown before. */
  constructor(backends: readonly BackendName[]) {
    this.#backends = backends;
    this.#summaries = new Map(backends.map((backend) => [backend, summaryOf(backend)]));
    byId("conformance-cards", HTMLElement).replaceChildren(...[...this.#summaries.values()].map(({ card }) => card));
    this.#failures.replaceChildren();
    this.#table.tHead?.replaceChildren(
      make("tr", {}, ...["op", ...backends].map((label) => make("th", { scope: "col" }, label))),
    );
    this.#table.tBodies[0]?.replaceChildren();
    byId("conformance-details", HTMLElement).hidden = false;
  }

  get passed(): number {
    return [...this.#summaries.values()].reduce((sum, { passed }) => sum + passed, 0);
  }

  get failed(): number {
    return [...this.#summaries.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  add(news: OpResult | MissingBackend): void {
    const summary = this.#summaries.get(news.backend);
    if (summary === undefined) return;
    if ("missing" in news) {
      summary.badge.textContent = "not here";
      summary.badge.className = "badge off";
      summary.counts.textContent = news.missing;
      return;
    }
    const { op, backend, passed, failures } = news;
    summary.ops += 1;
    summary.passed += passed;
    summary.failed += failures.length;
    summary.badge.textContent = summary.failed === 0 ? "passing" : `${summary.failed} failing`;
    summary.badge.className = summary.failed === 0 ? "badge on" : "badge bad";
    summary.counts.textContent = `${showCount(summary.passed, "check")} of ${showCount(summary.ops, "op")} passed`;
    this.#cellOf(op, backend).textContent = textOf(news);
    for (const { check, sample, message } of failures) {
      this.#failures.append(
        make("li", {}, make("strong", {}, `${op}, ${backend}, ${check}`), ` ${sample}: ${message}`),
      );
    }
  }

  #cellOf(op: string, backend: BackendName): HTMLElement {
    let cells = this.#cells.get(op);
    if (cells === undefined) {
      const line = row([op, ...this.#backends.map(() => "–")], ["op", ...this.#backends]);
      cells = new Map(this.#backends.map((name, index) => [name, line.cells[index + 1]!]));
      this.#cells.set(op, cells);
      this.#table.tBodies[0]?.append(line);
    }
    return cells.get(backend)!;
  }
}

function summaryOf(backend: BackendName): Summary {
  const counts = make("p", {}, "waiting");
  const badge = make("span", { class: "badge off" }, "waiting");
  const card = make(
    "li",
    { class: "card" },
    make("h3", {}, backend, badge),
    make("p", { class: "advice" }, abouts[backend]),
    counts,
  );
  return { card, counts, badge, ops: 0, passed: 0, failed: 0 };
}

/** The largest errors of values and gradients, or how much failed. */
function textOf({ passed, failures, valueError, gradientError }: OpResult): string {
  if (failures.length > 0) return `${failures.length} failing`;
  if (valueError === undefined) return passed > 0 ? "passes" : "–";
  const values = shorten(valueError);
  return gradientError === undefined ? values : `${values} / ${shorten(gradientError)}`;
}

const shorten = (error: number): string => (error < 10 ? error.toFixed(1).replace(/^0\.0$/, "0") : digits(error));
