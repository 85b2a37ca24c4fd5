// Polar coordinates of points, an op of two inputs and two outputs, with any choice of kernels: what most tests here define.
// Read next: kernels.test.ts.
import { add, defineOp, div, mul, ShapeError, sqrt, sub } from "../../bindings/index.ts";
import type { Attributes, KernelDefinition, KernelFunction, Tensor } from "../../bindings/index.ts";
import type { Spec } from "../../bindings/ops/tensor.ts";
import { compiled } from "./compiled.ts";

const bytes = await compiled(`
export function polar(args: usize, worker: i32, workers: i32): void {
  const x = load<usize>(args);
  const y = load<usize>(args, 4);
  const radius = load<usize>(args, 8);
  const sum = load<usize>(args, 12);
  const size = load<i32>(args, 16);
  const scale = load<f32>(args, 20);
  for (let i = worker; i < size; i += workers) {
    const at = <usize>i << 2;
    const a = load<f32>(x + at);
    const b = load<f32>(y + at);
    store<f32>(radius + at, scale * sqrt<f32>(a * a + b * b));
    store<f32>(sum + at, a + b);
  }
}`);

const source = `
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup(group, groups) * 64u + lane;
  if (i < parameters.size) {
    output0[i] = parameters.scale * sqrt(x[i] * x[i] + y[i] * y[i]);
    output1[i] = x[i] + y[i];
  }
}`;

type Pair = readonly [Spec, Spec];
type Names = readonly ["x", "y"];
interface Scale {
  readonly scale: number;
}
type Definition = KernelDefinition<Names, Scale & Attributes, Pair>;
export type Polar = KernelFunction<Names, Scale & Attributes, Pair>;

const kernels: Readonly<Pick<Definition, "wgsl" | "wasm" | "compute">> = {
  wgsl: { source, workgroups: ({ x }) => Math.ceil(x.size / 64) },
  wasm: { bytes, parallel: true },
  compute: ({ x, y }, [radius, sum], { scale }) => {
    x.data.forEach((a, i) => {
      const b = y.data[i] ?? 0;
      radius.data[i] = scale * Math.hypot(a, b);
      sum.data[i] = a + b;
    });
  },
};

/** The op with kernels of these kinds: [scale · √(x² + y²), x + y]. */
export function polarOp(...kinds: readonly (keyof typeof kernels)[]): Polar {
  const definition: Definition = {
    inputs: ["x", "y"],
    attributes: { scale: 1 },
    output: ({ x, y }) => {
      if (x.shape.join() !== y.shape.join()) throw new ShapeError("polar", "x and y must have one shape");
      return [x, { shape: x.shape, dtype: "f32" }];
    },
    parameters: ({ x }, { scale }) => ({ size: x.size, scale: { f32: scale } }),
    gradient: ({ x, y }, { scale }, { output: [radius], cotangent: [dRadius, dSum] }) => {
      const along = div(mul(dRadius, scale * scale), radius);
      return { x: add(mul(along, x), dSum), y: add(mul(along, y), dSum) };
    },
  };
  return defineOp(
    "polar",
    Object.assign(definition, ...kinds.map((kind) => ({ [kind]: kernels[kind] }))) as Definition,
  );
}

/** The same in the engine's own ops. */
export function polarInOps(x: Tensor, y: Tensor, scale = 1): readonly [Tensor, Tensor] {
  return [mul(sqrt(add(mul(x, x), mul(y, y))), scale), sub(x, mul(y, -1))];
}
