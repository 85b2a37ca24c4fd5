// The gradients of attention.wgsl: dQ = dS K, dK = dS^T Q and dV = P^T dO with dS = P (dO V^T - delta), made anew in blocks
// of 32 from each query's logarithm and delta = sum(dO O), which are pairs in `statistics`. dO and statistics are
// contiguous; dK and dV lie side by side. Workgroups: batch0 * batch1 * (ceil(queries / 16) * ceil(depth / 64) +
// ceil(keys / 16) * ceil(max(depth, width) / 64)), each of 64 invocations: first those of 16 queries, then those of 16
// keys, one column for each invocation. Words as in assembly/attention/attention.ts. Read next: bindings/ops/attention.ts.

struct Parameters {
  offset0: u32,
  offset1: u32,
  offset2: u32,
  offset3: u32,
  offset4: u32,
  offset5: u32,
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
@group(0) @binding(4) var<storage, read> slope: array<f32>;
@group(0) @binding(5) var<storage, read> statistics: array<f32>;
@group(0) @binding(6) var<storage, read_write> queryOutput: array<f32>;
@group(0) @binding(7) var<storage, read_write> sideOutput: array<f32>;
@group(0) @binding(8) var<uniform> parameters: Parameters;

// Marks a score that does not count.
const hidden = -3.4e38;

// Weights of 16 keys by 32 queries, and cotangents of their scores (or of those of 16 queries by 32 keys).
var<workgroup> weights: array<f32, 512>;
var<workgroup> slopes: array<f32, 512>;

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

// The weight of a query and a key, both inside their ranges, and the cotangent of their score.
fn weight_and_slope(base: vec4<i32>, batch: i32, q: i32, k: i32) -> vec2<f32> {
  let s = score(base, q, k);
  if (s == hidden) {
    return vec2<f32>(0.0, 0.0);
  }
  var sum = 0.0;
  let row = batch * parameters.queries + q;
  let left = i32(parameters.offset4) + row * parameters.width;
  let right = base.z + k * parameters.valueRow;
  for (var w = 0; w < parameters.width; w++) {
    sum += slope[left + w] * value[right + w * parameters.valueColumn];
  }
  let pair = i32(parameters.offset5) + 2 * row;
  let weight = exp_f32(s - statistics[pair]);
  return vec2<f32>(weight, weight * (sum - statistics[pair + 1]));
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

fn query_block(batch: i32, first: i32, column: i32, lane: i32) {
  let base = bases(batch);
  var result: array<f32, 16>;
  // The last keys that any query of the block sees.
  let end = select(parameters.keys, min(parameters.keys, first + 16), (parameters.flags & 1) != 0);
  for (var start = 0; start < end; start += 32) {
    for (var i = lane; i < 512; i += 64) {
      let q = first + i / 32;
      let k = start + i % 32;
      var own = vec2<f32>(0.0, 0.0);
      if (q < parameters.queries && k < end) {
        own = weight_and_slope(base, batch, q, k);
      }
      slopes[i] = own.y;
    }
    workgroupBarrier();
    if (column < parameters.depth) {
      let count = min(32, end - start);
      for (var j = 0; j < count; j++) {
        let x = key[base.y + (start + j) * parameters.keyRow + column * parameters.keyColumn];
        for (var i = 0; i < 16; i++) {
          result[i] += slopes[i * 32 + j] * x;
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0; i < 16; i++) {
    let q = first + i;
    if (q < parameters.queries && column < parameters.depth) {
      queryOutput[(batch * parameters.queries + q) * parameters.depth + column] = result[i];
    }
  }
}

fn key_block(batch: i32, first: i32, column: i32, lane: i32) {
  let base = bases(batch);
  var forKey: array<f32, 16>;
  var forValue: array<f32, 16>;
  // Earlier queries do not see these keys.
  let begin = select(0, first, (parameters.flags & 1) != 0);
  for (var start = begin; start < parameters.queries; start += 32) {
    for (var i = lane; i < 512; i += 64) {
      let k = first + i / 32;
      let q = start + i % 32;
      var own = vec2<f32>(0.0, 0.0);
      if (k < parameters.keys && q < parameters.queries) {
        own = weight_and_slope(base, batch, q, k);
      }
      weights[i] = own.x;
      slopes[i] = own.y;
    }
    workgroupBarrier();
    let count = min(32, parameters.queries - start);
    for (var j = 0; j < count; j++) {
      if (column < parameters.depth) {
        let x = query[base.x + (start + j) * parameters.queryRow + column * parameters.queryColumn];
        for (var i = 0; i < 16; i++) {
          forKey[i] += slopes[i * 32 + j] * x;
        }
      }
      if (column < parameters.width) {
        let row = batch * parameters.queries + start + j;
        let x = slope[i32(parameters.offset4) + row * parameters.width + column];
        for (var i = 0; i < 16; i++) {
          forValue[i] += weights[i * 32 + j] * x;
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0; i < 16; i++) {
    let row = batch * parameters.keys + first + i;
    if (first + i < parameters.keys) {
      if (column < parameters.depth) {
        sideOutput[row * (parameters.depth + parameters.width) + column] = forKey[i];
      }
      if (column < parameters.width) {
        sideOutput[row * (parameters.depth + parameters.width) + parameters.depth + column] = forValue[i];
      }
    }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let products = parameters.batch0 * parameters.batch1;
  let queryChunks = (parameters.depth + 63) / 64;
  let keyChunks = (max(parameters.depth, parameters.width) + 63) / 64;
  let queryItems = (parameters.queries + 15) / 16 * queryChunks;
  let keyItems = (parameters.keys + 15) / 16 * keyChunks;
  let item = i32(linear_workgroup(group, groups));
  if (item < products * queryItems) {
    let own = item % queryItems;
    query_block(item / queryItems, own / queryChunks * 16, own % queryChunks * 64 + lane, lane);
  } else if (item < products * (queryItems + keyItems)) {
    let rest = item - products * queryItems;
    let own = rest % keyItems;
    key_block(rest / keyItems, own / keyChunks * 16, own % keyChunks * 64 + lane, lane);
  }
}
