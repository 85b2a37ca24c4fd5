// Running sums or products along the middle axis of [outer, length, inner]. One workgroup a row: outer * inner workgroups of
// 256 invocations. A row is walked in tiles of 2048: each invocation combines 8 neighbours, the workgroup scans the 256
// results, and the total so far is carried along: of sums in two parts, so the error stays at a few units in the last place of
// the largest partial sum for rows of 1e5. At "combine" stand `identity`, `combine`, and `after` and `advance`, which say what
// follows the carried total and how it goes on. Works for f32, i32 and u32; knows nothing of reversed or exclusive scans, which
// the ops above build from this.

struct Parameters {
  offset0: u32,
  outer: i32,
  length: i32,
  inner: i32,
}

@group(0) @binding(0) var<storage, read> input: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

// @insert combine

var<workgroup> sums: array<Scalar, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups));
  if (index >= parameters.outer * parameters.inner) {
    return;
  }
  let base = (index / parameters.inner) * parameters.length * parameters.inner + index % parameters.inner;
  var carry = vec2<Scalar>(identity(), Scalar(0));
  for (var tile = 0; tile < parameters.length; tile += 2048) {
    let first = tile + i32(lane) * 8;
    var prefix: array<Scalar, 8>;
    var sum = identity();
    for (var i = 0; i < 8; i++) {
      if (first + i < parameters.length) {
        sum = combine(sum, input[parameters.offset0 + u32(base + (first + i) * parameters.inner)]);
      }
      prefix[i] = sum;
    }
    // Inclusive scan of the 256 results: after each round an element covers twice as many to its left.
    sums[lane] = sum;
    workgroupBarrier();
    for (var distance = 1u; distance < 256u; distance <<= 1u) {
      var before = identity();
      if (lane >= distance) {
        before = sums[lane - distance];
      }
      workgroupBarrier();
      sums[lane] = combine(before, sums[lane]);
      workgroupBarrier();
    }
    var before = identity();
    if (lane > 0u) {
      before = sums[lane - 1u];
    }
    for (var i = 0; i < 8; i++) {
      if (first + i < parameters.length) {
        output[base + (first + i) * parameters.inner] = after(carry, combine(before, prefix[i]));
      }
    }
    carry = advance(carry, sums[255]);
    workgroupBarrier();
  }
}
