// Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices a [batch, n, n] with n <= 32; the lower
// triangle is read. Jacobi's method, two-sided, one workgroup of 256 invocations a matrix (batch workgroups): a round
// rotates 16 disjoint pairs of axes at once (round-robin order, 31 rounds meet every pair) and each invocation updates
// one 2 x 2 block. Matrices are scaled by a power of two against over- and underflow; one that holds NaN or infinity
// gives NaN everywhere. Larger n belongs to the CPU.

struct Parameters {
  offset0: u32,
  batch: i32,
  n: i32,
}

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// Rows are 33 apart so that a column does not fall into one memory bank.
const ROW = 33;
const SWEEPS = 16;

var<workgroup> matrix: array<f32, 1056>;
var<workgroup> basis: array<f32, 1056>;
var<workgroup> pairs: array<vec2<i32>, 16>;
// Of each pair: the sine, and the sine over one plus the cosine.
var<workgroup> rotations: array<vec2<f32>, 16>;
var<workgroup> largest: array<u32, 256>;
var<workgroup> rotated: atomic<u32>;
var<workgroup> isUnfinished: u32;
var<workgroup> places: array<i32, 32>;

// The k-th pair of a round-robin tournament of `players` (even): the last one stays, the others turn.
fn pair_of(k: i32, round: i32, players: i32) -> vec2<i32> {
  let circle = players - 1;
  if (k == 0) {
    return vec2<i32>(round, circle);
  }
  let first = (round + k) % circle;
  let second = (round - k + circle) % circle;
  return vec2<i32>(min(first, second), max(first, second));
}

// The rotation that makes an off-diagonal element vanish. t, the smaller root of t^2 + 2 theta t = 1, is the tangent.
fn rotation_of(app: f32, aqq: f32, apq: f32) -> vec2<f32> {
  let theta = (aqq - app) / (2.0 * apq);
  let size = abs(theta);
  var t = 0.5 / max(size, 1.0);
  if (size < 4096.0) {
    t = 1.0 / (size + sqrt(1.0 + theta * theta));
  }
  t = select(t, -t, theta < 0.0);
  // One Newton step on the reciprocal root: hundreds of rotations follow each other, and the builtin may be off by
  // several units.
  let square = 1.0 + t * t;
  var cosine = inverseSqrt(square);
  cosine = cosine * (1.5 - 0.5 * square * cosine * cosine);
  let sine = t * cosine;
  return vec2<f32>(sine, sine / (1.0 + cosine));
}

