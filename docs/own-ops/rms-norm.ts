// Root-mean-square normalisation over the last axis: an op with kernels of its own, WGSL for the GPU and WebAssembly for the CPU.
import { defineOp, expandDims, mean, mul, reshape, rsqrt, ShapeError, sub, sum } from "athanor";

/** What `asc` makes of rms-norm.assembly.ts. Any compiler will do: see "WebAssembly" in own-ops.md. */
const wasm =
  "AGFzbQEAAAABBwFgA39/fwACDwEDZW52Bm1lbW9yeQIAAAMCAQAHFAIHcm1zTm9ybQAABm1lbW9yeQIACtkBAdYBAgJ9B38gACgCACEHIAAoAgQhCSAAKAIIIQogACgCDCELIAAoAhAhBSAAKgIUIQQDQCABIAtIBEAgASAFbEECdCEGQwAAAAAhA0EAIQADQCAAIAVJBEAgAyAGIAdqIABBAnRqKgIAIgMgA5SSIQMgAEEBaiEADAELC0MAAIA/IAMgBbKVIASSkZUhA0EAIQADQCAAIAVJBEAgAEECdCIIIAYgCmpqIAYgB2ogCGoqAgAgA5QgCCAJaioCAJQ4AgAgAEEBaiEADAELCyABIAJqIQEMAQsLCw==";

const wgsl = `
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = linear_workgroup(group, groups);
  if (row >= parameters.rows) {
    return;
  }
  let start = row * parameters.columns;
  var squares = 0.0;
  for (var column = lane; column < parameters.columns; column += 64u) {
    squares += x[start + column] * x[start + column];
  }
  partial[lane] = squares;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
  }
  workgroupBarrier();
  let scale = 1.0 / sqrt(partial[0] / f32(parameters.columns) + parameters.epsilon);
  for (var column = lane; column < parameters.columns; column += 64u) {
    let value = x[start + column] * scale * gain[column];
    output[start + column] = epilogue(value, start + column);
  }
}
`;

/** x · gain / √(mean(x²) + epsilon), the mean over the last axis; gain has its size. f32. */
export const rmsNorm = defineOp("rmsNorm", {
  inputs: ["x", "gain"],
  attributes: { epsilon: 1e-6 },
  output: ({ x, gain }) => {
    const columns = x.shape.at(-1);
    if (columns === undefined || gain.rank !== 1 || gain.size !== columns) {
      throw new ShapeError("rmsNorm", `gain must have the size of the last axis of [${x.shape}], got [${gain.shape}]`);
    }
    return x;
  },
  parameters: ({ x, gain }, { epsilon }) => ({
    rows: x.size / Math.max(gain.size, 1),
    columns: gain.size,
    epsilon: { f32: epsilon },
  }),
  wgsl: { source: wgsl, workgroups: ({ x, gain }) => x.size / Math.max(gain.size, 1), epilogue: true },
  wasm: { bytes: Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0)), parallel: true },
  gradient: ({ x, gain }, { epsilon }, { cotangent }) => {
    const scale = rsqrt(expandDims(mean(mul(x, x), { axis: -1 }), -1).add(epsilon));
    const normal = mul(x, scale);
    const upstream = mul(cotangent, gain);
    const along = expandDims(mean(mul(upstream, normal), { axis: -1 }), -1);
    return {
      x: mul(scale, sub(upstream, mul(normal, along))),
      gain: sum(reshape(mul(cotangent, normal), [-1, gain.size]), { axis: 0 }),
    };
  },
});
