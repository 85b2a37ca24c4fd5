// A program: kernels run one after the other within one call from the host. Its records are pairs of words
// {function table index, pointer to the arguments}; every kernel, compiled here, emitted at run time or a user's own, is an
// entry of the table with the signature (args, worker, workers). Knows nothing of what the kernels do.
// Read next: map.ts, the kernel that most records name.

const RECORD_BYTES: usize = 8;

export function run(records: usize, count: i32, worker: i32, workers: i32): void {
  const end = records + (count as usize) * RECORD_BYTES;
  for (let record = records; record < end; record += RECORD_BYTES) {
    call_indirect(load<u32>(record), load<usize>(record, 4), worker, workers);
    // With several workers a kernel may read what another worker wrote in the record before: the barrier goes here.
  }
}
