// The gradient of conv2d with respect to its filters: dw [KH, KW, C / groups, O] from x [N, H, W, C] and dy [N, OH, OW,
// O]. A sum over N OH OW, which is long, so partial sums are cut into blocks. Entry `main`: a product in tiles, as in
// conv2d.wgsl, slices * groups * ceil(KH KW C / groups / TILE_M) * ceil(O / groups / TILE_N) workgroups. Entry `element`,
// for fewer than 8 output channels a group or very small filters: one workgroup sums one element, KH * KW * (C / groups)
// * O workgroups.

struct Parameters {
  offset0: u32,
  offset1: u32,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  outChannels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideH: i32,
  strideW: i32,
  padTop: i32,
  padLeft: i32,
  dilationH: i32,
  dilationW: i32,
  groups: i32,
  // For the CPU: here all is sums of products.
  sumsOnly: i32,
  // Pixels in a slice.
  slice: i32,
}

@group(0) @binding(0) var<storage, read> x: array<Scalar>;
@group(0) @binding(1) var<storage, read> dy: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> dw: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// A row of dw (one tap of one channel of a group): where it looks, relative to the window's corner.
struct Tap {
  y: i32,
  x: i32,
  channel: i32,
}

fn tap_of(row: i32, groupChannels: i32, firstChannel: i32) -> Tap {
  let tap = row / groupChannels;
  return Tap(
    tap / parameters.kernelWidth * parameters.dilationH - parameters.padTop,
    tap % parameters.kernelWidth * parameters.dilationW - parameters.padLeft,
    firstChannel + row % groupChannels,
  );
}

// x under a tap of the window of an output pixel, counted over the batch.
fn read_input(tap: Tap, pixel: i32) -> Scalar {
  let p = &parameters;
  let row = pixel / (*p).outWidth;
  let y = row % (*p).outHeight * (*p).strideH + tap.y;
  let x0 = pixel % (*p).outWidth * (*p).strideW + tap.x;
  if (y < 0 || y >= (*p).height || x0 < 0 || x0 >= (*p).width) {
    return Scalar(0);
  }
  let image = row / (*p).outHeight * (*p).height;
  return x[(*p).offset0 + u32(((image + y) * (*p).width + x0) * (*p).channels + tap.channel)];
}

// The product behind the gradient: rows (taps and channels of a group) by channels out of a group, summed over pixels.
struct Sizes {
  groupChannels: i32,
  groupOut: i32,
  rows: i32,
  pixels: i32,
}

fn sizes_of() -> Sizes {
  let p = &parameters;
  let groupChannels = (*p).channels / max((*p).groups, 1);
  return Sizes(
    groupChannels,
    (*p).outChannels / max((*p).groups, 1),
    (*p).kernelHeight * (*p).kernelWidth * groupChannels,
    (*p).batch * (*p).outHeight * (*p).outWidth,
  );
}

var<workgroup> partials: array<Scalar, 64>;

// Where tiles would leave the device idle or mostly empty: a workgroup an element.
@compute @workgroup_size(64)
fn element(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let p = &parameters;
  let lane = i32(invocation);
  let id = i32(linear_workgroup(group, groups));
  let sizes = sizes_of();
  let groupChannels = sizes.groupChannels;
  let groupOut = sizes.groupOut;
  let rows = sizes.rows;
  let pixels = sizes.pixels;
  if (id >= rows * (*p).outChannels) {
    return;
  }
  let outChannel = id % (*p).outChannels;
  let tap = tap_of(id / (*p).outChannels, groupChannels, outChannel / groupOut * groupChannels);
  var total = Scalar(0);
  var sum = Scalar(0);
  var filled = 0;
  for (var pixel = lane; pixel < pixels; pixel += 64) {
    sum += read_input(tap, pixel) * dy[(*p).offset1 + u32(pixel * (*p).outChannels + outChannel)];
    filled += 1;
    if (filled == 32) {
      total += sum;
      sum = Scalar(0);
      filled = 0;
    }
  }
  partials[lane] = total + sum;
  for (var width = 32; width > 0; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) {
      partials[lane] += partials[lane + width];
    }
  }
  if (lane == 0) {
    dw[id] = partials[0];
  }
}

// @insert tile

// Where the rows of the tile look.
var<workgroup> taps: array<Tap, TILE_M>;

