// The argument words of a strip loop: its bodies, laid out so that every worker can copy one and move it from strip to strip.
// Knows words and pointers, no step. Read next: assembly/program/strips.ts, which defines the layout; program.ts, which writes bodies.
import type { Patch } from "./places.ts";

/** A kernel's place in the function table and the first of its argument words. */
export interface Call {
  readonly index: number;
  readonly start: number;
}

const headerWords = 6;
const bodyWords = 3;

/** Appends a strip loop to `words`; every body writes its own arguments there. Returns where the loop's words start. */
export function stripWords(
  words: number[],
  patches: readonly Patch[],
  strips: number,
  bodies: readonly (() => readonly Call[])[],
  workers: number,
): number {
  const start = words.length;
  words.push(strips, bodies.length - 1, ...new Array<number>(headerWords - 2).fill(0));
  const sizes = bodies.map((write, index) => {
    words[start + 2 + index] = 4 * (words.length - start);
    return writeBody(words, patches, write);
  });
  words[start + 4] = 4 * (words.length - start);
  const copy = Math.max(...sizes);
  words[start + 5] = 4 * copy;
  for (let word = 0; word < workers * copy; word++) words.push(0);
  return start;
}

/** Appends one body; returns its length in words. */
function writeBody(words: number[], patches: readonly Patch[], write: () => readonly Call[]): number {
  const start = words.length;
  const firstPatch = patches.length;
  const calls = write();
  const moving = patches.slice(firstPatch).filter(({ advance, share }) => advance !== 0 || share !== 0);
  // The head's length is known only now: the arguments move behind it.
  const head = bodyWords + 2 * calls.length + 3 * moving.length;
  const at = (word: number): number => 4 * (word - start + head);
  const length = head + words.length - start;
  const records = calls.flatMap((call) => [call.index, at(call.start)]);
  const moves = moving.flatMap(({ word, advance, share }) => [at(word), advance, share]);
  words.splice(start, 0, calls.length, moving.length, 4 * length, ...records, ...moves);
  for (const patch of patches.slice(firstPatch)) patch.word += head;
  return length;
}
