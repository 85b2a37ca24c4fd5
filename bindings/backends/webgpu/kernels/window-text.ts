// The WGSL of kernels that walk windows over images, channels last: an invocation computes `pixels` neighbours of a row for `lanes`
// neighbouring channels. What several pixels of a block read along the width is known when the text is written: each column is
// read once and goes to every pixel that it belongs to; so window, stride and dilation along the width are in the text. With one
// pixel they are numbers of the uniform block, as all other sizes are. No index leaves its array, whatever a device does about that.
// Knows no op. Read next: pooling-shader.ts and depthwise-shader.ts, which say what becomes of a column.
import { range } from "../variants/tile.ts";
import type { BlockVariant } from "../variants/windows.ts";
import { Block } from "../wgsl/operands.ts";

/** One axis of images under windows. */
export interface WindowAxis {
  readonly input: number;
  readonly output: number;
  readonly window: number;
  readonly stride: number;
  readonly before: number;
  readonly dilation: number;
}

/** Images [batch, height, width, channels] under windows. */
export interface WindowGeometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: WindowAxis;
  readonly width: WindowAxis;
}

/** The geometry behind the words of a pooling kernel; of a convolution's without the channels that are written. */
export function geometryOf(words: readonly number[]): WindowGeometry {
  const [batch = 0, h = 0, w = 0, channels = 0, oh = 0, ow = 0, wh = 0, ww = 0] = words;
  const [strideH = 1, strideW = 1, top = 0, left = 0, dilationH = 1, dilationW = 1] = words.slice(8);
  return {
    batch,
    channels,
    height: { input: h, output: oh, window: wh, stride: strideH, before: top, dilation: dilationH },
    width: { input: w, output: ow, window: ww, stride: strideW, before: left, dilation: dilationW },
  };
}

/**
 * What is computed: for each window from the images, or for each pixel of the images from all windows that it lies under.
 */
export type Direction = "window" | "cover";

/** A column that a block reads, and the pixels of the block that want it, each with the tap between as WGSL. */
export interface Column {
  /** What `at`, its pixel, and `has`, whether it lies in the image, are followed by in the text. */
  readonly name: string;
  readonly uses: readonly { readonly pixel: number; readonly tap: string }[];
}

/** Pixels of a block: a cover goes over whole strides, so that each block reads alike. */
export function blockPixels(direction: Direction, pixels: number, { stride }: WindowAxis): number {
  return direction === "window" || pixels === 1 ? pixels : Math.ceil(pixels / stride) * stride;
}

/** Statements for each column of a block, from left to right: a loop for one pixel, else one after the other. */
export function eachColumn(
  direction: Direction,
  pixels: number,
  axis: WindowAxis,
  statements: (column: Column) => readonly string[],
): string[] {
  if (pixels === 1) {
    const found =
      direction === "window"
        ? ["let toX = column + tapX * numbers.dilationW;", "if (toX < 0 || toX >= numbers.width) { continue; }"]
        : [
            "let originX = column - tapX * numbers.dilationW;",
            "let toX = originX / numbers.strideW;",
            "if (originX < 0 || originX % numbers.strideW != 0 || toX >= numbers.width) { continue; }",
          ];
    const own = statements({ name: "X", uses: [{ pixel: 0, tap: "tapX" }] });
    const body = [...found, "let atX = line + toX;", "let hasX = true;", ...own];
    return ["for (var tapX = 0; tapX < numbers.tapsX; tapX++) {", indented(body), "}"];
  }
  return writtenColumns(direction, pixels, axis, statements);
}

/** The same one after the other in any case. */
export function writtenColumns(
  direction: Direction,
  pixels: number,
  axis: WindowAxis,
  statements: (column: Column) => readonly string[],
): string[] {
  return columnsOf(direction, pixels, axis).flatMap(({ at, uses }) => {
    const name = at < 0 ? `Before${String(-at)}` : String(at);
    return [
      `let to${name} = column + ${String(at)};`,
      `let has${name} = to${name} >= 0 && to${name} < numbers.width;`,
      `let at${name} = line + clamp(to${name}, 0, numbers.width - 1);`,
      ...statements({ name, uses: uses.map(({ pixel, tap }) => ({ pixel, tap: String(tap) })) }),
    ];
  });
}

/** The columns of a block of several pixels, counted from its first. */
function columnsOf(
  direction: Direction,
  pixels: number,
  { window, stride, dilation }: WindowAxis,
): { readonly at: number; readonly uses: readonly { readonly pixel: number; readonly tap: number }[] }[] {
  const found = new Map<number, { pixel: number; tap: number }[]>();
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let tap = 0; tap < window; tap++) {
      const at = direction === "window" ? pixel * stride + tap * dilation : (pixel - tap * dilation) / stride;
      if (!Number.isInteger(at)) continue;
      const uses = found.get(at);
      if (uses === undefined) found.set(at, [{ pixel, tap }]);
      else uses.push({ pixel, tap });
    }
  }
  return [...found].map(([at, uses]) => ({ at, uses })).sort((a, b) => a.at - b.at);
}

