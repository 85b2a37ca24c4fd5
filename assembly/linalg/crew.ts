// The workers that work on one matrix. A batch of at least as many matrices as workers, and small matrices, are shared out whole:
// every crew is then one worker. A few large matrices are taken one after the other by a crew of all workers, which share the
// loops of a factorisation and meet between them. What a kernel computes must not depend on the size of its crew.
// A worker is one thread with a module instance of its own, so what is static here is the worker's.
// Read next: product.ts for the loop that is shared most; ../program/team.ts for meeting; elimination.ts for a user.
import { meetHere } from "../program/team";
import { Share } from "../program/words";
import { Scratch } from "./scratch";

/** Order from which a matrix is worth a crew. The host knows the same number: crewFrom in bindings/ops/scratch.ts. */
const CREW_FROM: i32 = 128;
/** Most workers there are: maxThreads of bindings/backends/wasm/threads.ts. */
const MOST: i32 = 16;

/** Bytes that `Crew.largest` needs. */
export const NOTES_BYTES: usize = 128;

export class Crew {
  /** This worker's number in its crew, and the crew's size. */
  static worker: i32 = 0;
  static size: i32 = 1;
  /** The matrices [begin, end) of the batch are this crew's. */
  static begin: i32 = 0;
  static end: i32 = 0;
  /** Where in the kernel's scratch this crew's shared part and this worker's own part lie, in parts. */
  private static slot: i32 = 0;
  private static pieces: i32 = 1;
  private static own: i32 = 0;
  /** What `join` brings back. */
  private static member: i32 = 0;
  private static members: i32 = 1;

  /** Forms the crews for a batch of matrices of order n (the shorter side). */
  static form(batch: i32, n: i32, worker: i32, workers: i32): void {
    const isTogether = batch < workers && n >= CREW_FROM && workers <= MOST;
    Crew.worker = isTogether ? worker : 0;
    Crew.size = isTogether ? workers : 1;
    Crew.begin = isTogether ? 0 : Share.from(batch, worker, workers);
    Crew.end = isTogether ? batch : Share.from(batch, worker + 1, workers);
    Crew.slot = isTogether ? 0 : Scratch.slot(batch, worker, workers);
    Crew.pieces = min<i32>(batch, workers);
    Crew.own = worker;
  }

  /** The scratch that a crew shares: min(batch, workers) parts of this many bytes, a multiple of 64. */
  static shared(scratch: usize, bytes: usize): usize {
    return scratch + (Crew.slot as usize) * bytes;
  }

  /** The scratch of this worker alone, one part for each behind the shared ones. Both sizes are multiples of 64. */
  static alone(scratch: usize, sharedBytes: usize, bytes: usize): usize {
    return scratch + (Crew.pieces as usize) * sharedBytes + (Crew.own as usize) * bytes;
  }

  /** Lets this worker go on alone, as a crew of one, until `join` brings it back. */
  static part(): void {
    Crew.member = Crew.worker;
    Crew.members = Crew.size;
    Crew.worker = 0;
    Crew.size = 1;
  }

  static join(): void {
    Crew.worker = Crew.member;
    Crew.size = Crew.members;
  }

  /** Whether this worker does what one worker does for all. */
  @inline static leads(): bool {
    return Crew.worker == 0;
  }

  /** This worker's share of `total` items is [from(total), to(total)); inner boundaries are multiples of `unit`. */
  @inline static from(total: i32, unit: i32 = 1): i32 {
    return Share.fromUnits(total, unit, Crew.worker, Crew.size);
  }

  @inline static to(total: i32, unit: i32 = 1): i32 {
    return Share.fromUnits(total, unit, Crew.worker + 1, Crew.size);
  }

  /** Waits for the others. What each wrote before is seen by all. */
  @inline static meet(): void {
    if (Crew.size > 1) meetHere(Crew.worker, Crew.size);
  }

  /** The largest of the workers' values, NaN if one of them is. `notes` is NOTES_BYTES that the crew shares. */
  static largest(value: f64, notes: usize): f64 {
    if (Crew.size == 1) return value;
    store<f64>(notes + ((Crew.worker as usize) << 3), value);
    Crew.meet();
    let all = value;
    for (let other = 0; other < Crew.size; other++) {
      const theirs = load<f64>(notes + ((other as usize) << 3));
      if (theirs != theirs || theirs > all) all = theirs;
      if (all != all) break;
    }
    // Nobody writes anew while another still reads.
    Crew.meet();
    return all;
  }
}
