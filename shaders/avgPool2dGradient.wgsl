// The gradient of avgPool2d: dx [N, H, W, C] sums, over the windows that cover a pixel, dy [N, OH, OW, C] over the
// window's divisor (avgPool2d.wgsl says what that counts). A gather, so no atomics and one order of sums. ceil(N H W C
// / 64) workgroups, one invocation an input element.

struct Parameters {
  offset0: u32,
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
  countIncludePad: i32,
  padBottom: i32,
  padRight: i32,
}

@group(0) @binding(0) var<storage, read> dy: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> dx: array<Scalar>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

// How many taps of a window count: those inside the input, or with countIncludePad those inside the padded input. The
// two directions are independent.
fn taps_inside(start: i32, taps: i32, dilation: i32, low: i32, high: i32) -> i32 {
  var count = 0;
  for (var i = 0; i < taps; i++) {
    let place = start + i * dilation;
    count += select(0, 1, place >= low && place < high);
  }
  return count;
}

fn divisor(outY: i32, outX: i32) -> Scalar {
  let p = &parameters;
  let includes = (*p).countIncludePad != 0;
  let top = outY * (*p).strideH - (*p).padTop;
  let left = outX * (*p).strideW - (*p).padLeft;
  let highY = (*p).height + select(0, (*p).padBottom, includes);
  let highX = (*p).width + select(0, (*p).padRight, includes);
  let rows = taps_inside(top, (*p).windowHeight, (*p).dilationH, select(0, -(*p).padTop, includes), highY);
  let columns = taps_inside(left, (*p).windowWidth, (*p).dilationW, select(0, -(*p).padLeft, includes), highX);
  return Scalar(max(rows * columns, 1));
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
      let place = ((image * (*p).outHeight + outY) * (*p).outWidth + outX) * (*p).channels + channel;
      total += dy[(*p).offset0 + u32(place)] / divisor(outY, outX);
    }
  }
  dx[index] = total;
}
