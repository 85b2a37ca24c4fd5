// "Speed": the works on every lane, drawn as time or rate against size with the crossover and what dispatch would choose.
// Starts and stops measuring; the measuring itself is ../work/race.ts, the drawing ../charts/size-chart.ts.
// Read next: speed-table.ts, the same in figures.
import type { Frame } from "../charts/frame.ts";
import type { Data, Quantity, View } from "../charts/size-chart.ts";
import { crossoverOf, drawSizeChart } from "../charts/size-chart.ts";
import { byId, make, onChoice, radio } from "../elements.ts";
import type { Lane } from "../lanes.ts";
import { colourOf } from "../lanes.ts";
import type { Point, Results } from "../results.ts";
import type { Work, WorkName } from "../work/catalogue.ts";
import { workNamed, works } from "../work/catalogue.ts";
import { efforts, Race } from "../work/race.ts";
import type { Turns } from "../turns.ts";
import { Stopped } from "../workers/remote.ts";
import { fillTable, inOneLine, verdictOn } from "./speed-table.ts";

export class SpeedSection {
  readonly #lanes: readonly Lane[];
  readonly #results: Results;
  readonly #turns: Turns;
  readonly #status = byId("speed-status", HTMLElement);
  readonly #progress = byId("speed-progress", HTMLProgressElement);
  readonly #problems = byId("speed-problems", HTMLElement);
  readonly #chart = byId("speed-chart", HTMLElement);
  readonly #buttons = {
    all: byId("speed-all", HTMLButtonElement),
    one: byId("speed-one", HTMLButtonElement),
    stop: byId("speed-stop", HTMLButtonElement),
  };
  #work: Work = works[0]!;
  #quantity: Quantity = "time";
  #data: Data = "resident";
  #frame: Frame | undefined;
  #race: Race | undefined;
  #isDrawing = false;

  constructor(lanes: readonly Lane[], results: Results, turns: Turns) {
    this.#lanes = lanes;
    this.#results = results;
    this.#turns = turns;
    this.#fillControls();
    this.#draw();
  }

  #fillControls(): void {
    // The table is long where its rows are blocks.
    byId("speed-details", HTMLDetailsElement).open = matchMedia("(min-width: 641px)").matches;
    const choices = byId("speed-works", HTMLElement);
    choices.append(...works.map(({ name, title }, index) => radio("work", name, title, index === 0)));
    onChoice(choices, (name) => {
      this.#work = workNamed(name as WorkName);
      this.#draw();
    });
    onChoice(byId("speed-quantity", HTMLElement), (quantity) => {
      this.#quantity = quantity as Quantity;
      this.#draw();
    });
    onChoice(byId("speed-data", HTMLElement), (data) => {
      this.#data = data as Data;
      this.#draw();
    });
    byId("speed-key", HTMLElement).replaceChildren(...this.#lanes.map(({ key, title }) => keyOf(key, title)));
    const { all, one, stop } = this.#buttons;
    all.addEventListener("click", () => void this.#measure(works));
    one.addEventListener("click", () => void this.#measure([this.#work]));
    stop.addEventListener("click", () => this.#race?.stop());
    all.disabled = one.disabled = false;
  }

  async #measure(chosen: readonly Work[]): Promise<void> {
    const effort = byId("speed-effort", HTMLSelectElement).value === "thorough" ? efforts.thorough : efforts.quick;
    const race = (this.#race = new Race(this.#lanes));
    const giveBack = this.#turns.take(() => {
      race.stop();
    });
    this.#setRunning(true);
    this.#problems.replaceChildren();
    for (const { name } of chosen) this.#results.points.delete(name);
    this.#draw();
    try {
      await race.run(chosen, effort, this.#results, {
        progress: (share, now) => {
          this.#progress.value = share;
          this.#status.textContent = `Measuring: ${now}`;
        },
        measured: (work) => {
          this.#follow(work);
        },
        problem: (message) => {
          this.#problems.append(make("li", {}, message));
        },
      });
      this.#status.textContent = "Measured.";
    } catch (error) {
      if (error instanceof Stopped) this.#status.textContent = "Stopped. What was measured so far is shown.";
      else this.#status.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      giveBack();
      this.#race = undefined;
      this.#setRunning(false);
    }
  }

  #setRunning(isRunning: boolean): void {
    const { all, one, stop } = this.#buttons;
    all.disabled = one.disabled = isRunning;
    stop.hidden = !isRunning;
    this.#progress.hidden = !isRunning;
    byId("speed", HTMLElement).setAttribute("aria-busy", String(isRunning));
  }

  /** A new figure: shown at once if it is of the work in view, and of the work that is being measured if nothing is in view yet. */
  #follow(work: Work): void {
    if (work !== this.#work && this.#points().length > 0) {
      const input = document.querySelector<HTMLInputElement>(`input[name="work"][value="${work.name}"]`);
      // The visitor follows the measuring until choosing a work, which moves the focus there.
      if (input !== null && document.activeElement?.getAttribute("name") !== "work") {
        input.checked = true;
        this.#work = work;
      }
    }
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #points(): readonly Point[] {
    return this.#results.points.get(this.#work.name) ?? [];
  }

  #draw(): void {
    this.#frame?.dispose();
    this.#frame = undefined;
    const work = this.#work;
    const hasRoundTrip = work.name !== "training";
    byId("speed-data", HTMLFieldSetElement).disabled = !hasRoundTrip;
    const data = hasRoundTrip ? this.#data : "resident";
    const view: View = { work, points: this.#points(), lanes: this.#lanes, quantity: this.#quantity, data };
    byId("speed-about", HTMLElement).textContent = work.about;
    const readout = byId("speed-readout", HTMLElement);
    const isEmpty = view.points.length === 0;
    byId("speed-empty", HTMLElement).hidden = !isEmpty;
    byId("speed-figures", HTMLElement).hidden = isEmpty;
    this.#chart.hidden = isEmpty;
    byId("speed-verdict", HTMLElement).textContent = isEmpty ? "" : verdictOn(view, crossoverOf(view));
    readout.textContent = "";
    if (isEmpty) return;
    this.#frame = drawSizeChart(this.#chart, view, (point) => {
      readout.textContent = point === undefined ? "" : inOneLine(view, point);
    });
    fillTable(byId("speed-table", HTMLTableElement), view);
  }
}

function keyOf(key: Lane["key"], title: string): HTMLElement {
  const swatch = make("span", { class: key === "single" ? "swatch dashed" : "swatch" });
  swatch.style.setProperty("--colour", `var(${colourOf(key)})`);
  return make("li", {}, swatch, title);
}
