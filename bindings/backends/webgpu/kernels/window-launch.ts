// What launches of window kernels have in common: the shape by which a variant is chosen, and buffers, numbers and text put together.
// Knows no op. Read next: window-text.ts; pooling-shader.ts and depthwise-shader.ts, which use it.
import type { DType } from "../../../core/dtype.ts";
import type { KernelStep, Slot } from "../../../graph/step.ts";
import { partCount } from "../memory/parts.ts";
import { wordsOf } from "../memory/words.ts";
import type { BlockVariant, WindowShape } from "../variants/windows.ts";
import type { Pasted } from "../wgsl/attachment.ts";
import { withHalves } from "../wgsl/elements.ts";
import type { Binding, Dispatch } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import type { BlockKernel, Direction, WindowGeometry } from "./window-text.ts";
import { aliases, blockText, valueType } from "./window-text.ts";

/** The shape of windows over images for the tuner. */
export function windowShape(
  { inputs, outputs }: KernelStep,
  slots: readonly Slot[],
  { limits }: Workshop,
  direction: Direction,
  geometry: WindowGeometry,
  written: Written,
): WindowShape {
  const views = [...inputs, ...outputs];
  const isVectors = views.every(({ slot, offset }) => {
    const own = slots[slot];
    const isArray = own !== undefined && own.kind !== "scalar" && partCount(wordsOf(own), limits) === 1;
    return isArray && offset % 4 === 0;
  });
  return shapeOfWindows(direction, geometry, written, isVectors);
}

/** The channels that are written, and how many neighbours of them are written together at most. */
export type Written = Pick<WindowShape, "channels" | "together">;

/** The same where it is known whether arrays can be read as vectors. */
export function shapeOfWindows(
  direction: Direction,
  { batch, height, width }: WindowGeometry,
  written: Written,
  isVectors: boolean,
): WindowShape {
  const isWindow = direction === "window";
  const isSeen = isWindow ? height.input * width.input > 0 : height.output * width.output > 0;
  return {
    rows: batch * (isWindow ? height.output : height.input),
    columns: isWindow ? width.output : width.input,
    ...written,
    window: [height.window, width.window],
    stride: width.stride,
    isWhole: isVectors && isSeen,
  };
}

/** A buffer of a launch, with the type of its elements. */
export interface Buffer {
  readonly name: string;
  readonly type: "Value" | "Place" | "Scalar" | "Stored";
  /** Of what is stored, where that may be halves; `type` is what the text takes it for. */
  readonly dtype: DType;
  readonly slot: number;
  /** Elements of that type before the first. */
  readonly offset: number;
  readonly access: Binding["access"];
}

/** A text with what it is launched with. */
export interface Kernel {
  readonly kernel: BlockKernel;
  readonly buffers: readonly Buffer[];
  /** Functions that are called. */
  readonly functions: readonly string[];
  readonly numbers?: Readonly<Record<string, number>>;
  /** What becomes of a value, with bindings behind the buffers and one uniform block. */
  readonly epilogue?: Pasted;
}

/** The launch of a kernel over blocks of pixels. */
export function launched(
  { label, dtype }: KernelStep,
  { library }: Workshop,
  { kernel, buffers, functions, numbers = {}, epilogue }: Kernel,
): Dispatch {
  const { text, block, groups } = blockText(kernel);
  for (const { name, offset, access } of buffers)
    if (access === "read") block.add(`${name}Offset`, "i32", { value: offset });
  for (const [name, value] of Object.entries(numbers)) block.add(name, "i32", { value });
  const declarations = buffers.map(({ name, type, access }, at) => {
    const mode = access === "read" ? "read" : "read_write";
    // The alias, written out: whoever puts halves in its place looks for a vector.
    const element = type === "Value" ? valueType(kernel.variant.lanes) : type;
    return `@group(0) @binding(${String(at)}) var<storage, ${mode}> ${name}: array<${element}>;`;
  });
  const parts = [
    aliases(kernel.variant.lanes),
    ...declarations,
    block.declare("numbers", buffers.length),
    ...(epilogue === undefined ? [] : [epilogue.text]),
    ...functions,
    text,
  ];
  const operands = buffers.map((buffer, binding) => ({ binding, dtype: buffer.dtype }));
  return {
    label,
    text: library.link(withHalves(parts.join("\n"), operands, library.elements), dtype),
    entry: "main",
    groups,
    bindings: [
      ...buffers.map(({ slot, access }, at): Binding => ({ binding: at, access, source: slot })),
      { binding: buffers.length, access: "uniform", source: 0 },
      ...(epilogue?.bindings ?? []),
    ],
    blocks: [block.words, ...(epilogue === undefined ? [] : [epilogue.block.words])],
  };
}

/** An input that is read in vectors of so many elements. */
export function read(name: string, { inputs, dtype }: KernelStep, at: number, lanes: BlockVariant["lanes"]): Buffer {
  const { slot = -1, offset = 0, dtype: stored = dtype } = inputs[at] ?? {};
  return { name, type: lanes === 1 ? "Scalar" : "Value", dtype: stored, slot, offset: offset / lanes, access: "read" };
}

/** The only output. */
export function write(name: string, { outputs, dtype }: KernelStep): Buffer {
  const { slot = -1, dtype: stored = dtype } = outputs[0] ?? {};
  return { name, type: "Value", dtype: stored, slot, offset: 0, access: "write" };
}
