// Sorts blocks of up to 512 neighbours of rows [rows, length], in workgroup memory: the whole row where it fits, else runs
// that sortMerge.wgsl merges. Entries are a key that orders as the values do and the position in the row, so equal values
// keep their order; the network is Batcher's bitonic one with every step ascending. A workgroup sorts 512 / span blocks side
// by side, where span, a power of two, is no less than a block: ceil(rows * blocks * span / 512) workgroups.
// At "store" stands where the first `kept` entries of a block go: the result itself, or keys and positions.

struct Parameters {
  offset0: u32,
  rows: i32,
  length: i32,
  // All ones turns the order round.
  flip: u32,
  span: i32,
  // Blocks in a row.
  blocks: i32,
  kept: i32,
  // Elements of the rows that are sorted, and of those that "store" writes.
  lengthSorted: i32,
  lengthOut: i32,
}

// @insert bindings

// @insert store

const ENTRIES = 512;

var<workgroup> keys: array<u32, 512>;
var<workgroup> places: array<u32, 512>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let span = parameters.span;
  let together = ENTRIES / span;
  let first = i32(linear_workgroup(group, groups)) * together;
  if (first >= parameters.rows * parameters.blocks) {
    return;
  }
  for (var i = lane; i < ENTRIES; i += 256) {
    let block = first + i / span;
    let position = block % parameters.blocks * span + i % span;
    keys[i] = 0xffffffffu;
    places[i] = 0xffffffffu;
    if (block < parameters.rows * parameters.blocks && position < parameters.length) {
      let value = input[parameters.offset0 + u32(block / parameters.blocks * parameters.length + position)];
      keys[i] = order_key(value) ^ parameters.flip;
      places[i] = u32(position);
    }
  }
  // Pairs of sorted parts become one: the second is met from its end, so both halves of the outcome are again to be sorted.
  for (var size = 2; size <= span; size *= 2) {
    for (var reach = size / 2; reach > 0; reach /= 2) {
      workgroupBarrier();
      let low = lane + (lane & ~(reach - 1));
      let high = low ^ select(reach, size - 1, 2 * reach == size);
      let key = keys[low];
      let other = keys[high];
      let place = places[low];
      let otherPlace = places[high];
      if (key > other || (key == other && place > otherPlace)) {
        keys[low] = other;
        keys[high] = key;
        places[low] = otherPlace;
        places[high] = place;
      }
    }
  }
  workgroupBarrier();
  for (var i = lane; i < ENTRIES; i += 256) {
    let block = first + i / span;
    let rank = i % span;
    let row = block / parameters.blocks;
    if (row < parameters.rows && rank < parameters.kept && places[i] != 0xffffffffu) {
      store_entry(u32(row), u32(block % parameters.blocks * parameters.kept + rank), keys[i], places[i]);
    }
  }
}