// Small rotations as corrections, which rounds less than products with a cosine near one.
fn rotate(x: f32, y: f32, rotation: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(x - rotation.x * (y + rotation.y * x), y + rotation.x * (x - rotation.y * y));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let lane = i32(invocation);
  let n = parameters.n;
  let index = i32(linear_workgroup(group, groups));
  if (index >= parameters.batch || n > 32) {
    return;
  }
  let base = index * n * n;

  // The largest magnitude by its bits, which order as the magnitudes do and put infinity and NaN on top.
  var top = 0u;
  for (var i = lane; i < n * n; i += 256) {
    if (i % n <= i / n) {
      top = max(top, bitcast<u32>(input[parameters.offset0 + u32(base + i)]) & 0x7fffffffu);
    }
  }
  largest[lane] = top;
  for (var width = 128; width > 0; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) {
      largest[lane] = max(largest[lane], largest[lane + width]);
    }
  }
  let bits = workgroupUniformLoad(&largest[0]);
  if (bits >= 0x7f800000u) {
    for (var i = lane; i < n * n; i += 256) {
      vectors[base + i] = nan_f32();
      if (i < n) {
        values[index * n + i] = nan_f32();
      }
    }
    return;
  }
  // Brings the largest element into [1, 2), or a matrix of subnormal numbers below 1; tiny elements pass by way of
  // their bits.
  let exponent = max(i32(bits >> 23u), 1) - 127;

  // An odd n gets one more axis of zeros, which no rotation ever touches.
  let players = max(n + n % 2, 2);
  for (var i = lane; i < players * players; i += 256) {
    let row = i / players;
    let column = i % players;
    var value = 0.0;
    if (row < n && column < n) {
      let place = u32(base + max(row, column) * n + min(row, column));
      let element = input[parameters.offset0 + place];
      if (exponent < -60) {
        value = with_sign_f32(scale_f32(lifted_f32(bitcast<u32>(element) & 0x7fffffffu), -exponent - 64), element);
      } else {
        value = scale_f32(element, -exponent);
      }
    }
    matrix[row * ROW + column] = value;
    basis[row * ROW + column] = select(0.0, 1.0, row == column);
  }

  let pairCount = players / 2;
  for (var sweep = 0; sweep < SWEEPS; sweep++) {
    if (lane == 0) {
      atomicStore(&rotated, 0u);
    }
    for (var round = 0; round < players - 1; round++) {
      workgroupBarrier();
      if (lane < pairCount) {
        let pair = pair_of(lane, round, players);
        let app = matrix[pair.x * ROW + pair.x];
        let aqq = matrix[pair.y * ROW + pair.y];
        let apq = matrix[pair.y * ROW + pair.x];
        pairs[lane] = pair;
        rotations[lane] = vec2<f32>();
        // Below 2^-25 of the geometric mean of the diagonal, or 2^-40 of the matrix, an element no longer shows in the
        // eigenvalues.
        if (abs(apq) > max(9.094947e-13, 2.9802322e-8 * sqrt(abs(app)) * sqrt(abs(aqq)))) {
          rotations[lane] = rotation_of(app, aqq, apq);
          atomicStore(&rotated, 1u);
        }
      }
      workgroupBarrier();
      // The block where the rows of pair `down` cross the columns of pair `across` has no part in any other block.
      let down = lane / 16;
      let across = lane % 16;
      if (down < pairCount && across < pairCount) {
        let rows = pairs[down];
        let columns = pairs[across];
        let upper = rotate(matrix[rows.x * ROW + columns.x], matrix[rows.x * ROW + columns.y], rotations[across]);
        let lower = rotate(matrix[rows.y * ROW + columns.x], matrix[rows.y * ROW + columns.y], rotations[across]);
        let left = rotate(upper.x, lower.x, rotations[down]);
        let right = rotate(upper.y, lower.y, rotations[down]);
        let isVanishing = down == across && rotations[down].x != 0.0;
        matrix[rows.x * ROW + columns.x] = left.x;
        matrix[rows.y * ROW + columns.x] = select(left.y, 0.0, isVanishing);
        matrix[rows.x * ROW + columns.y] = select(right.x, 0.0, isVanishing);
        matrix[rows.y * ROW + columns.y] = right.y;
      }
      if (across < pairCount) {
        for (var row = down; row < n; row += 16) {
          let columns = pairs[across];
          let turned = rotate(basis[row * ROW + columns.x], basis[row * ROW + columns.y], rotations[across]);
          basis[row * ROW + columns.x] = turned.x;
          basis[row * ROW + columns.y] = turned.y;
        }
      }
    }
    workgroupBarrier();
    if (lane == 0) {
      isUnfinished = atomicLoad(&rotated);
    }
    if (workgroupUniformLoad(&isUnfinished) == 0u) {
      break;
    }
  }

  // The place of each eigenvalue: how many are smaller, or equal and before it.
  workgroupBarrier();
  if (lane < n) {
    let value = matrix[lane * ROW + lane];
    var place = 0;
    for (var i = 0; i < n; i++) {
      let other = matrix[i * ROW + i];
      place += select(0, 1, other < value || (other == value && i < lane));
    }
    places[lane] = place;
    values[index * n + place] = scale_f32(value, exponent);
  }
  workgroupBarrier();
  for (var i = lane; i < n * n; i += 256) {
    vectors[base + i / n * n + places[i % n]] = basis[i / n * ROW + i % n];
  }
}
