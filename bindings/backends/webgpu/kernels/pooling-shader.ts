// Launches of pooling and its gradients. The largest of a window is found by keys that order as the values do, NaN above all, so
// the gradient goes to the same element that won. That gradient is one launch where windows lie side by side; where they overlap
// one finds the tap that won in each window, and one collects for each pixel what the windows over it send.
// Read next: window-text.ts; shaders/maxPool2d*.wgsl and avgPool2d*.wgsl, the plain variants.
import type { KernelStep, Segment, Slot } from "../../../graph/step.ts";
import { sampleOf } from "../variants/sample.ts";
import { range } from "../variants/tile.ts";
import type { BlockVariant, WindowVariant } from "../variants/windows.ts";
import { isBlock, windows } from "../variants/windows.ts";
import { isInPairs } from "../wgsl/elements.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import { kernelDispatch } from "./kernel-shader.ts";
import { convertedBehind } from "./map-shader.ts";
import { launched, read, windowShape, write } from "./window-launch.ts";
import type { Direction, WindowGeometry } from "./window-text.ts";
import { blockPixels, eachColumn, geometryOf, indented, storeEach } from "./window-text.ts";

/** Which way a kernel walks; that of the gradient of the largest begins with windows. */
export const poolingDirections: Readonly<Record<string, Direction>> = {
  maxPool2d: "window",
  maxPool2dGather: "window",
  maxPool2dScatter: "cover",
  avgPool2d: "window",
  avgPool2dGradient: "cover",
};

/** Whether a kernel is one of these. */
export const isPooling = (kernel: string): boolean => Object.hasOwn(poolingDirections, kernel);

/** The launches of a pooling step whose result has elements. */
export function poolingDispatches(step: KernelStep, slots: readonly Slot[], workshop: Workshop): Dispatch[] {
  const { kernel, words } = step;
  const geometry = geometryOf(words);
  const { batch, channels, height, width } = geometry;
  const direction = poolingDirections[kernel] ?? "window";
  const shape = windowShape(step, slots, workshop, direction, geometry, { channels, together: channels });
  const images = batch * height.input * width.input * channels;
  const results = batch * height.output * width.output * channels;
  const sizes: Readonly<Record<string, readonly number[]>> = {
    maxPool2dGather: [images, images],
    maxPool2dScatter: [images, results],
    avgPool2dGradient: [results],
  };
  const sample = (): Segment => sampleOf(step, sizes[kernel] ?? [images], direction === "window" ? results : images);
  const variant = workshop.choose(windows, kernel, shape, sample);
  const isSingle = !isBlock(variant) || variant.lanes === 1;
  const [result] = step.outputs;
  if (isSingle && result !== undefined && isInPairs(workshop.library.elements, result.dtype)) {
    const whole = direction === "window" ? results : images;
    return convertedBehind(step, slots, workshop, whole, (own) => variantDispatches(own, slots, workshop, variant));
  }
  return variantDispatches(step, slots, workshop, variant);
}

/** The launches of a variant. */
function variantDispatches(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  variant: WindowVariant,
): Dispatch[] {
  const { kernel, words } = step;
  const geometry = geometryOf(words);
  const { batch, channels, height, width } = geometry;
  const results = batch * height.output * width.output * channels;
  if (!isBlock(variant)) return [kernelDispatch(step, slots, workshop.library)];
  if (kernel === "maxPool2dScatter") return scatterDispatches(step, workshop, geometry, variant, results);
  return [
    kernel === "maxPool2d"
      ? largestDispatch(step, workshop, geometry, variant, "value")
      : kernel === "maxPool2dGather"
        ? largestDispatch(step, workshop, geometry, variant, "place")
        : averageDispatch(step, workshop, geometry, variant),
  ];
}

/** A function from a vector of values to a vector of unsigned integers that order as these do. */
const keyText = `fn key_of(value: Value) -> Key {
  let bits = bitcast<Key>(value);
  let magnitude = bits & Key(0x7fffffffu);
  let signed = select(bits | Key(0x80000000u), ~bits, bits >= Key(0x80000000u));
  let zeros = select(signed, Key(0x80000000u), magnitude == Key(0u));
  return select(zeros, Key(0xffffffffu), magnitude > Key(0x7f800000u));
}`;

/** Statements of a row after which `key` holds the largest of each window so far, and `best` what is told of it. */
function largestRow(pixels: number, { width }: WindowGeometry, best: "value" | "place" | "tap"): string[] {
  return eachColumn("window", pixels, width, ({ name, uses }) => {
    const told = (tap: string): string =>
      ({ value: `value${name}`, place: `Place(at${name})`, tap: `Place(tapY * numbers.tapsX + ${tap})` })[best];
    return [
      `let value${name} = x[numbers.xOffset + at${name} * numbers.quads + quad];`,
      `let key${name} = select(Key(), key_of(value${name}), has${name});`,
      ...uses.flatMap(({ pixel, tap }) => {
        const own = String(pixel);
        return [
          `best${own} = select(best${own}, ${told(tap)}, key${name} > largest${own});`,
          `largest${own} = max(largest${own}, key${name});`,
        ];
      }),
    ];
  });
}

