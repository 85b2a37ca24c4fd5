// Convolution of x [N, H, W, C] with filters w [KH, KW, C / groups, O], groups included; out [N, OH, OW, O]. With 8 or
// more output channels a group it is a product of 32 x 32 tiles whose left matrix (a row for each output pixel, a
// column for each tap) is read from x on the fly: groups * ceil(N OH OW / 32) * ceil(O / groups / 32) workgroups of 64
// invocations. With fewer (depthwise) the entry `direct`: an invocation an output, ceil(N OH OW O / 64) workgroups. The backend puts
// `epilogue` at the "@insert" line, with further bindings from 4 on if it needs them. Gradients:
// conv2dInputGradient.wgsl and conv2dFilterGradient.wgsl.

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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let p = &parameters;
  let lane = i32(invocation);
  let id = i32(linear_workgroup(group, groups));
  let groupOut = (*p).outChannels / max((*p).groups, 1);
  let groupChannels = (*p).channels / (*p).groups;
  let pixels = (*p).batch * (*p).outHeight * (*p).outWidth;
  let tilesM = (pixels + 31) / 32;
  let tilesN = (groupOut + 31) / 32;
  if (id >= (*p).groups * tilesM * tilesN) {
    return;
  }
  let firstChannel = id / (tilesM * tilesN) * groupChannels;
  let firstOut = id / (tilesM * tilesN) * groupOut;
  let row = id / tilesN % tilesM * 32;
  let column = id % tilesN * 32;
  let steps = (*p).kernelHeight * (*p).kernelWidth * groupChannels;
  // An invocation stages step lane % 16 of two quads of rows, whose corners stay the same.
  var corners: array<Corner, 8>;
  for (var i = 0; i < 8; i++) {
    corners[i] = corner_of(row + (lane / 16 + i / 4 * 4) * 4 + i % 4);
  }
  var sums: array<vec4<Scalar>, 4>;
  for (var k = 0; k < steps; k += 16) {
    let step = k + lane % 16;
    let tap = step / groupChannels;
    let tapY = tap / (*p).kernelWidth * (*p).dilationH;
    let tapX = tap % (*p).kernelWidth * (*p).dilationW;
    for (var quad = 0; quad < 2; quad++) {
      var left = vec4<Scalar>();
      if (step < steps) {
        for (var i = 0; i < 4; i++) {
          left[i] = read_input(corners[quad * 4 + i], tapY, tapX, firstChannel + step % groupChannels);
        }
      }
      tileLeft[lane % 16 * 8 + lane / 16 + quad * 4] = left;
      // The filters are a matrix already: a row for each step.
      var right = vec4<Scalar>();
      let filterRow = k + lane / 8 + quad * 8;
      for (var i = 0; i < 4; i++) {
        let outChannel = column + lane % 8 * 4 + i;
        if (filterRow < steps && outChannel < groupOut) {
          right[i] = w[(*p).offset1 + u32(filterRow * (*p).outChannels + firstOut + outChannel)];
        }
      }
      tileRight[lane + quad * 64] = right;
    }
    workgroupBarrier();
    multiply_tiles(lane / 8, lane % 8, &sums);
    workgroupBarrier();
  }
  for (var i = 0; i < 4; i++) {
    let pixel = row + lane / 8 * 4 + i;
    for (var j = 0; j < 4; j++) {
      let outChannel = column + lane % 8 * 4 + j;
      if (pixel < pixels && outChannel < groupOut) {
        store(u32(pixel * (*p).outChannels + firstOut + outChannel), sums[i][j]);
      }
    }
  }
}
