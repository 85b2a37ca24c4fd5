// Tiles of a product of matrices: what a workgroup computes, and the WGSL that depends on it. The text is written out, without
// loops over registers: drivers differ in what they unroll. Every invocation holds `rows` by `columns` results, in vectors of
// four columns; a step of DEPTH is staged in workgroup memory as vectors of four rows and of four columns:
//
//   leftTile [k][TILE_M / 4]      rightTile [k][TILE_N / 4]      sums [row][quad of columns]
//
// Knows no operands but how they are read: by fours or in whole vectors. Read next: ../kernels/matmul-shader.ts, ../kernels/convolution-shader.ts.
import { insert } from "../wgsl/attachment.ts";

/** What a workgroup computes, and how it is shared out. */
export interface Sizes {
  /** Results of one that computes; multiples of four. */
  readonly rows: number;
  readonly columns: number;
  /** How many compute along rows and columns. */
  readonly down: number;
  readonly across: number;
}

/** A tile that is shared out among invocations. */
export interface Tile extends Sizes {
  /** Steps of k staged at a time; a multiple of four. */
  readonly depth: number;
  /** Whether quads of a subgroup share what they read of the left operand. */
  readonly usesQuads?: boolean;
}

/** How an operand lies in memory: four of its outer axis or four steps of k are one vector, or neither can be told. */
export type Loads = "across" | "along" | "loose";

export const tileM = ({ rows, down }: Sizes): number => rows * down;
export const tileN = ({ columns, across }: Sizes): number => columns * across;
export const threadsOf = ({ down, across }: Tile): number => down * across;
/** Bytes of workgroup memory. */
export const workgroupBytes = (tile: Tile): number => tile.depth * (tileM(tile) + tileN(tile)) * 4;

/** The whole numbers from 0 to below `count`, for texts that are written out. */
export const range = (count: number): number[] => [...new Array<number>(count).keys()];
const component = (index: number): string => "xyzw".charAt(index);

/**
 * Sizes, the product of a staged step and the way of the results out, which calls `store_quad` of the file. With `isBlocked` a
 * staged step is summed by itself before it is added: twice the registers, and rounding that hardly grows with k.
 */
export function tileText(tile: Tile, isBlocked: boolean): string {
  const { rows, columns, across, depth, usesQuads = false } = tile;
  const [m, n] = [tileM(tile), tileN(tile)];
  const columnQuads = columns / 4;
  const cells = range(rows).flatMap((row) =>
    range(columnQuads).map((quad) => ({ row, quad, at: row * columnQuads + quad })),
  );
  return `const THREADS = ${String(threadsOf(tile))};
const TILE_M = ${String(m)};
const TILE_N = ${String(n)};
const DEPTH = ${String(depth)};
alias Sums = array<vec4<Scalar>, ${String(cells.length)}>;
var<workgroup> leftTile: array<vec4<Scalar>, ${String((depth * m) / 4)}>;
var<workgroup> rightTile: array<vec4<Scalar>, ${String((depth * n) / 4)}>;
fn multiply(lane: i32, sums: ptr<function, Sums>) {
  let down = lane / ${String(across)} * ${String(rows / 4)};
  let across = lane % ${String(across)};
${cells.map(({ at }) => `  var s${String(at)} = ${isBlocked ? "vec4<Scalar>()" : `(*sums)[${String(at)}]`};`).join("\n")}
${(usesQuads ? stepsByQuads : stepsInMemory)(tile, cells).join("\n")}
${cells.map(({ at }) => `  (*sums)[${String(at)}] ${isBlocked ? "+=" : "="} s${String(at)};`).join("\n")}
}
fn add_sums(totals: ptr<function, Sums>, sums: ptr<function, Sums>) {
${cells.map(({ at }) => `  (*totals)[${String(at)}] += (*sums)[${String(at)}];`).join("\n")}
}
fn store_tile(lane: i32, first: i32, row: i32, column: i32, sums: ptr<function, Sums>) {
  let down = row + lane / ${String(across)} * ${String(rows)};
  let across = column + lane % ${String(across)} * 4;
${cells
  .map(
    ({ row, quad, at }) =>
      `  store_quad(first, down + ${String(row)}, across + ${String(quad * across * 4)}, (*sums)[${String(at)}]);`,
  )
  .join("\n")}
}`;
}