const nothingFound = (pixels: number, initial: string): string[] =>
  range(pixels).flatMap((pixel) => [`var largest${String(pixel)} = Key();`, `var best${String(pixel)} = ${initial};`]);

/** The largest of each window, or the element of another image in its place. */
function largestDispatch(
  step: KernelStep,
  workshop: Workshop,
  geometry: WindowGeometry,
  variant: BlockVariant,
  what: "value" | "place",
): Dispatch {
  const { pixels, lanes } = variant;
  const stored = (pixel: number): string => {
    const own = String(pixel);
    const place = `output[(outLine * numbers.outWidth + firstX + ${own}) * numbers.quads + quad]`;
    return `${place} = ${what === "value" ? `best${own}` : `chosen(best${own}, quad)`};`;
  };
  const elements = range(lanes).map((at) => (lanes === 1 ? "place" : `place.${"xyzw".charAt(at)}`));
  const chosen = `fn chosen(place: Place, quad: i32) -> Value {
  var value = Value();
${elements
  .map((place, at) => {
    const target = lanes === 1 ? "value" : `value.${"xyzw".charAt(at)}`;
    const element = `${place} * numbers.quads * ${String(lanes)} + quad * ${String(lanes)} + ${String(at)}`;
    return `  if (${place} >= 0) { ${target} = g[numbers.gOffset + ${element}]; }`;
  })
  .join("\n")}
  return value;
}`;
  const isValue = what === "value";
  const lowest = ["var none = Key(0xff800000u);", "let lowest = bitcast<Value>(none);"];
  return launched(step, workshop, {
    kernel: {
      ...{ direction: "window", geometry, variant },
      begin: [...(isValue ? lowest : []), ...nothingFound(pixels, isValue ? "lowest" : "Place(-1)")],
      row: largestRow(pixels, geometry, what),
      end: storeEach(pixels, stored),
    },
    buffers: [read("x", step, 0, lanes), ...(isValue ? [] : [read("g", step, 1, 1)]), write("output", step)],
    functions: [keyText, ...(isValue ? [] : [chosen])],
  });
}

/** Whether windows lie side by side. */
export const isApart = ({ height, width }: WindowGeometry): boolean =>
  [height, width].every(({ window, stride, dilation }) => window === stride && dilation === 1);

/** The gradient of the largest. */
function scatterDispatches(
  step: KernelStep,
  workshop: Workshop,
  geometry: WindowGeometry,
  variant: BlockVariant,
  results: number,
): Dispatch[] {
  const { width } = geometry;
  if (isApart(geometry)) return [apartDispatch(step, workshop, geometry, variant)];
  const taps = workshop.temporary("i32", results);
  const { pixels, lanes } = variant;
  const winners = launched({ ...step, label: `${step.label} (winners)` }, workshop, {
    kernel: {
      ...{ direction: "window", geometry, variant },
      begin: nothingFound(pixels, "Place(-1)"),
      row: largestRow(pixels, geometry, "tap"),
      end: storeEach(pixels, (pixel) => {
        const own = String(pixel);
        return `output[(outLine * numbers.outWidth + firstX + ${own}) * numbers.quads + quad] = best${own};`;
      }),
    },
    buffers: [
      read("x", step, 0, lanes),
      { name: "output", type: "Place", dtype: "i32", slot: taps, offset: 0, access: "write" },
    ],
    functions: [keyText],
  });
  const covered = blockPixels("cover", pixels, width);
  const sent = launched(step, workshop, {
    kernel: {
      ...{ direction: "cover", geometry, variant },
      begin: range(covered).map((pixel) => `var total${String(pixel)} = Value();`),
      row: eachColumn("cover", covered, width, ({ name, uses }) => {
        return [
          `let winner${name} = select(Place(-1), taps[at${name} * numbers.quads + quad], has${name});`,
          `let value${name} = dy[numbers.dyOffset + at${name} * numbers.quads + quad];`,
          ...uses.map(({ pixel, tap }) => {
            const isIt = `winner${name} == Place(tapY * numbers.tapsX + ${tap})`;
            return `total${String(pixel)} += select(Value(), value${name}, ${isIt});`;
          }),
        ];
      }),
      end: storeEach(covered, (pixel) => {
        const own = String(pixel);
        return `dx[(outLine * numbers.outWidth + firstX + ${own}) * numbers.quads + quad] = total${own};`;
      }),
    },
    buffers: [
      { name: "taps", type: "Place", dtype: "i32", slot: taps, offset: 0, access: "read" },
      read("dy", step, 1, lanes),
      write("dx", step),
    ],
    functions: [],
  });
  return [winners, sent];
}

/**
 * The same where every pixel lies under one window: an invocation writes all pixels of its windows. Windows go on until they
 * cover the image; those beyond the results send nothing.
 */
