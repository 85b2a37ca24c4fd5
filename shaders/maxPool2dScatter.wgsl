// The gradient of maxPool2d: dx [N, H, W, C] gets dy [N, OH, OW, C] at the first maximum of each window of x, summed
// where windows overlap. Written as a gather: each input pixel asks every window that covers it whether it is that
// maximum; no atomics, one order of sums. ceil(N H W C / 64) workgroups, one invocation an input element.

struct Parameters {
  offset0: u32,
  offset1: u32,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  windowHeight: i32,
  windowWidth: i32,
  strideH: i32,
  strideW: i32,
  padTop: i32,
  padLeft: i32,
  dilationH: i32,
  dilationW: i32,
}

@group(0) @binding(0) var<storage, read> x: array<Scalar>;
@group(0) @binding(1) var<storage, read> dy: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> dx: array<Scalar>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// Where the first maximum of a window lies in x (without the offset), -1 if the window sees padding only. NaN is above
// all numbers.
fn first_maximum(image: i32, outY: i32, outX: i32, channel: i32) -> i32 {
  let p = &parameters;
  var best = -1;
  var bestKey = 0u;
  for (var i = 0; i < (*p).windowHeight; i++) {
    let y = outY * (*p).strideH - (*p).padTop + i * (*p).dilationH;
    if (y < 0 || y >= (*p).height) {
      continue;
    }
    for (var j = 0; j < (*p).windowWidth; j++) {
      let x0 = outX * (*p).strideW - (*p).padLeft + j * (*p).dilationW;
      if (x0 < 0 || x0 >= (*p).width) {
        continue;
      }
      let place = ((image * (*p).height + y) * (*p).width + x0) * (*p).channels + channel;
      let key = order_key(x[(*p).offset0 + u32(place)]);
      if (best < 0 || key > bestKey) {
        best = place;
        bestKey = key;
      }
    }
  }
  return best;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = &parameters;
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= (*p).batch * (*p).height * (*p).width * (*p).channels) {
    return;
  }
  let channel = index % (*p).channels;
  let pixel = index / (*p).channels;
  let x0 = pixel % (*p).width;
  let y0 = pixel / (*p).width % (*p).height;
  let image = pixel / (*p).width / (*p).height;
  var total = Scalar(0);
  for (var i = 0; i < (*p).windowHeight; i++) {
    // The window that has this pixel under its row i starts at a multiple of the stride.
    let y = y0 + (*p).padTop - i * (*p).dilationH;
    let outY = y / (*p).strideH;
    if (y < 0 || y % (*p).strideH != 0 || outY >= (*p).outHeight) {
      continue;
    }
    for (var j = 0; j < (*p).windowWidth; j++) {
      let x1 = x0 + (*p).padLeft - j * (*p).dilationW;
      let outX = x1 / (*p).strideW;
      if (x1 < 0 || x1 % (*p).strideW != 0 || outX >= (*p).outWidth) {
        continue;
      }
      if (first_maximum(image, outY, outX, channel) == index) {
        let place = ((image * (*p).outHeight + outY) * (*p).outWidth + outX) * (*p).channels + channel;
        total += dy[(*p).offset1 + u32(place)];
      }
    }
  }
  dx[index] = total;
}
