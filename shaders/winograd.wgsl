// Winograd's method for 3 x 3 convolutions without strides: tiles of 4 x 4 outputs come from tiles of 6 x 6 inputs, each as
// 36 values that are multiplied one by one, which for all tiles and channels together is a product of matrices a value:
//
//   w       --filters, G-->  [36, C, O]  --.
//   images  --inputs, B-->   [36, T, C]  --matmul.wgsl-->  [36, T, O]  --outputs, A-->  out
//
// A launch is for T tiles from `first` on, counted over the batch. Points 0, 3/4, -3/4, 3/2, -3/2 and infinity, as in
// assembly/convolution/winograd-transform.ts: exact constants in B and A, and half the rounding of the textbook's. Knows no product.
// Workgroups: `filters` ceil(C O / 64), `inputs` ceil(T C / 64), `outputs` ceil(T O / 64). The gradient of the images is a
// convolution with filters that are turned round, whose channels change places: matmul.wgsl reads them across.

struct Parameters {
  offset0: u32,
  // The images that are read.
  height: i32,
  width: i32,
  channels: i32,
  // Those that are written.
  outHeight: i32,
  outWidth: i32,
  outChannels: i32,
  // How far the first window begins outside.
  padTop: i32,
  padLeft: i32,
  // Tiles, and the first of them.
  tiles: i32,
  first: i32,
  // Filters, and whether they are turned round.
  filters: i32,
  isTurned: i32,
}

@group(0) @binding(0) var<storage, read> input: array<Scalar>;
@group(0) @binding(1) var<storage, read_write> output: array<Scalar>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

// @insert epilogue

// The values of one row or column of a tile.
struct Six {
  v0: Scalar,
  v1: Scalar,
  v2: Scalar,
  v3: Scalar,
  v4: Scalar,
  v5: Scalar,
}

// Three taps to six values: G g.
fn filter_values(g: vec3<Scalar>) -> Six {
  let even0 = g.x * -0.5267489711934157 + g.z * -0.2962962962962963;
  let odd0 = g.y * -0.3950617283950617;
  let even1 = g.x * 0.13168724279835392 + g.z * 0.2962962962962963;
  let odd1 = g.y * 0.19753086419753085;
  return Six(g.x * 0.7901234567901234, even0 + odd0, even0 - odd0, even1 + odd1, even1 - odd1, g.z);
}

// Six inputs to six values: B d.
fn input_values(d: Six) -> Six {
  let even0 = d.v2 * -2.25 + d.v4;
  let odd0 = (d.v1 * -2.25 + d.v3) * 0.75;
  let even1 = d.v2 * -0.5625 + d.v4;
  let odd1 = (d.v1 * -0.5625 + d.v3) * 1.5;
  return Six(
    d.v0 * 1.265625 + (d.v2 * -2.8125 + d.v4),
    even0 + odd0,
    even0 - odd0,
    even1 + odd1,
    even1 - odd1,
    d.v1 * 1.265625 + (d.v3 * -2.8125 + d.v5),
  );
}

// Six products to four sums: the transpose of A times m.
fn output_sums(m: Six) -> vec4<Scalar> {
  let even0 = m.v1 + m.v2;
  let odd0 = m.v1 - m.v2;
  let even1 = m.v3 + m.v4;
  let odd1 = m.v3 - m.v4;
  return vec4<Scalar>(
    (even0 + even1) + m.v0,
    odd1 * 1.5 + odd0 * 0.75,
    even1 * 2.25 + even0 * 0.5625,
    odd1 * 3.375 + (odd0 * 0.421875 + m.v5),
  );
}

// Writes the values of one row of a tile, which lie `step` apart.
fn store_values(start: i32, step: i32, values: Six) {
  output[start] = values.v0;
  output[start + step] = values.v1;
  output[start + 2 * step] = values.v2;
  output[start + 3 * step] = values.v3;
  output[start + 4 * step] = values.v4;
  output[start + 5 * step] = values.v5;
}

// One column of the taps of a filter.
fn read_taps(filter_index: i32, column: i32) -> vec3<Scalar> {
  let count = parameters.filters;
  let start = i32(parameters.offset0) + filter_index + column * count;
  return vec3<Scalar>(input[start], input[start + 3 * count], input[start + 6 * count]);
}

@compute @workgroup_size(64)
fn filters(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64 + invocation);
  let count = parameters.filters;
  if (index >= count) {
    return;
  }
  let isTurned = parameters.isTurned != 0;
  let left = read_taps(index, select(0, 2, isTurned));
  let middle = read_taps(index, 1);
  let right = read_taps(index, select(2, 0, isTurned));
  let c0 = filter_values(select(left, left.zyx, isTurned));
  let c1 = filter_values(select(middle, middle.zyx, isTurned));
  let c2 = filter_values(select(right, right.zyx, isTurned));
  store_values(index, count, filter_values(vec3<Scalar>(c0.v0, c1.v0, c2.v0)));
  store_values(index + 6 * count, count, filter_values(vec3<Scalar>(c0.v1, c1.v1, c2.v1)));
  store_values(index + 12 * count, count, filter_values(vec3<Scalar>(c0.v2, c1.v2, c2.v2)));
  store_values(index + 18 * count, count, filter_values(vec3<Scalar>(c0.v3, c1.v3, c2.v3)));
  store_values(index + 24 * count, count, filter_values(vec3<Scalar>(c0.v4, c1.v4, c2.v4)));
  store_values(index + 30 * count, count, filter_values(vec3<Scalar>(c0.v5, c1.v5, c2.v5)));
}

