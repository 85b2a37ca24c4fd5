// Elements of x [outer, size, inner] picked along the middle axis by indices [outer, count, inner]: out [outer, count,
// inner]. A negative index counts from the end; one out of range reads NaN, or 0 for integer types. ceil(outer * count
// * inner / 64) workgroups, one invocation an element. Its gradient is scatterAdd.wgsl.

struct Parameters {
  offset0: u32,
  offset1: u32,
  outer: i32,
  size: i32,
  inner: i32,
  count: i32,
}

@group(0) @binding(0) var<storage, read> x: array<Scalar>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = &parameters;
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= (*p).outer * (*p).count * (*p).inner) {
    return;
  }
  var picked = indices[(*p).offset1 + u32(index)];
  picked += select(0, (*p).size, picked < 0);
  if (picked < 0 || picked >= (*p).size) {
    output[index] = invalid_scalar();
  } else {
    let outer = index / ((*p).count * (*p).inner);
    output[index] = x[i32((*p).offset0) + ((outer * (*p).size + picked) * (*p).inner + index % (*p).inner)];
  }
}
