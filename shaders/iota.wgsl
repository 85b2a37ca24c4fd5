// 0, 1, 2 … count - 1 as i32. ceil(count / 64) workgroups, one invocation an element.
// It is what arange, index tricks and random counters are built on; steps and starts are elementwise work
// that the backend writes itself.

struct Parameters {
  count: i32,
}

@group(0) @binding(0) var<storage, read_write> output: array<i32>;
@group(0) @binding(1) var<uniform> parameters: Parameters;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index < parameters.count) {
    output[index] = index;
  }
}
