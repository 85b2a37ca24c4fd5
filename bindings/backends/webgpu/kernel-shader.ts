// Turns a kernel step into a launch of the file of that name in shaders/: operands to bindings in the order of the file,
// element offsets and parameter words into its uniform block, an epilogue pasted where the file has room for one.
// Read next: shaders/README.md for the conventions, attachment.ts for the epilogue.
import { BackendError } from "../../core/errors.ts";
import { wgslStorageType } from "../../expr/to-wgsl.ts";
import type { KernelStep, Slot } from "../../graph/step.ts";
import type { Pasted } from "./attachment.ts";
import { insert, paste, plain, retypeOutput } from "./attachment.ts";
import type { Binding, Dispatch, Word } from "./operands.ts";
import type { ShaderLibrary } from "./shader-library.ts";

/** Rows at least this long are searched by a whole workgroup where the file has an entry point for it. */
const cooperativeLength = 64;

/** The dispatch of a kernel step with at least one workgroup. Throws a BackendError if there is no such kernel. */
export function kernelDispatch(step: KernelStep, slots: readonly Slot[], library: ShaderLibrary): Dispatch {
  const template = library.template(step.kernel);
  if (template === undefined || !library.has(step.kernel, step.dtype)) {
    throw new BackendError(
      step.label,
      `webgpu has no kernel ${step.kernel} for ${step.dtype}. Compute it on the CPU: withDevice("wasm", …)`,
    );
  }
  if (step.outputs.some(({ offset }) => offset !== 0)) {
    throw new BackendError(
      step.label,
      `the kernel ${step.kernel} writes whole buffers; an output at an offset was asked for`,
    );
  }
  const { inputs, outputs } = step;
  const block = inputs.length + outputs.length;
  const epilogue = epilogueOf(step, slots, block + 1);
  const type = step.epilogue?.expression.dtype;
  const bindings: Binding[] = [
    ...inputs.map((view, at): Binding => ({ binding: at, access: "read", source: view.slot })),
    ...outputs.map((view, at): Binding => ({ binding: inputs.length + at, access: "write", source: view.slot })),
    { binding: block, access: "uniform", source: 0 },
  ];
  const retyped = type === undefined ? template : retypeOutput(template, type);
  const text = insert(insert(retyped, "epilogue", epilogue.text), "dot", library.dotText);
  const words = [...inputs.map(({ offset }) => offset), ...step.words];
  const launch = launchOf(step, template);
  return {
    label: step.label,
    text: library.link(text, step.dtype),
    entry: launch.entry,
    groups: launch.groups,
    bindings: [...bindings, ...epilogue.bindings],
    blocks: [words.map((value): Word => ({ value })), epilogue.block.words],
  };
}

function epilogueOf(step: KernelStep, slots: readonly Slot[], first: number): Pasted {
  const scalar = wgslStorageType(step.dtype);
  if (step.epilogue === undefined)
    return plain(`fn epilogue(value: ${scalar}, index: u32) -> ${scalar} { return value; }`, first);
  return paste(step.epilogue, slots, "epilogue", step.dtype, first, 1);
}

/** argMax and argMin have a second entry point, one workgroup a result, for long rows. */
function launchOf(step: KernelStep, template: string): { readonly entry: string; readonly groups: number } {
  const [outer = 0, length = 0, inner = 0] = step.words;
  const hasBoth = template.includes("fn cooperative(");
  if (hasBoth && length >= cooperativeLength && (inner === 1 || outer * inner < 4096))
    return { entry: "cooperative", groups: outer * inner };
  return { entry: step.entry, groups: step.workgroups };
}
