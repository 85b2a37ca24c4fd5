// The gradient of conv2d with respect to its input: dx [N, H, W, C] from dy [N, OH, OW, O] and w [KH, KW, C / groups,
// O]. A gather: each input pixel looks at the output pixels whose windows cover it, so there are no atomics and the sum
// has one order. With 8 or more input channels a group a product in tiles, as in conv2d.wgsl: slices * groups * ceil(N H W
// / TILE_M) * ceil(C / groups / TILE_N) workgroups; with fewer the entry `direct`: ceil(N H W C / 64) workgroups.

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
  // Steps of the sums in a slice.
  slice: i32,
}

@group(0) @binding(0) var<storage, read> dy: array<Scalar>;
@group(0) @binding(1) var<storage, read> w: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> dx: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// An input pixel in padded coordinates, and the index of its image's first row in dy.
struct Corner {
  image: i32,
  y: i32,
  x: i32,
}

// Of an input pixel counted over the batch; one past the last gets a place that no window covers.
fn corner_of(pixel: i32) -> Corner {
  let p = &parameters;
  if (pixel >= (*p).batch * (*p).height * (*p).width) {
    return Corner(0, -0x40000000, 0);
  }
  let row = pixel / (*p).width;
  return Corner(
    row / (*p).height * (*p).outHeight,
    row % (*p).height + (*p).padTop,
    pixel % (*p).width + (*p).padLeft,
  );
}

// dy of the output pixel that sees the input pixel through this tap, if the strides allow one.
fn read_gradient(corner: Corner, tapY: i32, tapX: i32, outChannel: i32) -> Scalar {
  let p = &parameters;
  let y = corner.y - tapY;
  let x = corner.x - tapX;
  if (y < 0 || x < 0 || y % (*p).strideH != 0 || x % (*p).strideW != 0) {
    return Scalar(0);
  }
  let outY = y / (*p).strideH;
  let outX = x / (*p).strideW;
  if (outY >= (*p).outHeight || outX >= (*p).outWidth) {
    return Scalar(0);
  }
  return dy[(*p).offset0 + u32(((corner.image + outY) * (*p).outWidth + outX) * (*p).outChannels + outChannel)];
}

// One input element, for groups of few input channels.
fn store_direct(index: i32) {
  let p = &parameters;
  if (index >= (*p).batch * (*p).height * (*p).width * (*p).channels) {
    return;
  }
  let groupChannels = (*p).channels / (*p).groups;
  let groupOut = (*p).outChannels / (*p).groups;
  let channel = index % (*p).channels;
  let firstOut = channel / groupChannels * groupOut;
  let corner = corner_of(index / (*p).channels);
  var total = Scalar(0);
  for (var tap = 0; tap < (*p).kernelHeight * (*p).kernelWidth; tap++) {
    let tapY = tap / (*p).kernelWidth * (*p).dilationH;
    let tapX = tap % (*p).kernelWidth * (*p).dilationW;
    let filters = (tap * groupChannels + channel % groupChannels) * (*p).outChannels + firstOut;
    var sum = Scalar(0);
    for (var o = 0; o < groupOut; o++) {
      sum += read_gradient(corner, tapY, tapX, firstOut + o) * w[(*p).offset1 + u32(filters + o)];
    }
    total += sum;
  }
  dx[index] = total;
}

// For groups of few channels: an invocation an element. An entry point of its own, so that it carries no tiles.
@compute @workgroup_size(64)
fn direct(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  store_direct(i32(linear_workgroup(group, groups) * 64 + invocation));
}

// @insert tile

// Where the pixels of the tile lie.
var<workgroup> corners: array<Corner, TILE_M>;

// A step of the sums: a tap of the filter and a channel out of the group.
struct Step {
  tap: i32,
  y: i32,
  x: i32,
  channel: i32,
}

fn step_of(step: i32) -> Step {
  let groupOut = parameters.outChannels / parameters.groups;
  let tap = step / groupOut;
  return Step(
    tap,
    tap / parameters.kernelWidth * parameters.dilationH,
    tap % parameters.kernelWidth * parameters.dilationW,
    step % groupOut,
  );
}

fn steps_of() -> i32 {
  return parameters.kernelHeight * parameters.kernelWidth * (parameters.outChannels / parameters.groups);
}