/** Four results of an invocation: the vector `s` of number `at`, of a row and a quad of columns. */
interface Cell {
  readonly row: number;
  readonly quad: number;
  readonly at: number;
}

/** Lines for a step of k, once the quads of rows `a` are there; `step` is its number as WGSL. */
function stepLines(tile: Tile, cells: readonly Cell[], step: string): string[] {
  return [
    ...range(tile.columns / 4).map(
      (quad) =>
        `let b${String(quad)} = rightTile[${step} * ${String(tileN(tile) / 4)} + across + ${String(quad * tile.across)}];`,
    ),
    ...cells.map(
      ({ row, quad, at }) =>
        `s${String(at)} += a${String(Math.floor(row / 4))}.${component(row % 4)} * b${String(quad)};`,
    ),
  ];
}

/** Every invocation reads all it multiplies from the memory of the workgroup. */
function stepsInMemory(tile: Tile, cells: readonly Cell[]): string[] {
  const left = range(tile.rows / 4).map(
    (quad) => `let a${String(quad)} = leftTile[k * ${String(tileM(tile) / 4)} + down + ${String(quad)}];`,
  );
  return ["  for (var k = 0; k < DEPTH; k++) {", ...indented([...left, ...stepLines(tile, cells, "k")], "    "), "  }"];
}

/**
 * Four neighbours multiply the same rows. Each reads the rows of one of four steps, and they tell each other: a quarter of the
 * reading. A quad lies in a subgroup of any size, since none has fewer than four invocations and all are powers of two.
 */
function stepsByQuads(tile: Tile, cells: readonly Cell[]): string[] {
  const quads = range(tile.rows / 4);
  const left = quads.map(
    (quad) => `let held${String(quad)} = leftTile[(k + own) * ${String(tileM(tile) / 4)} + down + ${String(quad)}];`,
  );
  const steps = range(4).flatMap((step) => [
    "{",
    ...indented(
      [
        ...quads.map((quad) => `let a${String(quad)} = quadBroadcast(held${String(quad)}, ${String(step)}u);`),
        ...stepLines(tile, cells, `(k + ${String(step)})`),
      ],
      "  ",
    ),
    "}",
  ]);
  return [
    "  let own = lane % 4;",
    "  for (var k = 0; k < DEPTH; k += 4) {",
    ...indented([...left, ...steps], "    "),
    "  }",
  ];
}

const indented = (lines: readonly string[], by: string): string[] => lines.map((line) => by + line);

/** How an operand is staged. */
export interface Staging {
  readonly loads: Loads;
  /** Whether neighbours in memory are steps of k, as WGSL: then neighbouring invocations read along k. */
  readonly isClose: string;
}

/** An operand with its name in the file. */
export interface Operand extends Staging {
  readonly name: string;
}

/** What a workgroup stages at a time: rows, columns and steps of k, by so many invocations. */
export interface Block {
  readonly m: number;
  readonly n: number;
  readonly depth: number;
  readonly threads: number;
}

/** A statement that keeps a vector of four at a place, counted in vectors, of `leftTile` or `rightTile`. */
export type Put = (target: string, at: string, quad: string) => string;

/**
 * How both operands come into workgroup memory, by the functions of the file: `left_quad` and `right_quad` give four elements
 * of the outer axis at one step; where the operands are arrays of vectors, `left_vector` and `right_vector` give one vector.
 */
