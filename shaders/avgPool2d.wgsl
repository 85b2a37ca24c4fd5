// The mean of each window of x [N, H, W, C]: out [N, OH, OW, C]. With countIncludePad the divisor counts the part of
// the window inside the padded input, without it the part inside the input; a window outside both gives 0. ceil(N OH OW
// C / 64) workgroups, one invocation a result. Gradient: avgPool2dGradient.wgsl.

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

@group(0) @binding(0) var<storage, read> x: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> output: array<Scalar>;
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
  if (index >= (*p).batch * (*p).outHeight * (*p).outWidth * (*p).channels) {
    return;
  }
  let channel = index % (*p).channels;
  let pixel = index / (*p).channels;
  let outX = pixel % (*p).outWidth;
  let outY = pixel / (*p).outWidth % (*p).outHeight;
  let image = pixel / (*p).outWidth / (*p).outHeight;
  var total = Scalar(0);
  for (var i = 0; i < (*p).windowHeight; i++) {
    let y = outY * (*p).strideH - (*p).padTop + i * (*p).dilationH;
    if (y < 0 || y >= (*p).height) {
      continue;
    }
    // A sum for each row keeps rounding errors short in large windows.
    var sum = Scalar(0);
    for (var j = 0; j < (*p).windowWidth; j++) {
      let x0 = outX * (*p).strideW - (*p).padLeft + j * (*p).dilationW;
      if (x0 >= 0 && x0 < (*p).width) {
        sum += x[(*p).offset0 + u32(((image * (*p).height + y) * (*p).width + x0) * (*p).channels + channel)];
      }
    }
    total += sum;
  }
  output[index] = total / divisor(outY, outX);
}
