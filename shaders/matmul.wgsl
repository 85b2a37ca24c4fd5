// Batched matrix product with free strides (0 broadcasts): out[batch0, batch1, m, n] = a[.., m, k] b[.., k, n]; k = 0
// gives zeros. Workgroups: batch0 * batch1 * ceil(m / 32) * ceil(n / 32), each of 64 invocations for a 32 x 32 tile; 16
// steps of k are staged in workgroup memory at a time (multiply_tiles in prelude.wgsl). The backend puts `epilogue` at
// the "@insert" line, with further bindings from 4 on if it needs them. Knows no other layout of the output than the
// contiguous one.

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
}

@group(0) @binding(0) var<storage, read> a: array<Scalar>;
@group(0) @binding(1) var<storage, read> b: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// @insert epilogue

fn store(index: u32, value: Scalar) {
  output[index] = epilogue(value, index);
}

// Four elements down a column of a, zeros outside.
fn left_quad(base: i32, row: i32, k: i32) -> vec4<Scalar> {
  var quad = vec4<Scalar>();
  if (k < parameters.k) {
    let start = base + k * parameters.aColumn;
    for (var i = 0; i < 4; i++) {
      if (row + i < parameters.m) {
        quad[i] = a[start + (row + i) * parameters.aRow];
      }
    }
  }
  return quad;
}

// Four elements along a row of b, zeros outside.
fn right_quad(base: i32, k: i32, column: i32) -> vec4<Scalar> {
  var quad = vec4<Scalar>();
  if (k < parameters.k) {
    let start = base + k * parameters.bRow;
    for (var i = 0; i < 4; i++) {
      if (column + i < parameters.n) {
        quad[i] = b[start + (column + i) * parameters.bColumn];
      }
    }
  }
  return quad;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let tilesN = (parameters.n + 31) / 32;
  let tilesM = (parameters.m + 31) / 32;
  let tile = i32(linear_workgroup(group, groups));
  if (tile >= parameters.batch0 * parameters.batch1 * tilesM * tilesN) {
    return;
  }
  let batch = tile / (tilesM * tilesN);
  let batch0 = batch / parameters.batch1;
  let batch1 = batch % parameters.batch1;
  let row = tile / tilesN % tilesM * 32;
  let column = tile % tilesN * 32;
  let baseA = i32(parameters.offset0) + batch0 * parameters.aBatch0 + batch1 * parameters.aBatch1;
  let baseB = i32(parameters.offset1) + batch0 * parameters.bBatch0 + batch1 * parameters.bBatch1;
  // Neighbouring invocations should read neighbouring memory: along k when that is a's or b's close direction, else
  // across it.
  let aAlongK = parameters.aColumn == 1;
  let bAlongK = parameters.bRow == 1;
  var sums: array<vec4<Scalar>, 4>;
  for (var k = 0; k < parameters.k; k += 16) {
    for (var i = lane; i < 128; i += 64) {
      let aSlot = select(i, i % 16 * 8 + i / 16, aAlongK);
      let bSlot = select(i, i % 16 * 8 + i / 16, bAlongK);
      tileLeft[aSlot] = left_quad(baseA, row + aSlot % 8 * 4, k + aSlot / 8);
      tileRight[bSlot] = right_quad(baseB, k + bSlot / 8, column + bSlot % 8 * 4);
    }
    workgroupBarrier();
    multiply_tiles(lane / 8, lane % 8, &sums);
    workgroupBarrier();
  }
  for (var i = 0; i < 4; i++) {
    let outputRow = row + lane / 8 * 4 + i;
    if (outputRow < parameters.m) {
      for (var j = 0; j < 4; j++) {
        let outputColumn = column + lane % 8 * 4 + j;
        if (outputColumn < parameters.n) {
          store(u32((batch * parameters.m + outputRow) * parameters.n + outputColumn), sums[i][j]);
        }
      }
    }
  }
}
