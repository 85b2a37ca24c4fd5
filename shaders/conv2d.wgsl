// Convolution of x [N, H, W, C] with filters w [KH, KW, C / groups, O], groups included; out [N, OH, OW, O]. With 8 or
// more output channels a group it is a product in tiles, as in matmul.wgsl, whose left matrix (a row for each output
// pixel, a column for each tap and channel) is read from x on the fly: slices * groups * ceil(N OH OW / TILE_M) *
// ceil(O / groups / TILE_N) workgroups; the output of several slices is [slices, N, OH, OW, O]. With fewer (depthwise)
// the entry `direct`: an invocation an output, ceil(N OH OW O / 64) workgroups. Gradients: conv2dInputGradient.wgsl and
// conv2dFilterGradient.wgsl.

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

@group(0) @binding(0) var<storage, read> x: array<Scalar>;
@group(0) @binding(1) var<storage, read> w: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// @insert epilogue

fn store(index: u32, value: Scalar) {
  output[index] = epilogue(value, index);
}

// Where an output pixel starts to read: the index of its image's first row, and the top left corner of its window.
struct Corner {
  image: i32,
  y: i32,
  x: i32,
}

// Of an output pixel counted over the batch; one past the last gets a corner that is outside every image.
fn corner_of(pixel: i32) -> Corner {
  let p = &parameters;
  if (pixel >= (*p).batch * (*p).outHeight * (*p).outWidth) {
    return Corner(0, -0x40000000, 0);
  }
  let row = pixel / (*p).outWidth;
  return Corner(
    row / (*p).outHeight * (*p).height,
    row % (*p).outHeight * (*p).strideH - (*p).padTop,
    pixel % (*p).outWidth * (*p).strideW - (*p).padLeft,
  );
}

fn read_input(corner: Corner, tapY: i32, tapX: i32, channel: i32) -> Scalar {
  let y = corner.y + tapY;
  let x0 = corner.x + tapX;
  if (y < 0 || y >= parameters.height || x0 < 0 || x0 >= parameters.width) {
    return Scalar(0);
  }
  return x[parameters.offset0 + u32(((corner.image + y) * parameters.width + x0) * parameters.channels + channel)];
}

// One output element, for groups of few output channels; a chain of sums for each tap keeps rounding errors short.
fn store_direct(index: i32) {
  let p = &parameters;
  if (index >= (*p).batch * (*p).outHeight * (*p).outWidth * (*p).outChannels) {
    return;
  }
  let groupChannels = (*p).channels / (*p).groups;
  let outChannel = index % (*p).outChannels;
  let firstChannel = outChannel / ((*p).outChannels / (*p).groups) * groupChannels;
  let corner = corner_of(index / (*p).outChannels);
  var total = Scalar(0);
  for (var tap = 0; tap < (*p).kernelHeight * (*p).kernelWidth; tap++) {
    let tapY = tap / (*p).kernelWidth * (*p).dilationH;
    let tapX = tap % (*p).kernelWidth * (*p).dilationW;
    var sum = Scalar(0);
    for (var c = 0; c < groupChannels; c++) {
      let weight = w[(*p).offset1 + u32((tap * groupChannels + c) * (*p).outChannels + outChannel)];
      sum += read_input(corner, tapY, tapX, firstChannel + c) * weight;
    }
    total += sum;
  }
  store(u32(index), total);
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

// Where the pixels of the tile begin to read.
var<workgroup> corners: array<Corner, TILE_M>;

// A step of the sums: a tap of the filter and a channel of the group.
struct Step {
  y: i32,
  x: i32,
  channel: i32,
}

fn step_of(step: i32) -> Step {
  let groupChannels = parameters.channels / parameters.groups;
  let tap = step / groupChannels;
  return Step(
    tap / parameters.kernelWidth * parameters.dilationH,
    tap % parameters.kernelWidth * parameters.dilationW,
    step % groupChannels,
  );
}

fn steps_of() -> i32 {
  return parameters.kernelHeight * parameters.kernelWidth * (parameters.channels / parameters.groups);
}

// Four pixels of the tile at one step.
fn left_quad(group: i32, row: i32, step: i32) -> vec4<Scalar> {
  var quad = vec4<Scalar>();
  if (step < steps_of()) {
    let at = step_of(step);
    let channel = group * (parameters.channels / parameters.groups) + at.channel;
    for (var i = 0; i < 4; i++) {
      quad[i] = read_input(corners[row + i], at.y, at.x, channel);
    }
  }
  return quad;
}

// Four steps of one pixel, which are neighbouring channels.
fn left_vector(group: i32, row: i32, step: i32) -> vec4<Scalar> {
  if (step < steps_of()) {
    let p = &parameters;
    let at = step_of(step);
    let corner = corners[row];
    let y = corner.y + at.y;
    let x0 = corner.x + at.x;
    if (y >= 0 && y < (*p).height && x0 >= 0 && x0 < (*p).width) {
      let channel = group * ((*p).channels / (*p).groups) + at.channel;
      return x[(i32((*p).offset0) + ((corner.image + y) * (*p).width + x0) * (*p).channels + channel) / 4];
    }
  }
  return vec4<Scalar>();
}

// The filters are a matrix already: a row for each step.
fn right_quad(group: i32, step: i32, column: i32) -> vec4<Scalar> {
  let groupOut = parameters.outChannels / parameters.groups;
  var quad = vec4<Scalar>();
  if (step < steps_of()) {
    let start = i32(parameters.offset1) + step * parameters.outChannels + group * groupOut + column;
    for (var i = 0; i < 4; i++) {
      if (column + i < groupOut) {
        quad[i] = w[start + i];
      }
    }
  }
  return quad;
}

fn right_vector(group: i32, step: i32, column: i32) -> vec4<Scalar> {
  let groupOut = parameters.outChannels / parameters.groups;
  if (step < steps_of() && column < groupOut) {
    return w[(i32(parameters.offset1) + step * parameters.outChannels + group * groupOut + column) / 4];
  }
  return vec4<Scalar>();
}

// @insert stage

// Four channels of a pixel; `first` counts slices, then groups.
fn store_quad(first: i32, pixel: i32, column: i32, quad: vec4<Scalar>) {
  let p = &parameters;
  let groupOut = (*p).outChannels / (*p).groups;
  let pixels = (*p).batch * (*p).outHeight * (*p).outWidth;
  if (pixel < pixels) {
    let start = (first / (*p).groups * pixels + pixel) * (*p).outChannels + first % (*p).groups * groupOut + column;
    for (var i = 0; i < 4; i++) {
      if (column + i < groupOut) {
        store(u32(start + i), quad[i]);
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
  let tilesM = ((*p).batch * (*p).outHeight * (*p).outWidth + TILE_M - 1) / TILE_M;
  let tilesN = ((*p).outChannels / (*p).groups + TILE_N - 1) / TILE_N;
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
