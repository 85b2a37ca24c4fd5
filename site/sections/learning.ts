// "Learning": LeNet-5 trains before the visitor's eyes on the CPU and on the GPU, with its loss curves.
// The training is ../work/contest.ts; what is done with the trained weights is reading.ts.
// Read next: ../charts/loss-chart.ts.
import type { Against } from "../charts/loss-chart.ts";
import { LossChart } from "../charts/loss-chart.ts";
import type { DigitSets } from "../digits.ts";
import { loadDigits } from "../digits.ts";
import { byId, make, onChoice } from "../elements.ts";
import type { Lane } from "../lanes.ts";
import { colourOf, cpuLane } from "../lanes.ts";
import { digits, showShare } from "../numbers.ts";
import type { Results } from "../results.ts";
import type { Turns } from "../turns.ts";
import type { Contestant } from "../work/contest.ts";
import { batch, clockOf, Contest } from "../work/contest.ts";
import { Stopped } from "../workers/remote.ts";
import { ReadingSection } from "./reading.ts";

export class LearningSection {
  readonly #lanes: readonly Lane[];
  readonly #results: Results;
  readonly #turns: Turns;
  readonly #reading: ReadingSection;
  readonly #status = byId("learning-status", HTMLElement);
  readonly #train = byId("learning-train", HTMLButtonElement);
  readonly #again = byId("learning-again", HTMLButtonElement);
  #against: Against = "steps";
  #chart: LossChart | undefined;
  #contest: Contest | undefined;
  #digits: Promise<DigitSets> | undefined;
  #isRunning = false;

  constructor(lanes: readonly Lane[], results: Results, turns: Turns) {
    const ends = [cpuLane(lanes), lanes.find(({ device }) => device === "webgpu")];
    this.#lanes = ends.filter((lane) => lane !== undefined);
    this.#results = results;
    this.#turns = turns;
    this.#reading = new ReadingSection(() => this.#loadDigits());
    this.#train.addEventListener("click", () => {
      if (this.#isRunning) this.#contest?.pause();
      else void this.#run();
    });
    this.#again.addEventListener("click", () => {
      this.#forget();
    });
    onChoice(byId("learning-against", HTMLElement), (against) => {
      this.#against = against as Against;
      this.#chart?.dispose();
      this.#chart = undefined;
      this.#draw();
    });
    this.#train.disabled = false;
  }

  #loadDigits(): Promise<DigitSets> {
    this.#digits ??= loadDigits();
    return this.#digits;
  }

  async #run(): Promise<void> {
    const turn = { isOver: false };
    const giveBack = this.#turns.take(() => {
      turn.isOver = true;
      this.#contest?.pause();
    });
    this.#setRunning(true);
    try {
      if (this.#contest === undefined) {
        this.#status.textContent = "Loading digits and starting the devices";
        this.#contest = await Contest.open(this.#lanes, await this.#loadDigits());
      }
      this.#again.hidden = false;
      // Another section may have begun while the devices started.
      if (!turn.isOver) {
        this.#status.textContent = "Training";
        await this.#contest.run(() => {
          this.#draw();
        });
      }
      this.#status.textContent = this.#contest.isDone ? "Trained. Draw a digit." : "Paused.";
    } catch (error) {
      if (!(error instanceof Stopped))
        this.#status.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      giveBack();
      this.#setRunning(false);
    }
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    const isDone = this.#contest?.isDone === true;
    this.#train.textContent = isRunning ? "Pause" : this.#contest === undefined ? "Train" : "Go on";
    this.#train.hidden = !isRunning && isDone;
    this.#again.hidden = this.#contest === undefined;
  }

  #forget(): void {
    this.#contest?.end();
    this.#contest = undefined;
    this.#chart?.dispose();
    this.#chart = undefined;
    this.#results.training = [];
    this.#reading.readWith(undefined);
    this.#status.textContent = "";
    this.#setRunning(false);
    this.#draw();
  }

  #draw(): void {
    const contestants = this.#contest?.contestants ?? [];
    const isEmpty = contestants.every(({ losses }) => losses.length === 0);
    byId("learning-empty", HTMLElement).hidden = !isEmpty;
    byId("learning-figures", HTMLElement).hidden = isEmpty;
    byId("learning-lanes", HTMLElement).replaceChildren(...(isEmpty ? [] : contestants.map(cardOf)));
    if (isEmpty) return;
    this.#chart ??= new LossChart(
      byId("learning-chart", HTMLElement),
      contestants.map(({ lane }) => lane.key),
      this.#against,
    );
    const end = this.#against === "steps" ? (contestants[0]?.steps ?? 1) : Math.max(...contestants.map(clockOf));
    this.#chart.draw(
      contestants.map(({ lane, losses, seconds }) => ({ key: lane.key, losses, seconds })),
      this.#against,
      end,
    );
    this.#results.training = contestants.map((contestant) => {
      const { lane, losses, accuracy } = contestant;
      return { lane: lane.title, steps: losses.length, seconds: clockOf(contestant), losses, accuracy };
    });
    // Whoever is furthest reads what is drawn; the CPU where both are, for it answers at once.
    const readers = contestants.filter(({ failure }) => failure === undefined);
    const [first] = readers;
    this.#reading.readWith(
      readers.reduce((most, one) => (one.losses.length > (most?.losses.length ?? 0) ? one : most), first),
    );
  }
}

/** Where one lane's training stands. */
function cardOf(contestant: Contestant): HTMLElement {
  const { lane, steps, losses, accuracy, isDone, failure } = contestant;
  const spent = clockOf(contestant);
  const recent = losses.slice(-20);
  const loss = recent.reduce((sum, value) => sum + value, 0) / recent.length;
  const swatch = make("span", { class: "swatch" });
  swatch.style.setProperty("--colour", `var(${colourOf(lane.key)})`);
  const facts: readonly (readonly [string, string])[] = [
    ["step", `${losses.length} of ${steps}`],
    ["computing", `${digits(spent)} s`],
    ["images a second", spent === 0 ? "–" : Math.round((losses.length * batch) / spent).toLocaleString("en")],
    ["loss, last 20 steps", losses.length === 0 ? "–" : digits(loss)],
    ["test digits read", accuracy === undefined ? "–" : showShare(accuracy)],
  ];
  const list = facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  return make(
    "li",
    { class: "card contestant", "data-lane": lane.key, "data-done": isDone ? "yes" : undefined },
    make("h3", {}, swatch, lane.title, isDone ? make("span", { class: "badge on" }, "trained") : ""),
    make("dl", {}, ...list),
    ...(failure === undefined ? [] : [make("p", { class: "problem" }, `Computes no more: ${failure}`)]),
  );
}
