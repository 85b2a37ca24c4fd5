// Turns a kernel step into a launch of the file of that name in shaders/: operands to bindings in the order of the file,
// element offsets and parameter words into its uniform block, an epilogue pasted where the file has room for one.
// Read next: shaders/README.md for the conventions, ../wgsl/attachment.ts for the epilogue.
import { BackendError } from "../../../core/errors.ts";
import type { KernelStep, Slot } from "../../../graph/step.ts";
import { insert, pasteEpilogue, retypeOutput } from "../wgsl/attachment.ts";
import { isInPairs, leaveText, withHalves } from "../wgsl/elements.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";

/** Rows at least this long are searched by a whole workgroup where the file has an entry point for it. */
const cooperativeLength = 64;

/** What stands at "combine" of a scan. The rounding of a carried sum is carried with it. */
const scans: Readonly<Record<string, string>> = {
  cumsum: `fn identity() -> Scalar { return Scalar(0); }
fn combine(a: Scalar, b: Scalar) -> Scalar { return a + b; }
fn after(carry: vec2<Scalar>, value: Scalar) -> Scalar { return carry.x + (carry.y + value); }
fn advance(carry: vec2<Scalar>, total: Scalar) -> vec2<Scalar> {
  let rest = total + carry.y;
  let next = carry.x + rest;
  return vec2<Scalar>(next, rest - (next - carry.x));
}`,
  cumprod: `fn identity() -> Scalar { return Scalar(1); }
fn combine(a: Scalar, b: Scalar) -> Scalar { return a * b; }
fn after(carry: vec2<Scalar>, value: Scalar) -> Scalar { return carry.x * value; }
fn advance(carry: vec2<Scalar>, total: Scalar) -> vec2<Scalar> { return vec2<Scalar>(carry.x * total, Scalar(0)); }`,
};

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
  const scan = scans[step.kernel];
  const text = scan === undefined ? insert(template, "dot", library.dotText) : insert(template, "combine", scan);
  return templateDispatch(step, slots, library, text, launchOf(step, template));
}

/** The launch of a text: inputs, outputs, offsets with the words, and what the epilogue needs, bound in this order. */
export function templateDispatch(
  { label, dtype, inputs, outputs, words, epilogue }: KernelStep,
  slots: readonly Slot[],
  library: ShaderLibrary,
  template: string,
  { entry, groups }: { readonly entry: string; readonly groups: number },
): Dispatch {
  const block = inputs.length + outputs.length;
  const { elements } = library;
  const pasted = pasteEpilogue(epilogue, slots, dtype, block + 1, 1, elements);
  const retyped = epilogue === undefined ? template : retypeOutput(template, epilogue.expression.dtype);
  const inPairs = template.includes("// @insert leave") && isInPairs(elements, outputs[0]?.dtype);
  const operands = [...inputs, ...(inPairs ? [] : outputs)].map((view, binding) => ({ binding, dtype: view.dtype }));
  const left = insert(inPairs ? retypeOutput(retyped, "u32") : retyped, "leave", leaveText(inPairs));
  const text = insert(withHalves(left, operands, elements), "epilogue", pasted.text);
  const own: Binding[] = [
    ...inputs.map((view, at): Binding => ({ binding: at, access: "read", source: view.slot })),
    ...outputs.map((view, at): Binding => ({ binding: inputs.length + at, access: "write", source: view.slot })),
    { binding: block, access: "uniform", source: 0 },
  ];
  const numbers = [...inputs.map(({ offset }) => offset), ...words];
  return {
    label,
    text: library.link(text, dtype),
    entry,
    groups,
    bindings: [...own, ...pasted.bindings],
    blocks: [numbers.map((value): Word => ({ value })), pasted.block.words],
  };
}

/** argMax and argMin have a second entry point, one workgroup a result, for long rows. */
function launchOf(step: KernelStep, template: string): { readonly entry: string; readonly groups: number } {
  const groups = template.includes("fn cooperative(") ? cooperativeGroups(step.words) : 0;
  return groups > 0 ? { entry: "cooperative", groups } : { entry: step.entry, groups: step.workgroups };
}

/** Workgroups of that entry point; none where the other one is taken. */
export function cooperativeGroups([outer = 0, length = 0, inner = 0]: readonly number[]): number {
  return length >= cooperativeLength && (inner === 1 || outer * inner < 4096) ? outer * inner : 0;
}