// Four rows at one output pixel.
fn left_quad(group: i32, row: i32, pixel: i32) -> vec4<Scalar> {
  var quad = vec4<Scalar>();
  if (pixel < parameters.batch * parameters.outHeight * parameters.outWidth) {
    for (var i = 0; i < 4; i++) {
      quad[i] = read_input(taps[row + i], pixel);
    }
  }
  return quad;
}

// The same for four neighbouring channels of one tap.
fn left_vector(group: i32, row: i32, pixel: i32) -> vec4<Scalar> {
  let p = &parameters;
  if (pixel < (*p).batch * (*p).outHeight * (*p).outWidth) {
    let tap = taps[row];
    let line = pixel / (*p).outWidth;
    let y = line % (*p).outHeight * (*p).strideH + tap.y;
    let x0 = pixel % (*p).outWidth * (*p).strideW + tap.x;
    if (y >= 0 && y < (*p).height && x0 >= 0 && x0 < (*p).width) {
      let image = line / (*p).outHeight * (*p).height;
      return x[(i32((*p).offset0) + ((image + y) * (*p).width + x0) * (*p).channels + tap.channel) / 4];
    }
  }
  return vec4<Scalar>();
}

// Four channels of dy at one pixel.
fn right_quad(group: i32, pixel: i32, column: i32) -> vec4<Scalar> {
  let p = &parameters;
  let groupOut = (*p).outChannels / (*p).groups;
  var quad = vec4<Scalar>();
  if (pixel < (*p).batch * (*p).outHeight * (*p).outWidth) {
    let start = i32((*p).offset1) + pixel * (*p).outChannels + group * groupOut + column;
    for (var i = 0; i < 4; i++) {
      if (column + i < groupOut) {
        quad[i] = dy[start + i];
      }
    }
  }
  return quad;
}

fn right_vector(group: i32, pixel: i32, column: i32) -> vec4<Scalar> {
  let p = &parameters;
  let groupOut = (*p).outChannels / (*p).groups;
  if (pixel < (*p).batch * (*p).outHeight * (*p).outWidth && column < groupOut) {
    return dy[(i32((*p).offset1) + pixel * (*p).outChannels + group * groupOut + column) / 4];
  }
  return vec4<Scalar>();
}

// @insert stage

// Four channels out of one tap and channel; `first` counts slices, then groups.
fn store_quad(first: i32, row: i32, column: i32, quad: vec4<Scalar>) {
  let p = &parameters;
  let sizes = sizes_of();
  if (row < sizes.rows) {
    let start = (first / (*p).groups * sizes.rows + row) * (*p).outChannels + first % (*p).groups * sizes.groupOut + column;
    for (var i = 0; i < 4; i++) {
      if (column + i < sizes.groupOut) {
        dw[start + i] = quad[i];
      }
    }
  }
}

// Partial sums of 128 products keep rounding errors short.
const BLOCK = 128;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
// @insert builtins
) {
// @insert thread
  let p = &parameters;
  let lane = i32(thread);
  let id = i32(linear_workgroup(group, groups));
  let sizes = sizes_of();
  let tilesM = (sizes.rows + TILE_M - 1) / TILE_M;
  let tilesN = (sizes.groupOut + TILE_N - 1) / TILE_N;
  let slices = max(1, (sizes.pixels + (*p).slice - 1) / (*p).slice);
  if (id >= slices * (*p).groups * tilesM * tilesN) {
    return;
  }
  let first = id / (tilesM * tilesN);
  let row = id / tilesN % tilesM * TILE_M;
  let column = id % tilesN * TILE_N;
  for (var i = lane; i < TILE_M; i += THREADS) {
    if (row + i < sizes.rows) {
      taps[i] = tap_of(row + i, sizes.groupChannels, first % (*p).groups * sizes.groupChannels);
    } else {
      // A place that no pixel sees.
      taps[i] = Tap(-0x40000000, 0, 0);
    }
  }
  workgroupBarrier();
  let begin = first / (*p).groups * (*p).slice;
  let end = min(begin + (*p).slice, sizes.pixels);
  var totals: Sums;
  var sums: Sums;
  for (var k = begin; k < end; k += DEPTH) {
    stage_left(lane, first % (*p).groups, 0, k);
    stage_right(lane, first % (*p).groups, k, column);
    workgroupBarrier();
    multiply(lane, &sums);
    workgroupBarrier();
    if ((k - begin + DEPTH) % BLOCK == 0) {
      add_sums(&totals, &sums);
      sums = Sums();
    }
  }
  add_sums(&totals, &sums);
  store_tile(lane, first, row, column, &totals);
}
