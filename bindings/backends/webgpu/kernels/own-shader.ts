// Turns a step of a user's op into a launch of the user's WGSL: the text comes first, so that the lines of a compiler's message
// are the user's, then the declarations of its buffers and parameters, then what of the prelude and of a fused consumer it calls.
// Knows nothing of the op but the names. Read next: ../../../../docs/own-ops.md for the conventions; kernel-shader.ts for our own.
import { BackendError } from "../../../core/errors.ts";
import { wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { KernelStep, Slot, SlotView } from "../../../graph/step.ts";
import { pasteEpilogue } from "../wgsl/attachment.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";

/** The dispatch of a step with kernels of its own. Throws a BackendError if there is no WGSL among them. */
export function ownDispatch(step: KernelStep, slots: readonly Slot[], library: ShaderLibrary): Dispatch {
  const wgsl = step.own?.wgsl;
  if (wgsl === undefined) {
    throw new BackendError(step.label, 'has no WGSL kernel. Compute it on the CPU: withDevice("wasm", …)');
  }
  const operands = [...step.inputs, ...step.outputs];
  const block = operands.length;
  const bindings: Binding[] = operands.map(({ slot }, at) => {
    return { binding: at, access: at < step.inputs.length ? "read" : "write", source: slot };
  });
  const epilogue = pasteEpilogue(step.epilogue, slots, step.outputs[0]?.dtype ?? "f32", block + 1, 1, library.elements);
  const text = [wgsl.source, ...declarationsOf(step, wgsl, operands), epilogue.text].join("\n");
  return {
    label: step.label,
    text: library.complete(text),
    entry: step.entry,
    groups: step.workgroups,
    bindings: [...bindings, { binding: block, access: "uniform", source: 0 }, ...epilogue.bindings],
    blocks: [step.words.map((value): Word => ({ value })), epilogue.block.words],
  };
}

type OwnWgsl = NonNullable<NonNullable<KernelStep["own"]>["wgsl"]>;

function declarationsOf(step: KernelStep, wgsl: OwnWgsl, operands: readonly SlotView[]): string[] {
  const buffers = operands.map(({ dtype }, at) => {
    const isOutput = at >= step.inputs.length;
    // A consumer that was pasted in decides the type of what is stored.
    const type = wgslStorageType(isOutput ? (step.epilogue?.expression.dtype ?? dtype) : dtype);
    const access = isOutput ? "read_write" : "read";
    return `@group(0) @binding(${String(at)}) var<storage, ${access}> ${wgsl.buffers[at] ?? ""}: array<${type}>;`;
  });
  if (wgsl.parameters.length === 0) return buffers;
  const fields = wgsl.parameters.map(([name, type]) => `  ${name}: ${type},`);
  const place = `@group(0) @binding(${String(operands.length)})`;
  return [...buffers, `struct Parameters {\n${fields.join("\n")}\n}`, `${place} var<uniform> parameters: Parameters;`];
}