function apartDispatch(
  step: KernelStep,
  workshop: Workshop,
  geometry: WindowGeometry,
  variant: BlockVariant,
): Dispatch {
  const { pixels, lanes } = variant;
  const { height, width } = geometry;
  const covering = (axis: WindowGeometry["width"]): WindowGeometry["width"] => {
    return { ...axis, output: Math.ceil((axis.before + axis.input) / axis.stride) };
  };
  const sent = range(pixels).flatMap((pixel) => {
    const own = String(pixel);
    return [
      `var sent${own} = Value();`,
      `if (y < numbers.resultHeight && firstX + ${own} < numbers.resultWidth) {`,
      `  let place = (outLine / numbers.outHeight * numbers.resultHeight + y) * numbers.resultWidth + firstX + ${own};`,
      `  sent${own} = dy[numbers.dyOffset + place * numbers.quads + quad];`,
      "}",
    ];
  });
  const stored = eachColumn("window", pixels, width, ({ name, uses }) =>
    uses.map(({ pixel, tap }) => {
      const isIt = `best${String(pixel)} == Place(tapY * numbers.tapsX + ${tap})`;
      const value = `select(Value(), sent${String(pixel)}, ${isIt})`;
      return `if (has${name}) { dx[at${name} * numbers.quads + quad] = ${value}; }`;
    }),
  );
  return launched(step, workshop, {
    kernel: {
      ...{ direction: "window", variant },
      geometry: { ...geometry, height: covering(height), width: covering(width) },
      begin: nothingFound(pixels, "Place(-1)"),
      row: largestRow(pixels, geometry, "tap"),
      end: [
        ...sent,
        "for (var tapY = 0; tapY < numbers.taps; tapY++) {",
        "  let row = y * numbers.strideH + tapY - numbers.padTop;",
        "  if (row < 0 || row >= numbers.height) { continue; }",
        "  let line = (image + row) * numbers.width;",
        indented(stored),
        "}",
      ],
    },
    buffers: [read("x", step, 0, lanes), read("dy", step, 1, lanes), write("dx", step)],
    functions: [keyText],
    numbers: { resultHeight: height.output, resultWidth: width.output },
  });
}

/** What an average is divided by: elements of the window inside of the image, or inside of the padded image. */
const divisorText = `fn inside(start: i32, taps: i32, dilation: i32, low: i32, high: i32) -> i32 {
  let first = max(0, (low - start + dilation - 1) / dilation);
  let room = high - 1 - start;
  let last = min(taps - 1, select(-1, room / dilation, room >= 0));
  return max(0, last - first + 1);
}
fn rows_inside(y: i32) -> i32 {
  let start = y * numbers.strideH - numbers.padTop;
  return inside(start, numbers.taps, numbers.dilationH, numbers.lowY, numbers.highY);
}
fn columns_inside(x: i32) -> i32 {
  let start = x * numbers.strideW - numbers.padLeft;
  return inside(start, numbers.tapsX, numbers.dilationW, numbers.lowX, numbers.highX);
}`;

/** The mean of each window, or its gradient. */
function averageDispatch(
  step: KernelStep,
  workshop: Workshop,
  geometry: WindowGeometry,
  variant: BlockVariant,
): Dispatch {
  const { height, width } = geometry;
  const [includesPadding = 0, bottom = 0, right = 0] = step.words.slice(14);
  const isWindow = step.kernel === "avgPool2d";
  const direction = isWindow ? "window" : "cover";
  const pixels = blockPixels(direction, variant.pixels, width);
  const columns = eachColumn(direction, pixels, width, ({ name, uses }) => {
    const value = `select(Value(), input[numbers.inputOffset + at${name} * numbers.quads + quad], has${name})`;
    const share = `${value} / Scalar(max(high * columns_inside(to${name}), 1))`;
    return [
      `let value${name} = ${isWindow ? value : share};`,
      ...uses.map(({ pixel }) => `${isWindow ? "sum" : "total"}${String(pixel)} += value${name};`),
    ];
  });
  const each = (text: (pixel: string) => string): string[] => range(pixels).map((pixel) => text(String(pixel)));
  return launched(step, workshop, {
    kernel: {
      ...{ direction, geometry, variant },
      begin: each((pixel) => `var total${pixel} = Value();`),
      row: isWindow
        ? [
            // A sum for each row keeps rounding errors short in large windows.
            ...each((pixel) => `var sum${pixel} = Value();`),
            ...columns,
            ...each((pixel) => `total${pixel} += sum${pixel};`),
          ]
        : ["let high = rows_inside(row);", ...columns],
      end: [
        ...(isWindow ? ["let high = rows_inside(y);"] : []),
        ...storeEach(pixels, (pixel) => {
          const own = String(pixel);
          const divided = isWindow ? ` / Scalar(max(high * columns_inside(firstX + ${own}), 1))` : "";
          return `output[(outLine * numbers.outWidth + firstX + ${own}) * numbers.quads + quad] = total${own}${divided};`;
        }),
      ],
    },
    buffers: [read("input", step, 0, variant.lanes), write("output", step)],
    functions: [divisorText],
    numbers: {
      ...{ lowY: -includesPadding * height.before, highY: height.input + includesPadding * bottom },
      ...{ lowX: -includesPadding * width.before, highX: width.input + includesPadding * right },
    },
  });
}
