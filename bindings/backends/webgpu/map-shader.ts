// Writes the shader of a map step: one invocation an element, out[place] = expression(inputs[place]…).
// Its text depends on the expression, the types and the layout classes; sizes are in the uniform block.
// Read next: operands.ts, which finds the elements, and expr/to-wgsl.ts, which prints the expression.
import { toStorage, toWGSL, wgslStorageType } from "../../expr/to-wgsl.ts";
import type { MapStep, Slot } from "../../graph/step.ts";
import type { Dispatch } from "./operands.ts";
import { Block, Operands } from "./operands.ts";
import type { ShaderLibrary } from "./shader-library.ts";

/** Invocations of a workgroup of generated shaders. */
const workgroupSize = 256;

/** The dispatch of a map step over at least one element. */
export function mapDispatch(step: MapStep, slots: readonly Slot[], library: ShaderLibrary): Dispatch {
  const block = new Block();
  const operands = new Operands(step.shape, block, "parameters", "x");
  block.add("size", "u32", { value: operands.size });
  const inputs = step.inputs.map((view) => operands.read(view, slots[view.slot]));
  const place = operands.place(step.output);
  const body = toWGSL(step.expression, inputs);
  const count = operands.slots.length;
  const statements = [...operands.coordinates(), ...body.lines];
  const text = `${operands.declare(0)}
@group(0) @binding(${String(count)}) var<storage, read_write> output: array<${wgslStorageType(step.output.dtype)}>;
${block.declare("parameters", count + 1)}
@compute @workgroup_size(${String(workgroupSize)})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = linear_workgroup(group, groups) * ${String(workgroupSize)}u + lane;
  if (index >= parameters.size) {
    return;
  }
${statements.map((line) => `  ${line}`).join("\n")}
  output[${place}] = ${toStorage(body.result, step.expression.dtype)};
}
`;
  return {
    label: step.label,
    text: library.link(text, step.output.dtype),
    entry: "main",
    groups: Math.ceil(operands.size / workgroupSize),
    bindings: [
      ...operands.bindings(0),
      { binding: count, access: "write", source: step.output.slot },
      { binding: count + 1, access: "uniform", source: 0 },
    ],
    blocks: [block.words],
  };
}
