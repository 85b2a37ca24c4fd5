// Merges neighbouring sorted runs of entries, two and two: rows of `length` entries in runs of `run` (the last may be shorter)
// become rows of runs of `kept`, no more than twice as long; what lies behind is dropped. Every entry finds its place alone: it
// follows the entries before it in its own run and those of the other run that go first, which it counts by bisection. Of
// equal keys those of the first run go first: their positions are the smaller ones. No memory is shared and nobody waits.
// ceil(rows * length / 64) workgroups. Read next: sort.wgsl, which makes the first runs.

struct Parameters {
  offset0: u32,
  rows: i32,
  length: i32,
  run: i32,
  kept: i32,
  // Elements of the rows that are sorted, and of those that "store" writes.
  lengthSorted: i32,
  lengthOut: i32,
}

// @insert bindings

// @insert store

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= parameters.rows * parameters.length) {
    return;
  }
  let row = index / parameters.length;
  let position = index % parameters.length;
  let own = position / parameters.run;
  let isSecond = own % 2 == 1;
  let other = own + select(1, -1, isSecond);
  let base = row * parameters.length;
  var low = min(other * parameters.run, parameters.length);
  let begin = low;
  var high = min(low + parameters.run, parameters.length);
  let key = keysIn[index];
  while (low < high) {
    let middle = (low + high) / 2;
    let met = keysIn[base + middle];
    if (met < key || (isSecond && met == key)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  let rank = position - own * parameters.run + low - begin;
  if (rank < parameters.kept) {
    store_entry(u32(row), u32(own / 2 * parameters.kept + rank), key, placesIn[index]);
  }
}
