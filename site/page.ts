// The benchmark page: finds out what the machine offers and opens its sections. Everything heavy happens in workers.
// Read next: sections/ for the parts, lanes.ts for the ways to compute, README.md for the whole.
import { byId } from "./elements.ts";
import { lanesOf } from "./lanes.ts";
import { download, Results } from "./results.ts";
import { ConformanceSection } from "./sections/conformance.ts";
import { LearningSection } from "./sections/learning.ts";
import { showMachine } from "./sections/machine.ts";
import { SpeedSection } from "./sections/speed.ts";
import { Turns } from "./turns.ts";

// Shown where scripts do not run: from file: addresses, for instance.
byId("needs-server", HTMLElement).hidden = true;

const results = new Results();
byId("download", HTMLButtonElement).addEventListener("click", () => {
  download("athanor-results.json", results);
});

results.machine = await showMachine();
const lanes = lanesOf(results.machine);
const turns = new Turns();
new SpeedSection(lanes, results, turns);
new LearningSection(lanes, results, turns);
new ConformanceSection(results, turns);
document.documentElement.dataset.ready = "yes";
