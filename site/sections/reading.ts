// "Draw a digit": what is drawn is centred as MNIST has its digits and read by the network that is being trained, live.
// One question is under way at a time; the newest drawing is asked next. Read next: ../drawing/pad.ts, ../drawing/centring.ts.
import { centred } from "../drawing/centring.ts";
import { Bars } from "../drawing/bars.ts";
import { drawSmall, Pad } from "../drawing/pad.ts";
import type { DigitSets } from "../digits.ts";
import { pixelsOf } from "../digits.ts";
import { byId } from "../elements.ts";
import type { Contestant } from "../work/contest.ts";
import { Stopped } from "../workers/remote.ts";

export class ReadingSection {
  readonly #bars = new Bars(byId("reading-bars", HTMLElement));
  readonly #answer = byId("reading-answer", HTMLElement);
  readonly #small = byId("reading-small", HTMLCanvasElement);
  readonly #pad: Pad;
  readonly #digits: () => Promise<DigitSets>;
  #reader: Contestant | undefined;
  #pixels: Uint8Array | undefined;
  /** The label of a shown test digit. */
  #label: number | undefined;
  #shown = 0;
  #isAsking = false;
  #isNewer = false;

  constructor(digits: () => Promise<DigitSets>) {
    this.#digits = digits;
    this.#pad = new Pad(byId("reading-pad", HTMLCanvasElement), (ink, size) => {
      this.#label = undefined;
      this.#take(centred(ink, size));
    });
    byId("reading-clear", HTMLButtonElement).addEventListener("click", () => this.#pad.clear());
    byId("reading-show", HTMLButtonElement).addEventListener("click", () => void this.#showTestDigit());
    this.#take(undefined);
  }

  /** Who reads; nobody before a training has begun. */
  readWith(reader: Contestant | undefined): void {
    this.#reader = reader;
    this.#ask();
  }

  /** The next of the digits that no network on this page has learned from. */
  async #showTestDigit(): Promise<void> {
    const { test } = await this.#digits();
    const index = this.#shown++ % test.labels.length;
    const pixels = pixelsOf(test, index);
    this.#pad.show(pixels);
    this.#label = test.labels[index];
    // The digit itself, not what centring makes of its picture.
    this.#take(pixels.slice());
  }

  #take(pixels: Uint8Array | undefined): void {
    this.#pixels = pixels;
    drawSmall(this.#small, pixels);
    this.#ask();
  }

  #ask(): void {
    const { worker } = this.#reader ?? {};
    if (this.#pixels === undefined || worker === undefined) {
      this.#bars.show(undefined);
      this.#answer.textContent =
        this.#pixels === undefined ? "Draw a digit." : "Train the network first: it cannot read yet.";
      return;
    }
    if (this.#isAsking) {
      this.#isNewer = true;
      return;
    }
    this.#isAsking = true;
    worker
      .call("classify", this.#pixels)
      .then(
        (probabilities) => this.#show(probabilities),
        (error: unknown) => {
          if (!(error instanceof Stopped)) this.#answer.textContent = String(error);
        },
      )
      .finally(() => {
        this.#isAsking = false;
        if (this.#isNewer) {
          this.#isNewer = false;
          this.#ask();
        }
      });
  }

  #show(probabilities: readonly number[]): void {
    this.#bars.show(probabilities);
    const digit = probabilities.indexOf(Math.max(...probabilities));
    const lane = this.#reader?.lane.title ?? "";
    const truth = this.#label === undefined ? "" : ` It is labelled ${this.#label}.`;
    this.#answer.textContent = `Read as ${digit} (${lane}).${truth}`;
  }
}
