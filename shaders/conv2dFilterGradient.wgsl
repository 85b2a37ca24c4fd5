// The gradient of conv2d with respect to its filters: dw [KH, KW, C / groups, O] from x [N, H, W, C] and dy [N, OH, OW,
// O]. A sum over N OH OW, which is long, so partial sums are cut into blocks. T = groups * ceil(KH KW C / groups / 32)
// * ceil(O / groups / 32) tiles of 32 x 32. Entry `main`: T workgroups of 64 invocations. Entry `element`, for T < 2 or
// fewer than 8 output channels a group: one workgroup sums one element, KH * KW * (C / groups) * O workgroups.

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

@compute @workgroup_size(64)
fn main(
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
  let tilesM = (rows + 31) / 32;
  let tilesN = (groupOut + 31) / 32;
  if (id >= (*p).groups * tilesM * tilesN) {
    return;
  }
  let firstChannel = id / (tilesM * tilesN) * groupChannels;
  let firstOut = id / (tilesM * tilesN) * groupOut;
  let row = id / tilesN % tilesM * 32;
  let column = id % tilesN * 32;
  // An invocation stages one quad of rows, neighbours in x's channels, for two output pixels.
  var taps: array<Tap, 4>;
  for (var i = 0; i < 4; i++) {
    taps[i] = tap_of(row + lane % 8 * 4 + i, groupChannels, firstChannel);
  }
  var totals: array<vec4<Scalar>, 4>;
  var sums: array<vec4<Scalar>, 4>;
  for (var k = 0; k < pixels; k += 16) {
    for (var quad = 0; quad < 2; quad++) {
      let pixel = k + lane / 8 + quad * 8;
      var left = vec4<Scalar>();
      var right = vec4<Scalar>();
      if (pixel < pixels) {
        for (var i = 0; i < 4; i++) {
          if (row + lane % 8 * 4 + i < rows) {
            left[i] = read_input(taps[i], pixel);
          }
          let outChannel = column + lane % 8 * 4 + i;
          if (outChannel < groupOut) {
            right[i] = dy[(*p).offset1 + u32(pixel * (*p).outChannels + firstOut + outChannel)];
          }
        }
      }
      tileLeft[lane + quad * 64] = left;
      tileRight[lane + quad * 64] = right;
    }
    workgroupBarrier();
    multiply_tiles(lane / 8, lane % 8, &sums);
    workgroupBarrier();
    // 128 products to a partial sum.
    if ((k & 0x70) == 0x70) {
      for (var i = 0; i < 4; i++) {
        totals[i] += sums[i];
        sums[i] = vec4<Scalar>();
      }
    }
  }
  for (var i = 0; i < 4; i++) {
    let outputRow = row + lane / 8 * 4 + i;
    for (var j = 0; j < 4; j++) {
      let outChannel = column + lane % 8 * 4 + j;
      if (outputRow < rows && outChannel < groupOut) {
        dw[outputRow * (*p).outChannels + firstOut + outChannel] = totals[i][j] + sums[i][j];
      }
    }
  }
}
