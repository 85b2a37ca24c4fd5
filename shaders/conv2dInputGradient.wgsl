// The gradient of conv2d with respect to its input: dx [N, H, W, C] from dy [N, OH, OW, O] and w [KH, KW, C / groups,
// O]. A gather: each input pixel looks at the output pixels whose windows cover it, so there are no atomics and the sum
// has one order. With 8 or more input channels a group a product of 32 x 32 tiles: groups * ceil(N H W / 32) * ceil(C /
// groups / 32) workgroups of 64 invocations; with fewer the entry `direct`: ceil(N H W C / 64) workgroups.

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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let p = &parameters;
  let lane = i32(invocation);
  let id = i32(linear_workgroup(group, groups));
  let groupChannels = (*p).channels / max((*p).groups, 1);
  let groupOut = (*p).outChannels / (*p).groups;
  let pixels = (*p).batch * (*p).height * (*p).width;
  let tilesM = (pixels + 31) / 32;
  let tilesN = (groupChannels + 31) / 32;
  if (id >= (*p).groups * tilesM * tilesN) {
    return;
  }
  let firstChannel = id / (tilesM * tilesN) * groupChannels;
  let firstOut = id / (tilesM * tilesN) * groupOut;
  let row = id / tilesN % tilesM * 32;
  let column = id % tilesN * 32;
  let steps = (*p).kernelHeight * (*p).kernelWidth * groupOut;
  // An invocation stages step lane % 16 (both dy and w lie along output channels) of two quads of rows and two of
  // columns.
  var corners: array<Corner, 8>;
  for (var i = 0; i < 8; i++) {
    corners[i] = corner_of(row + (lane / 16 + i / 4 * 4) * 4 + i % 4);
  }
  var sums: array<vec4<Scalar>, 4>;
  for (var k = 0; k < steps; k += 16) {
    let step = k + lane % 16;
    let tap = step / groupOut;
    let outChannel = firstOut + step % groupOut;
    let tapY = tap / (*p).kernelWidth * (*p).dilationH;
    let tapX = tap % (*p).kernelWidth * (*p).dilationW;
    for (var quad = 0; quad < 2; quad++) {
      var left = vec4<Scalar>();
      var right = vec4<Scalar>();
      if (step < steps) {
        for (var i = 0; i < 4; i++) {
          left[i] = read_gradient(corners[quad * 4 + i], tapY, tapX, outChannel);
          let channel = column + (lane / 16 + quad * 4) * 4 + i;
          if (channel < groupChannels) {
            right[i] = w[(*p).offset1 + u32((tap * groupChannels + channel) * (*p).outChannels + outChannel)];
          }
        }
      }
      tileLeft[lane % 16 * 8 + lane / 16 + quad * 4] = left;
      tileRight[lane % 16 * 8 + lane / 16 + quad * 4] = right;
    }
    workgroupBarrier();
    multiply_tiles(lane / 8, lane % 8, &sums);
    workgroupBarrier();
  }
  for (var i = 0; i < 4; i++) {
    let pixel = row + lane / 8 * 4 + i;
    for (var j = 0; j < 4; j++) {
      let channel = column + lane % 8 * 4 + j;
      if (pixel < pixels && channel < groupChannels) {
        dx[pixel * (*p).channels + firstChannel + channel] = sums[i][j];
      }
    }
  }
}
