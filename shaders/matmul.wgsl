// Batched matrix product with free strides (0 broadcasts): out[batch0, batch1, m, n] = a[.., m, k] b[.., k, n]; k = 0
// gives zeros. In tiles of TILE_M x TILE_N, whose sizes, product and loads the backend puts at the first "@insert" lines
// (README.md): slices * batch0 * batch1 * ceil(m / TILE_M) * ceil(n / TILE_N) workgroups. A slice is a part of k; with
// several the output is [slices, batch0, batch1, m, n], to be summed afterwards. `epilogue` has further bindings from 4
// on if it needs them; `leave` stores a result, or two neighbours where these share a word. Knows no other layout of the output than the contiguous one. Few rows: matmulRows.wgsl.

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
  // Steps of k in a slice.
  slice: i32,
}

@group(0) @binding(0) var<storage, read> a: array<Scalar>;
@group(0) @binding(1) var<storage, read> b: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// @insert epilogue

// @insert leave

// @insert tile

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

// The same where a is an array of vectors: four elements from this one on, which lie side by side.
fn left_vector(base: i32, row: i32, k: i32) -> vec4<Scalar> {
  if (k < parameters.k && row < parameters.m) {
    return a[(base + row * parameters.aRow + k * parameters.aColumn) / 4];
  }
  return vec4<Scalar>();
}

fn right_vector(base: i32, k: i32, column: i32) -> vec4<Scalar> {
  if (k < parameters.k && column < parameters.n) {
    return b[(base + k * parameters.bRow + column * parameters.bColumn) / 4];
  }
  return vec4<Scalar>();
}

// @insert stage

// Four results of a row; `first` is where the matrix begins.
fn store_quad(first: i32, row: i32, column: i32, quad: vec4<Scalar>) {
  if (row < parameters.m) {
    let start = first + row * parameters.n + column;
    for (var i = 0; i < 4; i += TOGETHER) {
      if (column + i < parameters.n) {
        leave(u32(start + i), quad[i], quad[i + TOGETHER - 1]);
      }
    }
  }
}

// What a workgroup computes: where its matrices begin, and which rows, columns and steps of them it multiplies.
struct Place {
  // Counts the matrices of all slices.
  matrix: i32,
  row: i32,
  column: i32,
  baseA: i32,
  baseB: i32,
  begin: i32,
  end: i32,
}

fn slices_of() -> i32 {
  return max(1, (parameters.k + parameters.slice - 1) / parameters.slice);
}

fn tiles_of() -> i32 {
  let p = &parameters;
  let tiles = (((*p).m + TILE_M - 1) / TILE_M) * (((*p).n + TILE_N - 1) / TILE_N);
  return slices_of() * (*p).batch0 * (*p).batch1 * tiles;
}

fn place_of(tile: i32) -> Place {
  let p = &parameters;
  let tilesN = ((*p).n + TILE_N - 1) / TILE_N;
  let tilesM = ((*p).m + TILE_M - 1) / TILE_M;
  let batches = (*p).batch0 * (*p).batch1;
  let matrix = tile / (tilesM * tilesN);
  let batch = matrix % batches;
  let batch0 = batch / (*p).batch1;
  let batch1 = batch % (*p).batch1;
  let begin = matrix / batches * (*p).slice;
  return Place(
    matrix,
    tile / tilesN % tilesM * TILE_M,
    tile % tilesN * TILE_N,
    i32((*p).offset0) + batch0 * (*p).aBatch0 + batch1 * (*p).aBatch1,
    i32((*p).offset1) + batch0 * (*p).bBatch0 + batch1 * (*p).bBatch1,
    begin,
    min(begin + (*p).slice, (*p).k),
  );
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
// @insert builtins
) {
// @insert thread
  let lane = i32(thread);
  let tile = i32(linear_workgroup(group, groups));
  if (tile >= tiles_of()) {
    return;
  }
  let place = place_of(tile);
  var sums: Sums;
  for (var k = place.begin; k < place.end; k += DEPTH) {
    stage_left(lane, place.baseA, place.row, k);
    stage_right(lane, place.baseB, k, place.column);
    workgroupBarrier();
    multiply(lane, &sums);
    workgroupBarrier();
  }
  store_tile(lane, place.matrix * parameters.m * parameters.n, place.row, place.column, &sums);
}
