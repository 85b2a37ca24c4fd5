// The product of few rows with a matrix: out[batch0, batch1, m, n] = a[.., m, k] b[.., k, n] with free strides, for m up to
// 4. All of b is read once, by neighbours side by side. Two entry points: `across`, for b with columns side by side, where
// 64 columns by 4 shares of k are a workgroup: batch0 * batch1 * ceil(n / 64) workgroups of 256. `along`, for b with steps
// of k side by side, where a workgroup of 64 sums up 4 columns: batch0 * batch1 * ceil(n / 4); the backend puts in how its
// invocations add up, in workgroup memory or by subgroups. Words as in matmul.wgsl.

struct Parameters {
  offset0: u32,
  offset1: u32,
  batch0: i32,
  batch1: i32,
  m: i32,
  n: i32,
  k: i32,
  aRow: i32,
  aColumn: i32,
  aBatch0: i32,
  aBatch1: i32,
  bRow: i32,
  bColumn: i32,
  bBatch0: i32,
  bBatch1: i32,
  slice: i32,
}

@group(0) @binding(0) var<storage, read> a: array<Scalar>;
@group(0) @binding(1) var<storage, read> b: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// @insert epilogue

// @insert leave

// Where the matrices of a batch begin.
fn bases(batch: i32) -> vec2<i32> {
  let batch0 = batch / parameters.batch1;
  let batch1 = batch % parameters.batch1;
  return vec2<i32>(
    i32(parameters.offset0) + batch0 * parameters.aBatch0 + batch1 * parameters.aBatch1,
    i32(parameters.offset1) + batch0 * parameters.bBatch0 + batch1 * parameters.bBatch1,
  );
}

// A column of up to four rows of a; rows beyond m repeat the last one.
fn left_column(base: i32, k: i32) -> vec4<Scalar> {
  let last = parameters.m - 1;
  let start = base + k * parameters.aColumn;
  return vec4<Scalar>(
    a[start],
    a[start + min(1, last) * parameters.aRow],
    a[start + min(2, last) * parameters.aRow],
    a[start + min(3, last) * parameters.aRow],
  );
}

// The results of a column, with those of the next one where two are stored together.
fn store_column(batch: i32, column: i32, values: vec4<Scalar>, next: vec4<Scalar>) {
  for (var i = 0; i < parameters.m; i++) {
    leave(u32((batch * parameters.m + i) * parameters.n + column), values[i], next[i]);
  }
}

var<workgroup> partials: array<vec4<Scalar>, 256>;

// Of a column of the workgroup.
fn total_of(at: i32) -> vec4<Scalar> {
  return (partials[at] + partials[at + 64]) + (partials[at + 128] + partials[at + 192]);
}

@compute @workgroup_size(256)
fn across(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let blocks = (parameters.n + 63) / 64;
  let item = i32(linear_workgroup(group, groups));
  if (item >= parameters.batch0 * parameters.batch1 * blocks) {
    return;
  }
  let batch = item / blocks;
  let base = bases(batch);
  let column = item % blocks * 64 + lane % 64;
  var sum = vec4<Scalar>();
  if (column < parameters.n) {
    for (var k = lane / 64; k < parameters.k; k += 4) {
      sum += left_column(base.x, k) * b[base.y + k * parameters.bRow + column * parameters.bColumn];
    }
  }
  partials[lane] = sum;
  workgroupBarrier();
  let at = lane * TOGETHER;
  let first = item % blocks * 64 + at;
  if (at < 64 && first < parameters.n) {
    store_column(batch, first, total_of(at), total_of(at + TOGETHER - 1));
  }
}

@compute @workgroup_size(64)
fn along(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
// @insert builtins
) {
// @insert thread
  let lane = i32(thread);
  let blocks = (parameters.n + 3) / 4;
  let item = i32(linear_workgroup(group, groups));
  if (item >= parameters.batch0 * parameters.batch1 * blocks) {
    return;
  }
  let batch = item / blocks;
  let base = bases(batch);
  let column = item % blocks * 4;
  var sum0 = vec4<Scalar>();
  var sum1 = vec4<Scalar>();
  var sum2 = vec4<Scalar>();
  var sum3 = vec4<Scalar>();
  // Columns beyond n repeat the last one.
  let last = parameters.n - 1 - column;
  for (var k = lane; k < parameters.k; k += 64) {
    let left = left_column(base.x, k);
    let start = base.y + k * parameters.bRow + column * parameters.bColumn;
    sum0 += left * b[start];
    sum1 += left * b[start + min(1, last) * parameters.bColumn];
    sum2 += left * b[start + min(2, last) * parameters.bColumn];
    sum3 += left * b[start + min(3, last) * parameters.bColumn];
  }
// @insert together
  let at = lane * TOGETHER;
  if (at <= min(3, last)) {
    store_column(batch, column + at, total, next);
  }
}
