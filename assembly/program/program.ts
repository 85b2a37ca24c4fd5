// A program: kernels run one after the other within one call from the host. Its records are triples of words
// {function table index, pointer to the arguments, shared?}; every kernel, compiled here, emitted at run time or a user's own, is
// an entry of the table with the signature (args, worker, workers). A shared record is run by all workers of the team, each its
// share; any other by worker 0 alone, because waiting for each other would cost more than it saves. Workers meet wherever one
// may read what another wrote. Knows nothing of what the kernels do.
// Read next: ../elementwise/map.ts, the kernel that most records name; team.ts for meeting.
import { enterTeam, giveJob, jobCount, jobRecords, meet } from "./team";

const RECORD_BYTES: usize = 12;

/** Runs one worker's part. False if the team broke. With one worker there is no team to meet. */
export function run(records: usize, count: i32, worker: i32, workers: i32, team: usize): bool {
  const end = records + (count as usize) * RECORD_BYTES;
  if (workers == 1) {
    for (let record = records; record < end; record += RECORD_BYTES) {
      call_indirect(load<u32>(record), load<usize>(record, 4), 0, 1);
    }
    return true;
  }
  enterTeam(team);
  // Worker 0 alone has written since the last meeting, or all have.
  let soloBefore = false;
  let sharedBefore = false;
  for (let record = records; record < end; record += RECORD_BYTES) {
    const isShared = load<i32>(record, 8) != 0;
    if (sharedBefore || (isShared && soloBefore)) {
      if (!meet(team, worker, workers)) return false;
    }
    sharedBefore = isShared;
    soloBefore = !isShared;
    if (isShared) call_indirect(load<u32>(record), load<usize>(record, 4), worker, workers);
    else if (worker == 0) call_indirect(load<u32>(record), load<usize>(record, 4), 0, 1);
  }
  // The host may write anew to records and arguments once it returns: nobody may still be reading them.
  return meet(team, worker, workers);
}

/** Runs a program on the caller's thread and on members 1 to workers - 1. False if the team broke. */
export function runTogether(records: usize, count: i32, workers: i32, team: usize): bool {
  giveJob(team, records, count, workers);
  return run(records, count, 0, workers, team);
}

/** A member's part of the job that was given. */
export function runPart(team: usize, worker: i32, workers: i32): bool {
  return run(jobRecords(team), jobCount(team), worker, workers, team);
}
