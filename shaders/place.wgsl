// Elements of rows of source [rows, count] to where their indices say, in rows of `size`: indices of a row are in range and all
// different. `clear` puts 0 everywhere first, which a row that is only put in another order does not need.
// clear: ceil(rows * size / 64) workgroups; main: ceil(rows * count / 64), an invocation an element.

struct Parameters {
  offset0: u32,
  offset1: u32,
  rows: i32,
  size: i32,
  count: i32,
}

@group(0) @binding(0) var<storage, read> source: array<Scalar>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(64)
fn clear(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index < parameters.rows * parameters.size) {
    output[index] = Scalar(0);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= parameters.rows * parameters.count) {
    return;
  }
  let place = index / parameters.count * parameters.size + indices[parameters.offset1 + u32(index)];
  output[place] = source[parameters.offset0 + u32(index)];
}
