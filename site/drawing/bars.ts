// Ten bars for the probabilities of the ten digits, the largest in the accent colour. Knows no network. Read next: pad.ts.
import { make } from "../elements.ts";
import { showShare } from "../numbers.ts";

export class Bars {
  readonly #rows: readonly { readonly item: HTMLElement; readonly bar: HTMLElement; readonly share: HTMLElement }[];

  constructor(host: HTMLElement) {
    this.#rows = Array.from({ length: 10 }, (_, digit) => {
      const bar = make("span", { class: "bar" });
      const share = make("span", { class: "share" }, "–");
      const item = make(
        "li",
        {},
        make("span", { class: "digit" }, String(digit)),
        make("span", { class: "track" }, bar),
        share,
      );
      return { item, bar, share };
    });
    host.replaceChildren(...this.#rows.map(({ item }) => item));
  }

  /** Shows ten probabilities, or that there are none. */
  show(probabilities: readonly number[] | undefined): void {
    const largest = probabilities === undefined ? -1 : probabilities.indexOf(Math.max(...probabilities));
    this.#rows.forEach(({ item, bar, share }, digit) => {
      const probability = probabilities?.[digit];
      item.classList.toggle("best", digit === largest);
      bar.style.inlineSize = `${(100 * (probability ?? 0)).toFixed(2)}%`;
      share.textContent = probability === undefined ? "–" : showShare(probability);
    });
  }
}
