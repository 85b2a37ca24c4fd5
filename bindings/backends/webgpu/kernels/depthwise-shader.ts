// Launches of convolutions whose groups have few channels, where tiles of a product would be mostly empty: each invocation walks the
// windows of neighbouring pixels for neighbouring channels, with the taps of a row of the filter at hand. A depthwise one has its
// gradients written so as well; that of the filter is summed in slices of the image.
// Read next: window-text.ts; convolution-shader.ts, which does the others; shaders/conv2d*.wgsl, the plain variants.
import { wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { KernelStep, Segment, Slot } from "../../../graph/step.ts";
import { sampleOf } from "../variants/sample.ts";
import { range } from "../variants/tile.ts";
import type { BlockVariant } from "../variants/windows.ts";
import { isBlock, windows } from "../variants/windows.ts";
import { pasteEpilogue } from "../wgsl/attachment.ts";
import { withHalves } from "../wgsl/elements.ts";
import type { Binding, Dispatch } from "../wgsl/operands.ts";
import { Block } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import { sumOfSlices } from "./matmul-shader.ts";
import type { Buffer, Written } from "./window-launch.ts";
import { launched, read, windowShape, write } from "./window-launch.ts";
import type { Direction, WindowGeometry } from "./window-text.ts";
import {
  aliases,
  blockPixels,
  eachColumn,
  writtenColumns,
  geometryOf,
  indented,
  storeEach,
  valueType,
} from "./window-text.ts";

/** Taps of a row of a filter whose gradient is written out. */
const mostTaps = 16;
/** Pixels of a row whose products are summed by themselves. */
const chunkPixels = 32;
/** Invocations that keep a device busy: the gradient of a filter is cut into slices until there are so many. */
const enoughInvocations = 8192;

/** The convolution behind the words. */
export interface Convolution {
  readonly geometry: WindowGeometry;
  readonly outputs: number;
  readonly groups: number;
}

export function convolutionOf(words: readonly number[]): Convolution {
  const [outputs = 0] = words.slice(6);
  return { geometry: geometryOf([...words.slice(0, 6), ...words.slice(7)]), outputs, groups: words[15] ?? 1 };
}

/** What a kernel that is walked is called among variants. */
export const walked = (kernel: string): string => `${kernel} by windows`;

/** How a convolution without tiles is walked; undefined where these kernels cannot do it. */
export function walkOf(
  kernel: string,
  { geometry: { channels, width }, outputs, groups }: Convolution,
): { readonly direction: Direction; readonly written: Written } | undefined {
  const isDepthwise = channels === groups && outputs === groups;
  const isForward = kernel === "conv2d";
  // The gradient of a filter has a sum for each tap of a row.
  const isWide = kernel === "conv2dFilterGradient" && width.window > mostTaps;
  if ((!isDepthwise && !isForward) || isWide) return undefined;
  return {
    direction: kernel === "conv2dInputGradient" ? "cover" : "window",
    written: isForward
      ? { channels: outputs, together: isDepthwise ? outputs : outputs / groups }
      : { channels, together: channels },
  };
}

/** The launches of a convolution without tiles, where a variant of these is chosen for it. */
export function depthwiseDispatches(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
): Dispatch[] | undefined {
  const convolution = convolutionOf(step.words);
  const { geometry, outputs, groups } = convolution;
  const { batch, channels, height, width } = geometry;
  const walk = walkOf(step.kernel, convolution);
  if (walk === undefined) return undefined;
  const { direction, written } = walk;
  const shape = windowShape(step, slots, workshop, direction, geometry, written);
  const images = batch * height.input * width.input * channels;
  const results = batch * height.output * width.output * outputs;
  const filters = (height.window * width.window * channels * outputs) / groups;
  const [sizes, size] = {
    conv2d: [[images, filters], results] as const,
    conv2dInputGradient: [[results, filters], images] as const,
    conv2dFilterGradient: [[images, results], filters] as const,
  }[step.kernel as "conv2d"];
  const sample = (): Segment => sampleOf(step, sizes, size);
  const variant = workshop.choose(windows, walked(step.kernel), shape, sample);
  if (!isBlock(variant)) return undefined;
  if (step.kernel === "conv2dFilterGradient") return filterDispatches(step, slots, workshop, geometry, variant);
  return [windowsDispatch(step, slots, workshop, convolution, direction, variant)];
}

/** The convolution, or the gradient of its images. */
function windowsDispatch(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  { geometry, outputs, groups }: Convolution,
  direction: Direction,
  variant: BlockVariant,
): Dispatch {
  const { width, channels } = geometry;
  const { lanes } = variant;
  const isDepthwise = channels === groups && outputs === groups;
  const pixels = blockPixels(direction, variant.pixels, width);
  const each = (text: (pixel: string) => string): string[] => range(pixels).map((pixel) => text(String(pixel)));
  const isPlain = step.epilogue === undefined;
  const stored = step.epilogue?.expression.dtype ?? step.dtype;
  // Taps of a row of the filter: with one pixel each is used once, and read where it is.
  const weightAt = (tap: string): string => {
    const place = `(tapY * numbers.tapsX + ${tap})`;
    return isDepthwise
      ? `w[numbers.wOffset + ${place} * numbers.quads + quad]`
      : `w[numbers.wOffset + (${place} * numbers.depth + channel) * numbers.quads + quad]`;
  };
  const weights =
    pixels === 1 ? [] : range(width.window).map((tap) => `let w${String(tap)} = ${weightAt(String(tap))};`);
  const columns = eachColumn(direction, pixels, width, ({ name, uses }) => {
    const value = isDepthwise
      ? `select(Value(), x[numbers.xOffset + at${name} * numbers.quads + quad], has${name})`
      : `select(Scalar(0), x[numbers.xOffset + at${name} * numbers.channels + first + channel], has${name})`;
    return [
      `let value${name} = ${value};`,
      ...uses.map(({ pixel, tap }) => {
        const weight = pixels === 1 ? weightAt(tap) : `w${tap}`;
        return `sum${String(pixel)} += value${name} * ${weight};`;
      }),
    ];
  });
  const row = isDepthwise
    ? [...weights, ...columns]
    : ["for (var channel = 0; channel < numbers.depth; channel++) {", indented([...weights, ...columns]), "}"];
  const output = { ...write("output", step), type: isPlain ? "Value" : "Stored" } as const;
  const x = read("x", step, 0, isDepthwise ? lanes : 1);
  const buffers: Buffer[] = [{ ...x, type: isDepthwise ? x.type : "Scalar" }, read("w", step, 1, lanes), output];
  const { elements } = workshop.library;
  const epilogue = pasteEpilogue(step.epilogue, slots, step.dtype, buffers.length + 1, 1, elements);
  return launched(step, workshop, {
    kernel: {
      ...{ direction, geometry, variant, channels: isDepthwise ? channels : outputs },
      begin: [
        ...(isDepthwise ? [] : [`let first = quad * ${String(lanes)} / numbers.together * numbers.depth;`]),
        ...each((pixel) => `var total${pixel} = Value();`),
      ],
      // A sum for each row keeps rounding errors short.
      row: [
        ...each((pixel) => `var sum${pixel} = Value();`),
        ...row,
        ...each((pixel) => `total${pixel} += sum${pixel};`),
      ],
      end: storeEach(pixels, (pixel) => {
        const own = String(pixel);
        const place = `(outLine * numbers.outWidth + firstX + ${own}) * numbers.quads + quad`;
        return isPlain ? `output[${place}] = total${own};` : `store(${place}, total${own});`;
      }),
    },
    buffers,
    functions: isPlain ? [] : [`alias Stored = ${wgslStorageType(stored)};`, storeText(lanes)],
    numbers: isDepthwise ? {} : { depth: channels / groups, together: outputs / groups, channels },
    ...(isPlain ? {} : { epilogue }),
  });
}

/** Stores a vector element by element, each with what follows. */
function storeText(lanes: BlockVariant["lanes"]): string {
  const stores = range(lanes).map((at) => {
    const index = `u32(place * ${String(lanes)} + ${String(at)})`;
    return `  output[${index}] = epilogue(${lanes === 1 ? "value" : `value.${"xyzw".charAt(at)}`}, ${index});`;
  });
  return `fn store(place: i32, value: Value) {\n${stores.join("\n")}\n}`;
}

/**
 * The gradient of a filter: an invocation sums, for a row of taps, over a slice of the rows of the image; then the slices are
 * summed. Chunks of a row are summed by themselves, which keeps rounding errors short.
 */
function filterDispatches(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  { batch, channels, height, width }: WindowGeometry,
  { lanes, pixels }: BlockVariant,
): Dispatch[] {
  const quads = channels / lanes;
  const chunks = Math.ceil(width.output / chunkPixels);
  const units = batch * height.output * chunks;
  const wanted = Math.min(units, Math.ceil(enoughInvocations / (quads * height.window)));
  const slice = Math.max(1, Math.ceil(units / Math.max(1, wanted)));
  const slices = Math.max(1, Math.ceil(units / slice));
  const size = height.window * width.window * channels;
  const target = slices === 1 ? (step.outputs[0]?.slot ?? -1) : workshop.temporary(step.dtype, slices * size);
  const block = new Block();
  const numbers = {
    ...{ quads, taps: height.window, slice, slices, units, chunks, outHeight: height.output, outWidth: width.output },
    ...{ height: height.input, width: width.input, strideH: height.stride, dilationH: height.dilation },
    ...{ padTop: height.before, padLeft: width.before },
    ...{ xOffset: (step.inputs[0]?.offset ?? 0) / lanes, dyOffset: (step.inputs[1]?.offset ?? 0) / lanes },
  };
  for (const [name, value] of Object.entries(numbers)) block.add(name, "i32", { value });
  const taps = range(width.window).map(String);
  const products = [
    ...range(pixels).flatMap((pixel) => {
      const own = String(pixel);
      return [
        `let place${own} = outLine * numbers.outWidth + min(firstX + ${own}, numbers.outWidth - 1);`,
        `let slope${own} = select(Value(), dy[numbers.dyOffset + place${own} * numbers.quads + quad], firstX + ${own} < end);`,
      ];
    }),
    ...writtenColumns("window", pixels, width, ({ name, uses }) => [
      `let value${name} = select(Value(), x[numbers.xOffset + at${name} * numbers.quads + quad], has${name});`,
      ...uses.map(({ pixel, tap }) => `sum${tap} += value${name} * slope${String(pixel)};`),
    ]),
  ];
  const text = `${aliases(lanes)}
@group(0) @binding(0) var<storage, read> x: array<${valueType(lanes)}>;
@group(0) @binding(1) var<storage, read> dy: array<${valueType(lanes)}>;
@group(0) @binding(2) var<storage, read_write> output: array<${valueType(lanes)}>;
${block.declare("numbers", 3)}
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= numbers.slices * numbers.taps * numbers.quads) { return; }
  let quad = index % numbers.quads;
  let tapY = index / numbers.quads % numbers.taps;
  let first = index / numbers.quads / numbers.taps * numbers.slice;
${indented(taps.map((tap) => `var total${tap} = Value();`))}
  for (var unit = first; unit < min(first + numbers.slice, numbers.units); unit++) {
    let outLine = unit / numbers.chunks;
    let row = outLine % numbers.outHeight * numbers.strideH + tapY * numbers.dilationH - numbers.padTop;
    if (row < 0 || row >= numbers.height) { continue; }
    let line = (outLine / numbers.outHeight * numbers.height + row) * numbers.width;
    let begin = unit % numbers.chunks * ${String(chunkPixels)};
    let end = min(begin + ${String(chunkPixels)}, numbers.outWidth);
${indented(
  taps.map((tap) => `var sum${tap} = Value();`),
  4,
)}
    for (var firstX = begin; firstX < end; firstX += ${String(pixels)}) {
      let column = firstX * ${String(width.stride)} - numbers.padLeft;
${indented(products, 6)}
    }
${indented(
  taps.map((tap) => `total${tap} += sum${tap};`),
  4,
)}
  }
  let place = (index / numbers.quads) * ${String(width.window)} * numbers.quads + quad;
${indented(taps.map((tap) => `output[place + ${tap} * numbers.quads] = total${tap};`))}
}`;
  const bindings: Binding[] = [
    { binding: 0, access: "read", source: step.inputs[0]?.slot ?? -1 },
    { binding: 1, access: "read", source: step.inputs[1]?.slot ?? -1 },
    { binding: 2, access: "write", source: target },
    { binding: 3, access: "uniform", source: 0 },
  ];
  const views = slices === 1 ? [...step.inputs, ...step.outputs] : step.inputs;
  const operands = views.map(({ dtype }, binding) => ({ binding, dtype }));
  const { library } = workshop;
  const sums: Dispatch = {
    label: step.label,
    text: library.link(withHalves(text, operands, library.elements), step.dtype),
    entry: "main",
    groups: Math.ceil((slices * height.window * quads) / 64),
    bindings,
    blocks: [block.words],
  };
  return slices === 1 ? [sums] : [sums, ...sumOfSlices(step, slots, workshop, target, slices, size)];
}
