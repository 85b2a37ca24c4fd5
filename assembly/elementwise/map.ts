// Elementwise work over any shape: walks the outer indices and calls a row function, an entry of the function table,
// once a row through a cursor it advances, or, if the function is `nested`, once for many short rows, which it walks itself.
// Knows neither the function nor the element type, only sizes in bytes.
// Argument words: [rowFunction, operands, rank, n, nested, sizes[rank], then per operand, outputs first: pointer,
// innerStride, elementBytes, strides[rank]; then the cursors, (2 + 3 * operands) words for each worker]. Strides are in
// elements. A cursor is what rows.ts says and, for nested functions, the number of rows and a step in bytes per operand.
// Read next: rows.ts for the row functions and the cursor, ../program/program.ts for the caller.
import { Share, Words } from "../program/words";

const HEADER_WORDS = 5;

/** Inner lengths are split between workers at multiples of this: whole cache lines of f32. */
const SHARE_UNIT = 16;

/** The argument words of one call. */
class MapArguments {
  @inline static rank(args: usize): i32 {
    return Words.integer(args, 2);
  }

  @inline static size(args: usize, dimension: i32): i32 {
    return Words.integer(args, HEADER_WORDS + dimension);
  }

  /** The words of one operand: pointer, inner stride, element bytes, strides. */
  @inline static operand(args: usize, index: i32): usize {
    const rank = MapArguments.rank(args);
    return args + (((HEADER_WORDS + rank + index * (3 + rank)) << 2) as usize);
  }

  @inline static isNested(args: usize): bool {
    return Words.integer(args, 4) != 0;
  }

  @inline static cursor(args: usize, worker: i32): usize {
    const operands = Words.integer(args, 1);
    return MapArguments.operand(args, operands) + (((worker * (2 + 3 * operands)) << 2) as usize);
  }
}

/** Points every operand of the cursor at the start of row `row`, `skip` elements into it. */
function seek(args: usize, cursor: usize, row: i32, skip: i32): void {
  const rank = MapArguments.rank(args);
  const operands = Words.integer(args, 1);
  for (let index = 0; index < operands; index++) {
    const operand = MapArguments.operand(args, index);
    let elements = skip * Words.integer(operand, 1);
    let rest = row;
    for (let dimension = rank - 1; dimension >= 0; dimension--) {
      const size = MapArguments.size(args, dimension);
      const quotient = rest / size;
      elements += (rest - quotient * size) * Words.integer(operand, 3 + dimension);
      rest = quotient;
    }
    const pointer = Words.pointer(operand, 0) + ((elements * Words.integer(operand, 2)) as usize);
    store<usize>(cursor + 4 + ((index as usize) << 3), pointer);
  }
}

/** Moves every operand of the cursor `steps` steps along the last outer dimension. */
function advance(args: usize, cursor: usize, steps: i32): void {
  const rank = MapArguments.rank(args);
  const operandBytes = ((3 + rank) << 2) as usize;
  const strideOffset = ((2 + rank) << 2) as usize;
  let operand = MapArguments.operand(args, 0);
  const end = operand + (Words.integer(args, 1) as usize) * operandBytes;
  let place = cursor + 4;
  while (operand < end) {
    store<i32>(place, load<i32>(place) + steps * load<i32>(operand + strideOffset) * load<i32>(operand, 8));
    operand += operandBytes;
    place += 8;
  }
}

/** The cursor of a worker, with the inner strides in it. */
function cursorOf(args: usize, worker: i32): usize {
  const operands = Words.integer(args, 1);
  const cursor = MapArguments.cursor(args, worker);
  for (let index = 0; index < operands; index++) {
    store<i32>(cursor + 8 + ((index as usize) << 3), Words.integer(MapArguments.operand(args, index), 1));
  }
  return cursor;
}

/** Elements [from, to) of rows [row, rows), counted over all outer dimensions. */
export function mapRows(args: usize, worker: i32, row: i32, rows: i32, from: i32, to: i32): void {
  const rowFunction = Words.integer(args, 0);
  const operands = Words.integer(args, 1);
  const rank = MapArguments.rank(args);
  const cursor = cursorOf(args, worker);
  store<i32>(cursor, to - from);
  const isNested = MapArguments.isNested(args);
  const nest = cursor + (((1 + 2 * operands) << 2) as usize);
  if (isNested) {
    for (let index = 0; index < operands; index++) {
      const operand = MapArguments.operand(args, index);
      const step = Words.integer(operand, 2 + rank) * Words.integer(operand, 2);
      store<i32>(nest + 4 + ((index as usize) << 2), step);
    }
  }
  // Only the last outer dimension is stepped along; where it ends, the pointers are found anew from the row number,
  // which needs no counters in memory and is rare unless that dimension is tiny.
  const last = rank > 0 ? MapArguments.size(args, rank - 1) : 1;
  while (row < rows) {
    seek(args, cursor, row, from);
    let run = min(last - (row % last), rows - row);
    row += run;
    if (isNested) {
      store<i32>(nest, run);
      run = 0;
    }
    call_indirect(rowFunction, cursor);
    while (--run > 0) {
      advance(args, cursor, 1);
      call_indirect(rowFunction, cursor);
    }
  }
}

/**
 * `rows` whole rows from `row` on, of which there is one outer dimension: up to `together` as one row. Operands go along with
 * the first, or repeat with every row and lie in memory as often as that.
 */
export function mapWhole(args: usize, worker: i32, row: i32, rows: i32, together: i32): void {
  const rowFunction = Words.integer(args, 0);
  const length = Words.integer(args, 3);
  const cursor = cursorOf(args, worker);
  seek(args, cursor, row, 0);
  store<i32>(cursor, together * length);
  for (; rows > together; rows -= together) {
    call_indirect(rowFunction, cursor);
    advance(args, cursor, together);
  }
  store<i32>(cursor, rows * length);
  call_indirect(rowFunction, cursor);
}

export function map(args: usize, worker: i32, workers: i32): void {
  const rank = MapArguments.rank(args);
  const length = Words.integer(args, 3);
  let rows = 1;
  for (let dimension = 0; dimension < rank; dimension++) rows *= MapArguments.size(args, dimension);
  if (rows == 0 || length == 0) return;
  // Many rows: each worker takes some. Fewer rows than workers: each takes its part of every row.
  if (rows < workers) {
    const from = Share.fromUnits(length, SHARE_UNIT, worker, workers);
    const to = Share.fromUnits(length, SHARE_UNIT, worker + 1, workers);
    if (from < to) mapRows(args, worker, 0, rows, from, to);
  } else {
    mapRows(args, worker, Share.from(rows, worker, workers), Share.from(rows, worker + 1, workers), 0, length);
  }
}
