// Which memory a step may write its result over: an operand that it reads element for element where it writes, and that
// nobody reads afterwards. Pure functions of steps. Read next: lower.ts, which asks for temporaries and for operands given away.
import { bytesOf } from "../core/dtype.ts";
import type { SlotView, Step } from "./step.ts";
import { viewsOf, writesOf } from "./step.ts";

/** Whether `step`, the last to touch slot `victim`, may give slot `made`, which it makes, the same memory. */
export function isInPlace(step: Step | undefined, made: number, victim: number): boolean {
  if (step === undefined || made === victim) return false;
  if (step.kind === "strips") return isInPlaceInStrips(step.steps, made, victim);
  if (step.kind === "kernel") {
    // What the map behind a kernel makes may lie over what only it reads, or over what it reads of the kernel's own.
    const { finish } = step;
    const isKernels = step.inputs.some(({ slot }) => slot === victim) || step.outputs.some(({ slot }) => slot === made);
    return finish !== undefined && !isKernels && isInPlace(finish, made, victim);
  }
  if (step.kind !== "map") return false;
  const output = writesOf(step).find(({ slot }) => slot === made);
  if (output === undefined || step.inputs.some(({ slot }) => slot === made)) return false;
  const touches = viewsOf(step).filter(({ slot }) => slot === victim);
  return touches.length > 0 && touches.every((view) => isSameElement(view, output));
}

/** In a strip the victim may also be read before, as long as no strip reads what another one writes. */
function isInPlaceInStrips(steps: readonly Step[], made: number, victim: number): boolean {
  const touching = (slot: number): number[] =>
    steps.flatMap((step, index) => (viewsOf(step).some((view) => view.slot === slot) ? [index] : []));
  const maker = touching(made)[0];
  const reader = touching(victim).at(-1);
  const step = steps[maker ?? -1];
  if (maker === undefined || reader === undefined || step?.kind !== "map" || reader > maker) return false;
  const output = writesOf(step).find(({ slot }) => slot === made);
  if (output === undefined || step.inputs.some(({ slot }) => slot === made)) return false;
  if (reader === maker && !isInPlace(step, made, victim)) return false;
  const bytes = (output.advance ?? 0) * bytesOf(output.dtype);
  return steps.every((other) =>
    viewsOf(other).every(
      (view) => view.slot !== victim || ((view.advance ?? 0) * bytesOf(view.dtype) === bytes && isInStrip(other, view)),
    ),
  );
}

/** Whether the view of a strip's first turn stays before where the second turn begins. */
function isInStrip(step: Step, view: SlotView): boolean {
  let extents: readonly number[] = step.kind === "map" ? step.shape : [];
  if (step.kind === "reduce")
    extents = view === step.output ? [step.outer, step.inner] : [step.outer, step.length, step.inner];
  let high = view.offset;
  for (const [axis, stride] of view.strides.entries()) {
    if (stride < 0) return false;
    high += ((extents[axis] ?? 1) - 1) * stride;
  }
  return view.offset >= 0 && high < (view.advance ?? 0);
}

function isSameElement(a: SlotView, b: SlotView): boolean {
  return (
    bytesOf(a.dtype) === bytesOf(b.dtype) &&
    a.offset === b.offset &&
    (a.advance ?? 0) === (b.advance ?? 0) &&
    a.strides.every((stride, axis) => stride === (b.strides[axis] ?? 0))
  );
}