// The first row and column of outputs of a tile, and the image it lies in.
struct Place {
  image: i32,
  y: i32,
  x: i32,
}

fn place_of(tile: i32) -> Place {
  let tilesH = (parameters.outHeight + 3) / 4;
  let tilesW = (parameters.outWidth + 3) / 4;
  let row = (parameters.first + tile) / tilesW;
  return Place(row / tilesH, row % tilesH * 4, (parameters.first + tile) % tilesW * 4);
}

// One column of the inputs of a tile, zeros outside of the image.
fn read_column(image: i32, y: i32, x: i32, channel: i32) -> Six {
  return Six(
    read_input(image, y, x, channel),
    read_input(image, y + 1, x, channel),
    read_input(image, y + 2, x, channel),
    read_input(image, y + 3, x, channel),
    read_input(image, y + 4, x, channel),
    read_input(image, y + 5, x, channel),
  );
}

fn read_input(image: i32, y: i32, x: i32, channel: i32) -> Scalar {
  let p = &parameters;
  if (y < 0 || y >= (*p).height || x < 0 || x >= (*p).width) {
    return Scalar(0);
  }
  return input[i32((*p).offset0) + ((image * (*p).height + y) * (*p).width + x) * (*p).channels + channel];
}

@compute @workgroup_size(64)
fn inputs(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64 + invocation);
  let count = parameters.tiles * parameters.channels;
  if (index >= count) {
    return;
  }
  let place = place_of(index / parameters.channels);
  let channel = index % parameters.channels;
  let y = place.y - parameters.padTop;
  let x = place.x - parameters.padLeft;
  let c0 = input_values(read_column(place.image, y, x, channel));
  let c1 = input_values(read_column(place.image, y, x + 1, channel));
  let c2 = input_values(read_column(place.image, y, x + 2, channel));
  let c3 = input_values(read_column(place.image, y, x + 3, channel));
  let c4 = input_values(read_column(place.image, y, x + 4, channel));
  let c5 = input_values(read_column(place.image, y, x + 5, channel));
  store_values(index, count, input_values(Six(c0.v0, c1.v0, c2.v0, c3.v0, c4.v0, c5.v0)));
  store_values(index + 6 * count, count, input_values(Six(c0.v1, c1.v1, c2.v1, c3.v1, c4.v1, c5.v1)));
  store_values(index + 12 * count, count, input_values(Six(c0.v2, c1.v2, c2.v2, c3.v2, c4.v2, c5.v2)));
  store_values(index + 18 * count, count, input_values(Six(c0.v3, c1.v3, c2.v3, c3.v3, c4.v3, c5.v3)));
  store_values(index + 24 * count, count, input_values(Six(c0.v4, c1.v4, c2.v4, c3.v4, c4.v4, c5.v4)));
  store_values(index + 30 * count, count, input_values(Six(c0.v5, c1.v5, c2.v5, c3.v5, c4.v5, c5.v5)));
}

// The sums of one column of products.
fn read_sums(start: i32, step: i32) -> vec4<Scalar> {
  return output_sums(
    Six(
      input[start],
      input[start + 6 * step],
      input[start + 12 * step],
      input[start + 18 * step],
      input[start + 24 * step],
      input[start + 30 * step],
    ),
  );
}

// Writes what lies inside of the image of one row of outputs.
fn store_row(place: Place, row: i32, channel: i32, sums: vec4<Scalar>) {
  let p = &parameters;
  let y = place.y + row;
  if (y < (*p).outHeight) {
    let start = ((place.image * (*p).outHeight + y) * (*p).outWidth + place.x) * (*p).outChannels + channel;
    for (var i = 0; i < 4; i++) {
      if (place.x + i < (*p).outWidth) {
        let index = u32(start + i * (*p).outChannels);
        output[index] = epilogue(sums[i], index);
      }
    }
  }
}

@compute @workgroup_size(64)
fn outputs(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64 + invocation);
  let count = parameters.tiles * parameters.outChannels;
  if (index >= count) {
    return;
  }
  let c0 = read_sums(index, count);
  let c1 = read_sums(index + count, count);
  let c2 = read_sums(index + 2 * count, count);
  let c3 = read_sums(index + 3 * count, count);
  let c4 = read_sums(index + 4 * count, count);
  let c5 = read_sums(index + 5 * count, count);
  let place = place_of(index / parameters.outChannels);
  let channel = index % parameters.outChannels;
  store_row(place, 0, channel, output_sums(Six(c0.x, c1.x, c2.x, c3.x, c4.x, c5.x)));
  store_row(place, 1, channel, output_sums(Six(c0.y, c1.y, c2.y, c3.y, c4.y, c5.y)));
  store_row(place, 2, channel, output_sums(Six(c0.z, c1.z, c2.z, c3.z, c4.z, c5.z)));
  store_row(place, 3, channel, output_sums(Six(c0.w, c1.w, c2.w, c3.w, c4.w, c5.w)));
}
