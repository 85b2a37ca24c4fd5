// Of each window of x [N, H, W, C], the element of g [N, H, W, C] where x has its first maximum: out [N, OH, OW, C].
// This is the directional derivative of maxPool2d and the gradient of maxPool2dScatter. A window that sees padding only
// gives 0. ceil(N OH OW C / 64) workgroups, one invocation a result.

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
@group(0) @binding(1) var<storage, read> g: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;
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
  if (index >= (*p).batch * (*p).outHeight * (*p).outWidth * (*p).channels) {
    return;
  }
  let channel = index % (*p).channels;
  let pixel = index / (*p).channels;
  let outX = pixel % (*p).outWidth;
  let outY = pixel / (*p).outWidth % (*p).outHeight;
  let image = pixel / (*p).outWidth / (*p).outHeight;
  let place = first_maximum(image, outY, outX, channel);
  if (place < 0) {
    output[index] = Scalar(0);
  } else {
    output[index] = g[(*p).offset1 + u32(place)];
  }
}