function stageText(block: Block, left: Staging, right: Staging, put: Put): string {
  return `fn stage_left(lane: i32, base: i32, row: i32, k: i32) {
${stagedLines("leftTile", block, block.m / 4, left, put, {
  quad: "left_quad(base, row + quad * 4, k + step)",
  vector: (at) => `left_vector(base, row + quad * 4 + ${at}, k + step)`,
})}
}
fn stage_right(lane: i32, base: i32, k: i32, column: i32) {
${stagedLines("rightTile", block, block.n / 4, right, put, {
  quad: "right_quad(base, k + step, column + quad * 4)",
  vector: (at) => `right_vector(base, k + step, column + quad * 4 + ${at})`,
})}
}`;
}

/** Texts for an operand: `quad` counts its outer axis in fours, `step` the steps of k from the first staged one. */
interface Reads {
  readonly quad: string;
  readonly vector: (at: string) => string;
}

function stagedLines(
  target: string,
  { depth, threads }: Block,
  quads: number,
  { loads, isClose }: Staging,
  put: Put,
  reads: Reads,
): string {
  if (loads === "along") {
    // Blocks of four by four are turned in registers.
    const lines = range(4).map((at) => `    let v${String(at)} = ${reads.vector(String(at))};`);
    const stores = range(4).map((at) => {
      const part = component(at);
      const quad = `vec4<Scalar>(v0.${part}, v1.${part}, v2.${part}, v3.${part})`;
      return `    ${put(target, `(step + ${String(at)}) * ${String(quads)} + quad`, quad)}`;
    });
    return `  for (var i = lane; i < ${String((quads * depth) / 4)}; i += ${String(threads)}) {
    let step = i % ${String(depth / 4)} * 4;
    let quad = i / ${String(depth / 4)};
${lines.join("\n")}
${stores.join("\n")}
  }`;
  }
  if (loads === "across") {
    return `  for (var i = lane; i < ${String(quads * depth)}; i += ${String(threads)}) {
    let step = i / ${String(quads)};
    let quad = i % ${String(quads)};
    ${put(target, "i", reads.vector("0"))}
  }`;
  }
  return `  // Neighbouring invocations should read neighbouring memory: along k when that is the close direction, else across it.
  let isClose = ${isClose};
  for (var i = lane; i < ${String(quads * depth)}; i += ${String(threads)}) {
    let slot = select(i, i % ${String(depth)} * ${String(quads)} + i / ${String(depth)}, isClose);
    let step = slot / ${String(quads)};
    let quad = slot % ${String(quads)};
    ${put(target, "slot", reads.quad)}
  }`;
}

/** The file with its tile and staging, and without what it would not use. */
export function tiled(
  template: string,
  tile: Tile,
  operands: readonly [left: Operand, right: Operand],
  isBlocked = false,
): string {
  const block = { m: tileM(tile), n: tileN(tile), depth: tile.depth, threads: threadsOf(tile) };
  const put: Put = (target, at, quad) => `${target}[${at}] = ${quad};`;
  return staged(insert(template, "tile", tileText(tile, isBlocked)), block, operands, put);
}

/** The file with its staging: whole arrays are of vectors or of single elements. */
export function staged(
  template: string,
  block: Block,
  operands: readonly [left: Operand, right: Operand],
  put: Put,
): string {
  let text = template;
  operands.forEach(({ name, loads }, at) => {
    const side = at === 0 ? "left" : "right";
    text = without(text, loads === "loose" ? `${side}_vector` : `${side}_quad`);
    if (loads !== "loose") text = text.replace(`> ${name}: array<Scalar>;`, `> ${name}: array<vec4<Scalar>>;`);
  });
  return insert(text, "stage", stageText(block, ...operands, put));
}

/** The text without a function. */
export function without(text: string, name: string): string {
  const start = text.indexOf(`fn ${name}(`);
  if (start < 0) return text;
  let depth = 0;
  let end = start;
  do {
    if (text[end] === "{") depth += 1;
    else if (text[end] === "}" && --depth === 0) break;
  } while (++end < text.length);
  // The attributes of an entry point go with it.
  const attributes = /@compute\s+@workgroup_size\(\w+\)\s*$/.exec(text.slice(0, start));
  return text.slice(0, attributes?.index ?? start) + text.slice(end + 1);
}