/** How many columns a block of pixels reads of each row, and how often one of its pixels uses one. */
export function columnCounts(
  direction: Direction,
  pixels: number,
  axis: WindowAxis,
): Record<"columns" | "uses", number> {
  const found = columnsOf(direction, pixels, axis);
  return { columns: found.length, uses: found.reduce((sum, { uses }) => sum + uses.length, 0) };
}

/** A kernel over blocks of pixels. */
export interface BlockKernel {
  readonly direction: Direction;
  readonly geometry: WindowGeometry;
  readonly variant: BlockVariant;
  /** Channels that are written for a pixel, where these are others than those that are read. */
  readonly channels?: number;
  /** Statements before the rows of the window, with `quad`, the vector of channels, `y` and `firstX`, the first pixel of the block. */
  readonly begin: readonly string[];
  /** For a row of the window, whose number is `tapY`: `line` is the first pixel of that row, `column` the first column. */
  readonly row: readonly string[];
  /** Statements behind the rows. */
  readonly end: readonly string[];
}

/** The type of as many channels as an invocation has. */
export const valueType = (lanes: BlockVariant["lanes"], of = "Scalar"): string =>
  lanes === 1 ? of : `vec${String(lanes)}<${of}>`;

/** The aliases of a text: `Value` for as many channels as an invocation has, `Key` and `Place` for whole numbers of these. */
export function aliases(lanes: BlockVariant["lanes"]): string {
  const of = (type: string): string => valueType(lanes, type);
  return `alias Value = ${of("Scalar")};\nalias Key = ${of("u32")};\nalias Place = ${of("i32")};`;
}

/**
 * The entry point `main` and the numbers it takes, to be launched with that many workgroups. More numbers may be added to the
 * block before it is declared.
 */
export function blockText({ direction, geometry, variant, channels, begin, row, end }: BlockKernel): {
  readonly text: string;
  readonly block: Block;
  readonly groups: number;
} {
  const { batch, height, width } = geometry;
  const isWindow = direction === "window";
  const pixels = blockPixels(direction, variant.pixels, width);
  const [read, written] = isWindow
    ? [
        [height.input, width.input],
        [height.output, width.output],
      ]
    : [
        [height.output, width.output],
        [height.input, width.input],
      ];
  const first = isWindow ? 0 : Math.floor(width.before / pixels);
  const blocks = Math.ceil(((written[1] ?? 0) + (isWindow ? 0 : width.before)) / pixels) - first;
  const quads = (channels ?? geometry.channels) / variant.lanes;
  const count = batch * (written[0] ?? 0) * blocks * quads;
  const block = new Block();
  const numbers = {
    ...{ count, quads, blocks, firstBlock: first, height: read[0] ?? 0, width: read[1] ?? 0 },
    ...{ outHeight: written[0] ?? 0, outWidth: written[1] ?? 0, taps: height.window },
    ...{ strideH: height.stride, dilationH: height.dilation, padTop: height.before, padLeft: width.before },
    ...{ tapsX: width.window, strideW: width.stride, dilationW: width.dilation },
  };
  for (const [name, value] of Object.entries(numbers)) block.add(name, "i32", { value });
  const size = String(pixels);
  // Of one pixel a number, of several in the text, as their columns are.
  const stride = pixels === 1 ? "numbers.strideW" : String(width.stride);
  const column = isWindow
    ? `firstX * ${stride} - numbers.padLeft`
    : pixels === 1
      ? "block"
      : `block * ${String(pixels / width.stride)}`;
  const found = isWindow
    ? [
        "let row = y * numbers.strideH + tapY * numbers.dilationH - numbers.padTop;",
        "if (row < 0 || row >= numbers.height) { continue; }",
      ]
    : [
        "let origin = y + numbers.padTop - tapY * numbers.dilationH;",
        "let row = origin / numbers.strideH;",
        "if (origin < 0 || origin % numbers.strideH != 0 || row >= numbers.height) { continue; }",
      ];
  const text = `@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= numbers.count) { return; }
  let quad = index % numbers.quads;
  let block = index / numbers.quads % numbers.blocks + numbers.firstBlock;
  let outLine = index / numbers.quads / numbers.blocks;
  let y = outLine % numbers.outHeight;
  let image = outLine / numbers.outHeight * numbers.height;
  let firstX = block * ${size}${isWindow ? "" : " - numbers.padLeft"};
  let column = ${column};
${indented(begin)}
  for (var tapY = 0; tapY < numbers.taps; tapY++) {
${indented([...found, "let line = (image + row) * numbers.width;", ...row], 4)}
  }
${indented(end)}
}`;
  return { text, block, groups: Math.ceil(count / 64) };
}

export function indented(lines: readonly string[], by = 2): string {
  return lines.map((line) => " ".repeat(by) + line).join("\n");
}

/** A statement for every pixel of a block that lies in the image. */
export function storeEach(pixels: number, statement: (pixel: number) => string): string[] {
  return range(pixels).map((pixel) => {
    const place = `firstX + ${String(pixel)}`;
    return `if (${place} >= 0 && ${place} < numbers.outWidth) { ${statement(pixel)} }`;
  });
}
