// The gradient of take: out [outer, size, inner] sums the rows of source [outer, count, inner] whose index [count]
// names that row, 0 where none does. Negative indices count from the end, those out of range are ignored. Each output
// element walks the whole list, in its order: no atomics, the same bits every time. ceil(outer * size * inner / 64)
// workgroups, one invocation an element.

struct Parameters {
  offset0: u32,
  offset1: u32,
  outer: i32,
  size: i32,
  inner: i32,
  count: i32,
}

@group(0) @binding(0) var<storage, read> source: array<Scalar>;
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
  if (index >= (*p).outer * (*p).size * (*p).inner) {
    return;
  }
  let row = index / (*p).inner;
  let wanted = row % (*p).size;
  let base = row / (*p).size * (*p).count * (*p).inner + index % (*p).inner;
  var total = Scalar(0);
  for (var i = 0; i < (*p).count; i++) {
    let picked = indices[(*p).offset1 + u32(i)];
    if (picked == wanted || picked + (*p).size == wanted) {
      total += source[(*p).offset0 + u32(base + i * (*p).inner)];
    }
  }
  output[index] = total;
}
