// "This machine": what init() found, what is in use, and what would make more of it. Offers threads where only the page's
// headers stand in the way. Knows nothing of measurements. Read next: ../isolation.ts, ../workers/lane.ts.
import { byId, make } from "../elements.ts";
import { openWorker } from "../lanes.ts";
import type { Machine } from "../workers/lane.ts";

interface Finding {
  readonly name: string;
  readonly state: "in use" | "off" | "partly";
  readonly detail: string;
  readonly advice: string;
}

/** Asks a worker what this browser offers, and shows it. */
export async function showMachine(): Promise<Machine> {
  const cards = byId("machine-cards", HTMLElement);
  const worker = openWorker();
  try {
    const machine = await worker.call("start", {});
    cards.replaceChildren(...findings(machine).map(card));
    offerThreads(machine);
    return machine;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    cards.replaceChildren(
      make("p", { class: "problem", role: "alert" }, `athanor cannot start in this browser: ${message}`),
    );
    throw error;
  } finally {
    worker.end();
  }
}

function findings({ devices, threads, simd }: Machine): Finding[] {
  const gpu = devices.find(({ name }) => name === "webgpu");
  const cpu = devices.find(({ name }) => name === "wasm");
  const isSoftware = gpu?.detail.includes("(software)") === true;
  return [
    { name: "CPU", state: "in use", detail: cpu?.detail ?? "", advice: "" },
    {
      name: "Threads",
      state: threads.used > 1 ? "in use" : "off",
      detail: threads.detail,
      advice: "",
    },
    {
      name: "Relaxed SIMD",
      state: simd.relaxed ? "in use" : "off",
      detail: simd.relaxed ? "multiply and add in one instruction" : simd.detail,
      advice: simd.relaxed ? "" : "a newer browser may have it: Chrome 114, Firefox 146, Safari 27.3",
    },
    {
      name: "GPU",
      state: gpu?.used !== true ? "off" : isSoftware ? "partly" : "in use",
      detail: gpu?.detail ?? "",
      advice: gpu?.advice ?? "",
    },
  ];
}

function card({ name, state, detail, advice }: Finding): HTMLElement {
  const className = { "in use": "on", off: "off", partly: "partly" }[state];
  return make(
    "li",
    { class: "card finding" },
    make("h3", {}, name, make("span", { class: `badge ${className}` }, state === "partly" ? "software" : state)),
    make("p", {}, sentence(detail)),
    ...(advice === "" ? [] : [make("p", { class: "advice" }, sentence(advice))]),
  );
}

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}.`;

/** A file host cannot send the headers that isolate a page; a service worker of the page can add them. */
function offerThreads({ threads }: Machine): void {
  const offer = byId("threads-offer", HTMLElement);
  const isPossible = !globalThis.crossOriginIsolated && globalThis.isSecureContext && "serviceWorker" in navigator;
  if (!isPossible || threads.available < 2) return;
  offer.hidden = false;
  const button = byId("threads-on", HTMLButtonElement);
  button.addEventListener("click", () => {
    button.disabled = true;
    isolate().catch((error: unknown) => {
      button.textContent = `Not possible here: ${error instanceof Error ? error.message : String(error)}`;
    });
  });
}

async function isolate(): Promise<void> {
  await navigator.serviceWorker.register(new URL("isolation.js", document.baseURI));
  await navigator.serviceWorker.ready;
  location.reload();
}
