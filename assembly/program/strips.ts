// A strip loop: several kernels over the same rows run strip after strip, so that what one leaves for the next is still in
// the first-level cache and never needs memory for more than a strip. Workers share the strips; the kernels inside run
// as if alone. Every worker has a copy of the argument words, whose pointers it moves along.
// Words: [strips, whether the last is shorter, then bytes from args to: the body of a whole strip, the body of the shorter
// last one, the first worker's copy; bytes of a copy]. A body: [records, moves, bytes, then per record: table index, bytes
// from the body to its arguments; per move: bytes from the body to a pointer, bytes it moves from one strip to the next,
// bytes it moves from one worker to the next; then the arguments].
// Knows nothing of the kernels inside. Read next: program.ts, bindings/graph/strips.ts, which cuts programs into strips.
import { Share, Words } from "./words";

const BODY_WORDS = 3;

class Body {
  @inline static records(body: usize): i32 {
    return Words.integer(body, 0);
  }

  @inline static firstMove(body: usize): usize {
    return body + (((BODY_WORDS + 2 * Body.records(body)) << 2) as usize);
  }

  @inline static lastMove(body: usize): usize {
    return Body.firstMove(body) + ((Words.integer(body, 1) * 12) as usize);
  }
}

/** Copies a body and points it at strip `strip` of worker `worker`. */
function open(body: usize, copy: usize, strip: i32, worker: i32): void {
  memory.copy(copy, body, Words.integer(body, 2) as usize);
  const end = Body.lastMove(copy);
  for (let move = Body.firstMove(copy); move < end; move += 12) {
    const pointer = copy + load<u32>(move);
    store<i32>(pointer, load<i32>(pointer) + strip * load<i32>(move, 4) + worker * load<i32>(move, 8));
  }
}

function runBody(body: usize): void {
  const end = body + (((BODY_WORDS + 2 * Body.records(body)) << 2) as usize);
  for (let record = body + (BODY_WORDS << 2); record < end; record += 8) {
    call_indirect(load<u32>(record), body + load<u32>(record, 4), 0, 1);
  }
}

function advance(body: usize): void {
  const end = Body.lastMove(body);
  for (let move = Body.firstMove(body); move < end; move += 12) {
    const pointer = body + load<u32>(move);
    store<i32>(pointer, load<i32>(pointer) + load<i32>(move, 4));
  }
}

export function strips(args: usize, worker: i32, workers: i32): void {
  const count = Words.integer(args, 0);
  const whole = count - Words.integer(args, 1);
  const from = Share.from(count, worker, workers);
  const to = Share.from(count, worker + 1, workers);
  const copy = args + (Words.integer(args, 4) as usize) + (worker as usize) * (Words.integer(args, 5) as usize);
  const end = min<i32>(to, whole);
  if (from < end) {
    open(args + (Words.integer(args, 2) as usize), copy, from, worker);
    runBody(copy);
    for (let strip = from + 1; strip < end; strip++) {
      advance(copy);
      runBody(copy);
    }
  }
  if (to > whole && to > from) {
    open(args + (Words.integer(args, 3) as usize), copy, whole, worker);
    runBody(copy);
  }
}
