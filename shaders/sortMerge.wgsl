// Merges neighbouring sorted runs of entries, two and two: rows of `length` entries in runs of `run` (the last may be shorter)
// become rows of runs of `kept`, no more than twice as long; what lies behind is dropped. A workgroup makes 1024 entries of a
// merged run: it finds by bisection how many of them come from either run, brings these to workgroup memory, and every
// invocation does the same for its four. Of equal keys those of the first run go first: their positions are the smaller ones.
// rows * pairs * ceil(kept / 1024) workgroups. Read next: sort.wgsl, which makes the first runs.

struct Parameters {
  offset0: u32,
  rows: i32,
  length: i32,
  run: i32,
  kept: i32,
  // Pairs of runs in a row.
  pairs: i32,
  // Elements of the rows that are sorted, and of those that "store" writes.
  lengthSorted: i32,
  lengthOut: i32,
}

// @insert bindings

// @insert store

const TILE = 1024;

var<workgroup> keys: array<u32, 1024>;
var<workgroup> places: array<u32, 1024>;
var<workgroup> cuts: array<i32, 2>;

// How many of the first `count` merged entries come from the run at `first` (`lengthA` long) and not from that behind it.
fn cut_between(first: u32, lengthA: i32, lengthB: i32, count: i32) -> i32 {
  var low = max(0, count - lengthB);
  var high = min(count, lengthA);
  while (low < high) {
    let middle = (low + high) / 2;
    if (keysIn[first + u32(middle)] <= keysIn[first + u32(lengthA + count - 1 - middle)]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let tiles = (parameters.kept + TILE - 1) / TILE;
  let index = i32(linear_workgroup(group, groups));
  let row = index / (parameters.pairs * tiles);
  let pair = index / tiles % parameters.pairs;
  let begin = index % tiles * TILE;
  let start = pair * 2 * parameters.run;
  let lengthA = min(parameters.run, parameters.length - start);
  let lengthB = clamp(parameters.length - start - parameters.run, 0, parameters.run);
  let end = min(begin + TILE, min(parameters.kept, lengthA + lengthB));
  if (row >= parameters.rows || begin >= end) {
    return;
  }
  let first = u32(row * parameters.length + start);
  if (lane < 2) {
    cuts[lane] = cut_between(first, lengthA, lengthB, select(begin, end, lane == 1));
  }
  workgroupBarrier();
  let fromA = cuts[0];
  let countA = cuts[1] - fromA;
  let count = end - begin;
  let fromB = lengthA + begin - fromA;
  for (var i = lane; i < count; i += 256) {
    let place = first + u32(select(fromB + i - countA, fromA + i, i < countA));
    keys[i] = keysIn[place];
    places[i] = placesIn[place];
  }
  workgroupBarrier();
  let own = lane * 4;
  let countB = count - countA;
  var low = max(0, own - countB);
  var high = min(own, countA);
  while (low < high) {
    let middle = (low + high) / 2;
    if (keys[middle] <= keys[countA + own - 1 - middle]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  var a = low;
  var b = countA + own - low;
  for (var i = own; i < min(own + 4, count); i++) {
    var taken = b;
    if (b >= count || (a < countA && keys[a] <= keys[b])) {
      taken = a;
      a++;
    } else {
      b++;
    }
    store_entry(u32(row), u32(pair * parameters.kept + begin + i), keys[taken], places[taken]);
  }
}
