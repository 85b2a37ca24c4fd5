// The command line of every benchmark. Read next: row.ts for what --json and --save do.
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    threads: { type: "string", default: "1" },
    simd: { type: "string", default: "auto" },
    profile: { type: "string" },
    steps: { type: "string" },
    part: { type: "string", default: "1/1" },
  },
});

/** Without the largest; one object a row; rows are kept in results/; a made-up machine for `dispatch`. */
export const { quick, json, save: isKept, profile } = values;

/** Only rows whose name contains one of these; all without. */
export const words: readonly string[] = positionals;

/** Steps of the long runs that `memory` then measures; undefined without. */
export const steps: number | undefined = values.steps === undefined ? undefined : Number(values.steps);
if (steps !== undefined && !(Number.isInteger(steps) && steps > 0))
  throw new RangeError(`--steps takes a number like 5000, got ${String(values.steps)}`);

/** Which part of how many of the work of `dispatch` is done: each part takes every so-manieth piece. */
export const part: readonly [number, number] = partOf(values.part);

function partOf(text: string): readonly [number, number] {
  const [which = 0, count = 0] = text.split("/").map(Number);
  if (!Number.isInteger(which) || !Number.isInteger(count) || which < 1 || which > count)
    throw new RangeError(`--part takes one like 2/3, got ${text}`);
  return [which, count];
}

/** Threads to run on, one configuration each. */
export const threads: readonly number[] = values.threads.split(",").map((entry) => {
  const count = Number(entry);
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`--threads takes numbers like 1 or 1,2, got ${entry}`);
  return count;
});

/** Builds of the CPU kernels to run, one configuration each. */
export const simd: readonly ("auto" | "relaxed" | "strict")[] = values.simd.split(",").map((entry) => {
  if (entry !== "auto" && entry !== "relaxed" && entry !== "strict")
    throw new RangeError(`--simd takes auto, relaxed, strict or several of them, got ${entry}`);
  return entry;
});

/** True if a row of this name was asked for. */
export const isChosen = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));
