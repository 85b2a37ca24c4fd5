// The position of the first maximum along the middle axis of [outer, length, inner]; NaN counts as the maximum, as
// NumPy has it. Works for every Scalar through integer keys. Entry points: `main`, ceil(outer * inner / 64) workgroups,
// one invocation a result; `cooperative`, outer * inner workgroups, one for each result, for long rows and few of them.
// An empty axis gives 0.

struct Parameters {
  offset0: u32,
  outer: i32,
  length: i32,
  inner: i32,
}

@group(0) @binding(0) var<storage, read> input: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> output: array<i32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

struct Best {
  key: u32,
  position: i32,
}

// The larger key wins.
fn key_at(index: i32) -> u32 {
  let value = input[parameters.offset0 + u32(index)];
  return order_key(value);
}

// The first best element among start, start + step …; positions ascend, so only a strictly better one replaces it.
fn best_of_range(base: i32, start: i32, step: i32) -> Best {
  var best = Best(0u, 0x7fffffff);
  for (var position = start; position < parameters.length; position += step) {
    let key = key_at(base + position * parameters.inner);
    if (key > best.key || best.position == 0x7fffffff) {
      best = Best(key, position);
    }
  }
  return best;
}

fn base_of(index: i32) -> i32 {
  return (index / parameters.inner) * parameters.length * parameters.inner + index % parameters.inner;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= parameters.outer * parameters.inner) {
    return;
  }
  output[index] = select(0, best_of_range(base_of(index), 0, 1).position, parameters.length > 0);
}

var<workgroup> bests: array<Best, 256>;

@compute @workgroup_size(256)
fn cooperative(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups));
  if (index >= parameters.outer * parameters.inner) {
    return;
  }
  bests[lane] = best_of_range(base_of(index), i32(lane), 256);
  for (var width = 128u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) {
      let mine = bests[lane];
      let other = bests[lane + width];
      // An invocation without elements has the last position and the lowest key, so it never wins.
      if (other.key > mine.key || (other.key == mine.key && other.position < mine.position)) {
        bests[lane] = other;
      }
    }
  }
  if (lane == 0u) {
    output[index] = select(0, bests[0].position, parameters.length > 0);
  }
}
