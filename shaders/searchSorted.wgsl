// For each of `count` values how many elements of the sorted vector belong before it: those that are smaller, or (right) those
// that are equal too, in the order of order_key. ceil(count / 64) workgroups, one invocation a value.

struct Parameters {
  offset0: u32,
  offset1: u32,
  size: i32,
  count: i32,
  right: i32,
}

@group(0) @binding(0) var<storage, read> sorted: array<Scalar>;
@group(0) @binding(1) var<storage, read> values: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<i32>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= parameters.count) {
    return;
  }
  let key = order_key(values[parameters.offset1 + u32(index)]);
  var low = 0;
  var high = parameters.size;
  while (low < high) {
    let middle = (low + high) / 2;
    let other = order_key(sorted[parameters.offset0 + u32(middle)]);
    if (other < key || (parameters.right != 0 && other == key)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  output[index] = low;
}
