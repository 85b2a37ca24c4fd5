// The team: workers (threads) that run one program together. A worker joins, waits for jobs, and meets the others between
// records. All of it happens in one block of shared words that the host sets aside; without shared memory there is no team and
// these functions do nothing. Whoever waits spins for a while first, because waking a sleeper takes some tens of microseconds.
// Knows no kernels and no records. Read next: program.ts, which meets; bindings/backends/wasm/threads.ts, the host's side.

/** Byte offsets in the block, one word to a cache line. The host reads and writes those it shares: threads.ts. */
class Place {
  /** generation << 8 | workers that take part. One word, so that a worker that is left out never looks at a job's other words. */
  static readonly JOB: usize = 0;
  static readonly SLEEPING: usize = 64;
  static readonly JOINED: usize = 128;
  static readonly ARRIVED: usize = 192;
  static readonly PHASE: usize = 256;
  static readonly WAITING: usize = 320;
  /** Not 0 once a member stopped in the middle of a job: nobody waits for anybody any more. */
  static readonly BROKEN: usize = 384;
  /** The job: records, count. */
  static readonly RECORDS: usize = 448;
  /** Whether the host's thread may sleep: a browser's main thread may not. */
  static readonly HOST_SLEEPS: usize = 456;
}

/**
 * Looks for a job this often before sleeping: a millisecond or so, more than a loop in JavaScript takes between two programs.
 * A look takes one to two nanoseconds.
 */
const IDLE_SPINS = 800000;
/**
 * Looks for the others this often before sleeping, in all the meetings of a program: about ten milliseconds, more than the turn
 * that a scheduler gives to another process. A scheduler that packs threads wakes a sleeper on the core of the one who wakes it:
 * two that fall asleep in turns stay on one core beside an idle one (seen on two virtual cores of an AMD EPYC, November 2026:
 * 44 microseconds of a product became 92). Two that never sleep are moved apart.
 */
const MEETING_SPINS = 8000000;
/** The same where looking was in vain in the programs before: there are more threads than cores. */
const FEWEST_SPINS = 100000;
/** So many looks more are granted at each meeting: a program of many meetings may wait a little at each. */
const GRANTED_SPINS = 40000;
/** Whoever looked more often than that, about half a millisecond, had no company to speak of. */
const LATE_SPINS = 400000;
/** A sleeper looks up this often (nanoseconds), should a member have stopped without a word. */
const NAP: i64 = 500_000_000;

/** Makes the caller a member; its number, from 1. */
export function joinTeam(team: usize): i32 {
  if (ASC_FEATURE_THREADS) return atomic.add<i32>(team + Place.JOINED, 1) + 1;
  return 0;
}

/** The number of workers that have joined. */
export function teamSize(team: usize): i32 {
  if (ASC_FEATURE_THREADS) return atomic.load<i32>(team + Place.JOINED);
  return 0;
}

/** Waits for a job other than `seen`, which is 0 before the first. */
export function awaitJob(team: usize, seen: i32): i32 {
  if (ASC_FEATURE_THREADS) {
    for (let turn = 0; turn < IDLE_SPINS; turn++) {
      const job = atomic.load<i32>(team + Place.JOB);
      if (job != seen) return job;
    }
    // The host looks for sleepers after it has set the job, so one of the two always sees the other.
    atomic.add<i32>(team + Place.SLEEPING, 1);
    let job = atomic.load<i32>(team + Place.JOB);
    while (job == seen) {
      atomic.wait<i32>(team + Place.JOB, seen, -1);
      job = atomic.load<i32>(team + Place.JOB);
    }
    atomic.sub<i32>(team + Place.SLEEPING, 1);
    return job;
  }
  return seen;
}

/** Gives members 1 to workers - 1 the records to run. */
export function giveJob(team: usize, records: usize, count: i32, workers: i32): void {
  if (ASC_FEATURE_THREADS) {
    store<usize>(team + Place.RECORDS, records);
    store<i32>(team + Place.RECORDS, count, 4);
    const generation = (atomic.load<i32>(team + Place.JOB) >>> 8) + 1;
    atomic.store<i32>(team + Place.JOB, (generation << 8) | workers);
    if (atomic.load<i32>(team + Place.SLEEPING) > 0) atomic.notify(team + Place.JOB, -1);
  }
}

