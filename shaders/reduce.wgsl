// Sum, product, maximum and minimum over the middle axis of [outer, length, inner], with room for fused work before and
// after. The backend replaces the "@insert" lines (README.md shows the texts): operands = more bindings, from 3 on;
// load = the value at an index of the input; combine = the operation and its neutral value; epilogue = the last word on
// each result; size, across, builtins, thread and together = how a workgroup puts its parts together, as `total` from `fold`.
// Knows no operation itself. Two entry points, for outer * chunks * inner parts with chunks = max(1, ceil(length / chunk)), output
// [outer, chunks, inner], to be reduced again where there are several chunks: `serial`, ceil(parts / 64) workgroups, an invocation
// a part; `cooperative`, as many workgroups as parts, one for each.

struct Parameters {
  offset0: u32,
  outer: i32,
  length: i32,
  inner: i32,
  chunk: i32,
}

@group(0) @binding(0) var<storage, read> input: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

// @insert operands

// @insert load

// @insert combine

// @insert epilogue

// Rounding errors grow with the length of a chain of additions, so chains are cut: 32 elements to a partial, partials
// to a total.
const BLOCK = 32;

// Combines the elements start, start + step … below stop of one result; `base` is where its first element lies.
fn combine_range(base: i32, start: i32, stop: i32, step: i32) -> Scalar {
  var total = identity();
  var partial = identity();
  var filled = 0;
  for (var position = start; position < stop; position += step) {
    partial = combine(partial, load(u32(base + position * parameters.inner)));
    filled += 1;
    if (filled == BLOCK) {
      total = combine(total, partial);
      partial = identity();
      filled = 0;
    }
  }
  return combine(total, partial);
}

@compute @workgroup_size(64)
fn serial(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  let chunks = max(1, (parameters.length + parameters.chunk - 1) / parameters.chunk);
  if (index >= parameters.outer * chunks * parameters.inner) {
    return;
  }
  let row = index / parameters.inner;
  let start = (row % chunks) * parameters.chunk;
  let stop = min(start + parameters.chunk, parameters.length);
  let base = (row / chunks) * parameters.length * parameters.inner + index % parameters.inner;
  output[index] = epilogue(combine_range(base, start, stop, 1), u32(index));
}

// SIZE: the invocations of a workgroup of `cooperative`, all of which fold one chunk.
// @insert size
const LANES = SIZE;

var<workgroup> meeting: array<Scalar, SIZE>;

// @insert across

@compute @workgroup_size(SIZE)
fn cooperative(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
// @insert builtins
) {
// @insert thread
  let lane = thread;
  let index = i32(linear_workgroup(group, groups));
  let chunks = max(1, (parameters.length + parameters.chunk - 1) / parameters.chunk);
  if (index >= parameters.outer * chunks * parameters.inner) {
    return;
  }
  // index = (outer position * chunks + chunk number) * inner + inner position
  let column = index % parameters.inner;
  let row = index / parameters.inner;
  let start = (row % chunks) * parameters.chunk;
  let stop = min(start + parameters.chunk, parameters.length);
  let base = (row / chunks) * parameters.length * parameters.inner + column;
  let fold = combine_range(base, start + i32(lane), stop, i32(SIZE));
// @insert together
  if (lane == 0u) {
    output[index] = epilogue(total, u32(index));
  }
}