// Four pixels of the tile at one step.
fn left_quad(group: i32, row: i32, step: i32) -> vec4<Scalar> {
  var quad = vec4<Scalar>();
  if (step < steps_of()) {
    let at = step_of(step);
    let outChannel = group * (parameters.outChannels / parameters.groups) + at.channel;
    for (var i = 0; i < 4; i++) {
      quad[i] = read_gradient(corners[row + i], at.y, at.x, outChannel);
    }
  }
  return quad;
}

// Four steps of one pixel, which are neighbouring channels of dy.
fn left_vector(group: i32, row: i32, step: i32) -> vec4<Scalar> {
  if (step < steps_of()) {
    let p = &parameters;
    let at = step_of(step);
    let corner = corners[row];
    let y = corner.y - at.y;
    let x = corner.x - at.x;
    if (y >= 0 && x >= 0 && y % (*p).strideH == 0 && x % (*p).strideW == 0) {
      let outY = y / (*p).strideH;
      let outX = x / (*p).strideW;
      if (outY < (*p).outHeight && outX < (*p).outWidth) {
        let pixel = (corner.image + outY) * (*p).outWidth + outX;
        let outChannel = group * ((*p).outChannels / (*p).groups) + at.channel;
        return dy[(i32((*p).offset0) + pixel * (*p).outChannels + outChannel) / 4];
      }
    }
  }
  return vec4<Scalar>();
}

// Four input channels of the filters at one step.
fn right_quad(group: i32, step: i32, column: i32) -> vec4<Scalar> {
  let p = &parameters;
  let groupChannels = (*p).channels / (*p).groups;
  var quad = vec4<Scalar>();
  if (step < steps_of()) {
    let at = step_of(step);
    let outChannel = group * ((*p).outChannels / (*p).groups) + at.channel;
    for (var i = 0; i < 4; i++) {
      if (column + i < groupChannels) {
        quad[i] = w[i32((*p).offset1) + (at.tap * groupChannels + column + i) * (*p).outChannels + outChannel];
      }
    }
  }
  return quad;
}

// Four steps of one input channel.
fn right_vector(group: i32, step: i32, column: i32) -> vec4<Scalar> {
  let p = &parameters;
  let groupChannels = (*p).channels / (*p).groups;
  if (step < steps_of() && column < groupChannels) {
    let at = step_of(step);
    let outChannel = group * ((*p).outChannels / (*p).groups) + at.channel;
    return w[(i32((*p).offset1) + (at.tap * groupChannels + column) * (*p).outChannels + outChannel) / 4];
  }
  return vec4<Scalar>();
}

// @insert stage

// Four channels of a pixel; `first` counts slices, then groups.
fn store_quad(first: i32, pixel: i32, column: i32, quad: vec4<Scalar>) {
  let p = &parameters;
  let groupChannels = (*p).channels / (*p).groups;
  let pixels = (*p).batch * (*p).height * (*p).width;
  if (pixel < pixels) {
    let start = (first / (*p).groups * pixels + pixel) * (*p).channels + first % (*p).groups * groupChannels + column;
    for (var i = 0; i < 4; i++) {
      if (column + i < groupChannels) {
        dx[start + i] = quad[i];
      }
    }
  }
}

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
  let tilesM = ((*p).batch * (*p).height * (*p).width + TILE_M - 1) / TILE_M;
  let tilesN = ((*p).channels / (*p).groups + TILE_N - 1) / TILE_N;
  let steps = steps_of();
  let slices = max(1, (steps + (*p).slice - 1) / (*p).slice);
  if (id >= slices * (*p).groups * tilesM * tilesN) {
    return;
  }
  let first = id / (tilesM * tilesN);
  let row = id / tilesN % tilesM * TILE_M;
  let column = id % tilesN * TILE_N;
  for (var i = lane; i < TILE_M; i += THREADS) {
    corners[i] = corner_of(row + i);
  }
  workgroupBarrier();
  let begin = first / (*p).groups * (*p).slice;
  let end = min(begin + (*p).slice, steps);
  var sums: Sums;
  for (var k = begin; k < end; k += DEPTH) {
    stage_left(lane, first % (*p).groups, 0, k);
    stage_right(lane, first % (*p).groups, k, column);
    workgroupBarrier();
    multiply(lane, &sums);
    workgroupBarrier();
  }
  store_tile(lane, first, row, column, &sums);
}