/** The records of the job that was given last. */
export function jobRecords(team: usize): usize {
  return load<usize>(team + Place.RECORDS);
}

/** Their number. */
export function jobCount(team: usize): i32 {
  return load<i32>(team + Place.RECORDS, 4);
}

/** A word of memory, for a worker that would have to make a view of it otherwise. */
export function readWord(address: usize): u32 {
  return load<u32>(address);
}

/** Whether a member has stopped in the middle of a job. */
export function isBroken(team: usize): bool {
  if (ASC_FEATURE_THREADS) return atomic.load<i32>(team + Place.BROKEN) != 0;
  return false;
}

/** Lets everybody who waits go on and find the team broken. */
export function breakTeam(team: usize): void {
  if (ASC_FEATURE_THREADS) {
    atomic.store<i32>(team + Place.BROKEN, 1);
    atomic.notify(team + Place.PHASE, -1);
  }
}

/**
 * How often this worker may still look for the others in the program that it runs. Where another process has a core they may be
 * waiting for the one that this worker looks around on: once all looks are used up it sleeps, and has fewer in the next program.
 */
let patience = MEETING_SPINS;
/** What patience begins a program with. */
let trust = MEETING_SPINS;
/** Meetings of this worker in the program that it has run last, and those that it had to wait long for. */
let held = 0;
let late = 0;

/** How often this worker met the others in the program that it has run last: late meetings << 16 | all, each at most 65535. */
export function meetingsHeld(): i32 {
  return (min<i32>(late, 0xffff) << 16) | min<i32>(held, 0xffff);
}

/** Waits until all `workers` members are here; false if one never will be. What each wrote before is then seen by all. */
export function meet(team: usize, worker: i32, workers: i32): bool {
  if (ASC_FEATURE_THREADS) {
    held++;
    const phase = atomic.load<i32>(team + Place.PHASE);
    if (atomic.add<i32>(team + Place.ARRIVED, 1) == workers - 1) {
      atomic.store<i32>(team + Place.ARRIVED, 0);
      atomic.add<i32>(team + Place.PHASE, 1);
      if (atomic.load<i32>(team + Place.WAITING) > 0) atomic.notify(team + Place.PHASE, -1);
      return true;
    }
    const most = patience;
    for (let turn = 0; turn < most; turn++) {
      if (atomic.load<i32>(team + Place.PHASE) != phase) {
        if (turn > LATE_SPINS) late++;
        patience = min<i32>(trust, most - turn + GRANTED_SPINS);
        return true;
      }
    }
    late++;
    patience = GRANTED_SPINS;
    const sleeps = worker > 0 || load<i32>(team + Place.HOST_SLEEPS) != 0;
    if (sleeps) atomic.add<i32>(team + Place.WAITING, 1);
    while (atomic.load<i32>(team + Place.PHASE) == phase && !isBroken(team)) {
      if (sleeps) atomic.wait<i32>(team + Place.PHASE, phase, NAP);
    }
    if (sleeps) atomic.sub<i32>(team + Place.WAITING, 1);
    return atomic.load<i32>(team + Place.PHASE) != phase;
  }
  return true;
}

/** The team that this worker runs a program with. A worker has a module instance of its own, so this is the worker's. */
let present: usize = 0;
let isDeserted = false;

/** At the beginning of a program: notes the team, so that kernels can meet without being told which it is, and counts anew. */
export function enterTeam(team: usize): void {
  present = team;
  isDeserted = false;
  held = 0;
  late = 0;
  // Looks were used up in the program before where less is left than is granted at once.
  trust = patience > GRANTED_SPINS ? min<i32>(MEETING_SPINS, 2 * trust) : max<i32>(FEWEST_SPINS, trust >> 2);
  patience = trust;
}

/**
 * Waits inside a kernel until all workers that run it are here. Once one never will be, nobody waits any more until the program
 * ends, which finds the team broken: what is computed until then is thrown away.
 */
export function meetHere(worker: i32, workers: i32): void {
  if (ASC_FEATURE_THREADS) {
    if (!isDeserted) isDeserted = !meet(present, worker, workers);
  }
}
