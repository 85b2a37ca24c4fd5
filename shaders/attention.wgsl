// Attention: softmax(Q K^T + mask) V in blocks of 32 keys with a running maximum and sum, so that no array of queries
// times keys exists; also log(sum(exp(scores))) of each query, for the gradients. Scores arrive scaled. A query that
// sees no key gets zeros, and infinity for its logarithm. Workgroups: batch0 * batch1 * ceil(queries / 16) *
// ceil(width / 64), each of 64 invocations: 16 queries, one column of the result for each invocation.
// Words as in assembly/attention/attention.ts. Read next: attentionGradient.wgsl.

struct Parameters {
  offset0: u32,
  offset1: u32,
  offset2: u32,
  offset3: u32,
  batch0: i32,
  batch1: i32,
  queries: i32,
  keys: i32,
  depth: i32,
  width: i32,
  flags: i32,
  queryRow: i32,
  queryColumn: i32,
  queryBatch0: i32,
  queryBatch1: i32,
  keyRow: i32,
  keyColumn: i32,
  keyBatch0: i32,
  keyBatch1: i32,
  valueRow: i32,
  valueColumn: i32,
  valueBatch0: i32,
  valueBatch1: i32,
  maskRow: i32,
  maskColumn: i32,
  maskBatch0: i32,
  maskBatch1: i32,
}

@group(0) @binding(0) var<storage, read> query: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> logarithms: array<f32>;
@group(0) @binding(6) var<uniform> parameters: Parameters;

// Below every score that counts. Hidden scores lie lower still, so that their exponential is 0 and no difference is NaN.
const lowest = -3.0e38;
const hidden = -3.4e38;

// Scores of 16 queries by 32 keys, then their exponentials.
var<workgroup> scores: array<f32, 512>;
var<workgroup> maxima: array<f32, 16>;
var<workgroup> sums: array<f32, 16>;
// What the sums so far are scaled by when the maximum rises.
var<workgroup> factors: array<f32, 16>;

// The score of a query and a key, both inside their ranges.
fn score(base: vec4<i32>, q: i32, k: i32) -> f32 {
  if ((parameters.flags & 1) != 0 && k > q) {
    return hidden;
  }
  var sum = 0.0;
  let left = base.x + q * parameters.queryRow;
  let right = base.y + k * parameters.keyRow;
  for (var d = 0; d < parameters.depth; d++) {
    sum += query[left + d * parameters.queryColumn] * key[right + d * parameters.keyColumn];
  }
  if ((parameters.flags & 2) != 0) {
    let bias = mask[base.w + q * parameters.maskRow + k * parameters.maskColumn];
    sum = select(sum + bias, hidden, bitcast<u32>(bias) == 0xff800000u);
  }
  return sum;
}

// Where the four matrices of one product of the batch begin.
fn bases(batch: i32) -> vec4<i32> {
  let outer = batch / parameters.batch1;
  let inner = batch % parameters.batch1;
  return vec4<i32>(
    i32(parameters.offset0) + outer * parameters.queryBatch0 + inner * parameters.queryBatch1,
    i32(parameters.offset1) + outer * parameters.keyBatch0 + inner * parameters.keyBatch1,
    i32(parameters.offset2) + outer * parameters.valueBatch0 + inner * parameters.valueBatch1,
    i32(parameters.offset3) + outer * parameters.maskBatch0 + inner * parameters.maskBatch1,
  );
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let chunks = (parameters.width + 63) / 64;
  let blocks = (parameters.queries + 15) / 16;
  let item = i32(linear_workgroup(group, groups));
  if (item >= parameters.batch0 * parameters.batch1 * blocks * chunks) {
    return;
  }
  let batch = item / (blocks * chunks);
  let first = item / chunks % blocks * 16;
  let column = item % chunks * 64 + lane;
  let base = bases(batch);
  if (lane < 16) {
    maxima[lane] = lowest;
    sums[lane] = 0.0;
  }
  workgroupBarrier();
  var result: array<f32, 16>;
  // The last keys that any query of the block sees.
  let end = select(parameters.keys, min(parameters.keys, first + 16), (parameters.flags & 1) != 0);
  for (var start = 0; start < end; start += 32) {
    for (var i = lane; i < 512; i += 64) {
      let q = first + i / 32;
      let k = start + i % 32;
      var s = hidden;
      if (q < parameters.queries && k < end) {
        s = score(base, q, k);
      }
      scores[i] = s;
    }
    workgroupBarrier();
    if (lane < 16) {
      var largest = maxima[lane];
      for (var i = 0; i < 32; i++) {
        largest = max_f32(largest, scores[lane * 32 + i]);
      }
      factors[lane] = exp_f32(maxima[lane] - largest);
      maxima[lane] = largest;
    }
    workgroupBarrier();
    for (var i = lane; i < 512; i += 64) {
      scores[i] = exp_f32(scores[i] - maxima[i / 32]);
    }
    workgroupBarrier();
    if (lane < 16) {
      var sum = 0.0;
      for (var i = 0; i < 32; i++) {
        sum += scores[lane * 32 + i];
      }
      sums[lane] = sums[lane] * factors[lane] + sum;
    }
    if (column < parameters.width) {
      for (var i = 0; i < 16; i++) {
        result[i] *= factors[i];
      }
      let count = min(32, end - start);
      for (var j = 0; j < count; j++) {
        let v = value[base.z + (start + j) * parameters.valueRow + column * parameters.valueColumn];
        for (var i = 0; i < 16; i++) {
          result[i] += scores[i * 32 + j] * v;
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0; i < 16; i++) {
    let q = first + i;
    if (q < parameters.queries && column < parameters.width) {
      let total = sums[i];
      output[(batch * parameters.queries + q) * parameters.width + column] = select(result[i] / total, 0.0, total == 0.0);
    }
  }
  if (lane < 16 && first + lane < parameters.queries && item % chunks == 0) {
    let total = sums[lane];
    var logarithm = infinity_f32();
    if (total != 0.0) {
      logarithm = maxima[lane] + log_f32(total);
    }
    logarithms[batch * parameters.queries + first + lane] = logarithm;
  }
}
