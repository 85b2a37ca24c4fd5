// What follows a kernel (bias, activation, a residual), done block by block: a kernel that has finished some rows of its result
// says so, and a map runs over them while they are in cache. To the kernel it is one word, 0 where nothing follows.
// Words behind that address: for each worker [bytes from here to the common words, worker]; then the common words [the
// kernel's result, columns of its rows, bytes of an element, most rows that are done as one, or 0] and a map's (map.ts) over
// [.., columns]. Rows as one: operands either go along with the result or repeat with every row, and then there are as many
// copies of the row in memory.
// Knows nothing of what the map does. Read next: map.ts; bindings/graph/finish.ts, which chooses maps.
import { mapRows, mapWhole } from "./map";
import { Words } from "../program/words";

/** Bytes of a worker's words, and of the common ones before those of the map. */
const WORKER_BYTES: usize = 8;
const COMMON_BYTES: usize = 16;

/** What worker `worker` passes to `finish`. */
export function finishOf(address: usize, worker: i32): usize {
  return address == 0 ? 0 : address + WORKER_BYTES * (worker as usize);
}

/** Tells that `rows` rows of the result are finished, from the element at `place` on: `columns` of each. */
export function finish(own: usize, place: usize, rows: i32, columns: i32): void {
  if (own == 0 || rows <= 0 || columns <= 0) return;
  const common = own + Words.pointer(own, 0);
  const worker = Words.integer(own, 1);
  const width = Words.integer(common, 1);
  const together = Words.integer(common, 3);
  const args = common + COMMON_BYTES;
  const element = ((place - Words.pointer(common, 0)) / Words.pointer(common, 2)) as i32;
  const row = element / width;
  const column = element - row * width;
  if (together == 0 || columns < width) {
    mapRows(args, worker, row, row + rows, column, column + columns);
    return;
  }
  mapWhole(args, worker, row, rows, together);
}
