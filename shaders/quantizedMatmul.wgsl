// Product of f32 activations with quantised weights, in whole numbers: rows of x are quantised to 0 .. 127 by a scale and a
// zero point of their own, u = round(x / scale) + zero, and
//   out[i, j] = (sum over k of u[i, k] w[k, j] - zero[i] * sums[j]) * (scale[i] * scales[j])
// as assembly/products/quantized.ts has it. Weights are packed as [columns / 8][k / 4][8][4] bytes, a word each here; the backend puts
// `dot_bytes`, the sum of four products of signed bytes, at the "@insert" line. Workgroups: ceil(m / 4) * ceil(n / 64), each of
// 64 invocations for 4 rows and 64 columns.

struct Parameters {
  offset0: u32,
  offset1: u32,
  offset2: u32,
  offset3: u32,
  m: i32,
  n: i32,
  k: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read> columnSums: array<i32>;
@group(0) @binding(4) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(5) var<uniform> parameters: Parameters;

// @insert epilogue

// @insert dot

const ROWS = 4;

var<workgroup> least: array<vec4<f32>, 64>;
var<workgroup> most: array<vec4<f32>, 64>;
// 16 groups of four quantised steps of each row.
var<workgroup> steps: array<u32, 64>;

fn value_of(row: i32, k: i32) -> f32 {
  return x[i32(parameters.offset0) + row * parameters.k + k];
}

// Four steps of a row from k on, quantised, one in each byte.
fn quantized_group(row: i32, k: i32, inverse: f32, zero: i32) -> u32 {
  var word = 0u;
  if (row < parameters.m) {
    for (var i = 0; i < 4; i++) {
      if (k + i < parameters.k) {
        let u = clamp(i32(round(value_of(row, k + i) * inverse)) + zero, 0, 127);
        word |= u32(u) << (8u * u32(i));
      }
    }
  }
  return word;
}

// Four weights of a column, one in each byte.
fn weight_group(group: i32, column: i32) -> u32 {
  let groups = (parameters.k + 3) / 4;
  let start = i32(parameters.offset1) + ((column / 8 * groups + group) * 8 + column % 8) * 4;
  return weights[start] | (weights[start + 1] << 8u) | (weights[start + 2] << 16u) | (weights[start + 3] << 24u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let p = &parameters;
  let lane = i32(invocation);
  let blocks = ((*p).n + 63) / 64;
  let item = i32(linear_workgroup(group, groups));
  if (item >= ((*p).m + ROWS - 1) / ROWS * blocks) {
    return;
  }
  let row = item / blocks * ROWS;
  let column = item % blocks * 64 + lane;
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var i = 0; i < ROWS; i++) {
    if (row + i < (*p).m) {
      for (var k = lane; k < (*p).k; k += 64) {
        low[i] = min(low[i], value_of(row + i, k));
        high[i] = max(high[i], value_of(row + i, k));
      }
    }
  }
  least[lane] = low;
  most[lane] = high;
  for (var width = 32; width > 0; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) {
      least[lane] = min(least[lane], least[lane + width]);
      most[lane] = max(most[lane], most[lane + width]);
    }
  }
  workgroupBarrier();
  let extent = most[0] - least[0];
  var scale = vec4<f32>(1.0);
  var inverse = vec4<f32>();
  var zero = vec4<i32>();
  for (var i = 0; i < ROWS; i++) {
    if (extent[i] > 0.0) {
      scale[i] = extent[i] / 127.0;
      inverse[i] = 127.0 / extent[i];
      zero[i] = i32(round(-(least[0][i] * inverse[i])));
    }
  }
  let own = lane / 16;
  var totals = vec4<i32>();
  for (var k = 0; k < (*p).k; k += 64) {
    steps[lane] = quantized_group(row + own, k + lane % 16 * 4, inverse[own], zero[own]);
    workgroupBarrier();
    if (column < (*p).n) {
      let count = min(16, ((*p).k - k + 3) / 4);
      for (var g = 0; g < count; g++) {
        let w = weight_group(k / 4 + g, column);
        totals += vec4<i32>(
          dot_bytes(steps[g], w),
          dot_bytes(steps[16 + g], w),
          dot_bytes(steps[32 + g], w),
          dot_bytes(steps[48 + g], w),
        );
      }
    }
    workgroupBarrier();
  }
  if (column < (*p).n) {
    totals -= zero * columnSums[i32((*p).offset3) + column];
    for (var i = 0; i < ROWS; i++) {
      if (row + i < (*p).m) {
        let index = u32((row + i) * (*p).n + column);
        output[index] = epilogue(f32(totals[i]) * (scale[i] * scales[i32((*p).offset2) + column]), index);
      }
    }
  }
}
