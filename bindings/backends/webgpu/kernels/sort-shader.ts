// Launches of sort, argSort and topK: blocks of rows are sorted in workgroup memory, then merged two and two until a row is one
// run. The last launch writes the result; those before it keys and positions, for topK no more of a run than is asked for.
// And of place, which clears before it writes where not every place is written.
// Read next: shaders/sort.wgsl, shaders/sortMerge.wgsl.
import type { DType } from "../../../core/dtype.ts";
import { BackendError } from "../../../core/errors.ts";
import type { KernelStep, Slot, SlotView } from "../../../graph/step.ts";
import { insert } from "../wgsl/attachment.ts";
import type { Operand } from "../wgsl/elements.ts";
import { withHalves } from "../wgsl/elements.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import { kernelDispatch } from "./kernel-shader.ts";

/** Entries that a workgroup sorts: those of sort.wgsl. */
const entries = 512;

/** What the kernels that sort write, by name. */
const results = { sort: ["values"], argSort: ["places"], topK: ["values", "places"] } as const;

type Sorting = keyof typeof results;

/** Whether a kernel of this name is launched from here. */
export function isSorting(kernel: string): kernel is Sorting {
  return kernel in results;
}

/** Where entries lie between launches. */
interface Runs {
  readonly keys: number;
  readonly places: number;
  /** Entries of a row, and of each of its runs but the last. */
  readonly length: number;
  readonly run: number;
}

/** The launches of a kernel that sorts rows which are not empty. */
export function sortDispatches(step: KernelStep, workshop: Workshop): Dispatch[] {
  const [input] = step.inputs;
  const [rows = 0, length = 0, descending = 0, count = length] = step.words;
  if (input === undefined || !isSorting(step.kernel))
    throw new BackendError(step.label, "a sort takes one tensor and has a result");
  const sorting: Sorter = { step, workshop, input, rows, length, kernel: step.kernel };
  const span = Math.min(entries, 2 ** Math.ceil(Math.log2(Math.max(1, length))));
  const blocks = Math.ceil(length / span);
  let run = Math.min(span, count);
  let left = (blocks - 1) * run + Math.min(run, length - (blocks - 1) * span);
  let runs = runsFor(sorting, blocks, run, left);
  const dispatches = [
    launch(sorting, {
      file: "sort",
      from: undefined,
      to: runs,
      count,
      words: [rows, length, descending === 0 ? 0 : 0xffffffff, span, blocks, run],
      groups: Math.ceil((rows * blocks * span) / entries),
    }),
  ];
  for (let pairs = Math.ceil(blocks / 2); runs !== undefined; pairs = Math.ceil(pairs / 2)) {
    const kept = Math.min(2 * run, count);
    const lastLength = Math.min(kept, left - (pairs - 1) * 2 * run);
    const words = [rows, left, run, kept];
    const groups = Math.ceil((rows * left) / 64);
    left = (pairs - 1) * kept + lastLength;
    run = kept;
    const to = runsFor(sorting, pairs, run, left);
    dispatches.push(launch(sorting, { file: "sortMerge", from: runs, to, count, words, groups }));
    runs = to;
  }
  return dispatches;
}

/** The launches of place. */
export function placeDispatches(step: KernelStep, slots: readonly Slot[], { library }: Workshop): Dispatch[] {
  const [rows = 0, size = 0, count = 0] = step.words;
  const main = kernelDispatch(step, slots, library);
  if (count === size) return [main];
  const cleared = {
    ...step,
    label: `${step.label} (clear)`,
    entry: "clear",
    workgroups: Math.ceil((rows * size) / 64),
  };
  return [kernelDispatch(cleared, slots, library), main];
}

interface Sorter {
  readonly step: KernelStep;
  readonly workshop: Workshop;
  readonly input: SlotView;
  readonly rows: number;
  readonly length: number;
  readonly kernel: Sorting;
}

/** Room for runs that are to be merged; undefined where a row is one. */
function runsFor({ workshop, rows }: Sorter, runs: number, run: number, length: number): Runs | undefined {
  if (runs <= 1) return undefined;
  const room = (): number => workshop.temporary("u32", rows * length);
  return { keys: room(), places: room(), length, run };
}

interface Stage {
  readonly file: "sort" | "sortMerge";
  readonly from: Runs | undefined;
  /** Undefined for the result. */
  readonly to: Runs | undefined;
  /** Elements of a row of the result. */
  readonly count: number;
  readonly words: readonly number[];
  readonly groups: number;
}

function launch(sorter: Sorter, { file, from, to, count, words, groups }: Stage): Dispatch {
  const { step, workshop, input, length, kernel } = sorter;
  const { library } = workshop;
  const bindings: Binding[] = [];
  const lines: string[] = [];
  const halves: Operand[] = [];
  const bind = (name: string, type: string, access: "read" | "write", source: number, dtype?: DType): void => {
    const at = bindings.length;
    if (dtype === "f16") halves.push({ binding: at, dtype });
    const mode = access === "read" ? "read" : "read_write";
    lines.push(`@group(0) @binding(${String(at)}) var<storage, ${mode}> ${name}: array<${type}>;`);
    bindings.push({ binding: at, access, source });
  };
  if (from !== undefined) {
    bind("keysIn", "u32", "read", from.keys);
    bind("placesIn", "u32", "read", from.places);
  }
  const wanted: readonly string[] = to === undefined ? results[kernel] : [];
  if (from === undefined || wanted.includes("values")) bind("input", "Scalar", "read", input.slot, input.dtype);
  const stores: string[] = [];
  const store = (name: string, type: string, source: number, value: string, dtype?: DType): void => {
    bind(name, type, "write", source, dtype);
    stores.push(`  ${name}[row * u32(parameters.lengthOut) + rank] = ${value};`);
  };
  if (to !== undefined) {
    store("keysOut", "u32", to.keys, "key");
    store("placesOut", "u32", to.places, "place");
  }
  wanted.forEach((what, at) => {
    const { slot = 0, dtype } = step.outputs[at] ?? {};
    const value = "input[parameters.offset0 + row * u32(parameters.lengthSorted) + place]";
    if (what === "places") store("positions", "i32", slot, "i32(place)");
    else store("values", "Scalar", slot, value, dtype);
  });
  const block = bindings.length;
  lines.push(`@group(0) @binding(${String(block)}) var<uniform> parameters: Parameters;`);
  const template = insert(library.template(file) ?? "", "bindings", lines.join("\n"));
  const text = `fn store_entry(row: u32, rank: u32, key: u32, place: u32) {\n${stores.join("\n")}\n}`;
  const numbers = [input.offset, ...words, length, to?.length ?? count];
  return {
    label: to === undefined ? step.label : `${step.label} (${from === undefined ? "blocks" : "merge"})`,
    text: library.link(withHalves(insert(template, "store", text), halves, library.elements), step.dtype),
    entry: "main",
    groups,
    bindings: [...bindings, { binding: block, access: "uniform", source: 0 }],
    blocks: [numbers.map((value): Word => ({ value }))],
  };
}
