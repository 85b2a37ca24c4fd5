// Tiles of a product of matrices: what a workgroup computes, and the WGSL that depends on it. The text is written out, without
// loops over registers: drivers differ in what they unroll. Every invocation holds `rows` by `columns` results, in vectors of
// four columns; a step of DEPTH is staged in workgroup memory as vectors of four rows and of four columns:
//
//   leftTile [k][TILE_M / 4]      rightTile [k][TILE_N / 4]      sums [row][quad of columns]
//
// Knows no operands but how they are read: `left_quad`, `right_quad`, or whole vectors. Read next: matmul-shader.ts.

/** The sizes of a tile. */
export interface Tile {
  /** Results of one invocation; multiples of four. */
  readonly rows: number;
  readonly columns: number;
  /** Invocations along rows and columns. */
  readonly down: number;
  readonly across: number;
  /** Steps of k staged at a time; a multiple of four. */
  readonly depth: number;
}

/** How an operand lies in memory: four of its outer axis or four steps of k are one vector, or neither can be told. */
export type Loads = "across" | "along" | "loose";

export const tileM = ({ rows, down }: Tile): number => rows * down;
export const tileN = ({ columns, across }: Tile): number => columns * across;
export const threadsOf = ({ down, across }: Tile): number => down * across;
/** Bytes of workgroup memory. */
export const workgroupBytes = (tile: Tile): number => tile.depth * (tileM(tile) + tileN(tile)) * 4;

const range = (count: number): number[] => [...new Array<number>(count).keys()];
const component = (index: number): string => "xyzw".charAt(index);

/** Sizes, the product of a staged step and the way of the results out, which calls `store_quad` of the file. */
export function tileText(tile: Tile): string {
  const { rows, columns, across, depth } = tile;
  const [m, n] = [tileM(tile), tileN(tile)];
  const rowQuads = rows / 4;
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
  let down = lane / ${String(across)} * ${String(rowQuads)};
  let across = lane % ${String(across)};
${cells.map(({ at }) => `  var s${String(at)} = (*sums)[${String(at)}];`).join("\n")}
  for (var k = 0; k < DEPTH; k++) {
${range(rowQuads)
  .map((quad) => `    let a${String(quad)} = leftTile[k * ${String(m / 4)} + down + ${String(quad)}];`)
  .join("\n")}
${range(columnQuads)
  .map((quad) => `    let b${String(quad)} = rightTile[k * ${String(n / 4)} + across + ${String(quad * across)}];`)
  .join("\n")}
${cells
  .map(
    ({ row, quad, at }) =>
      `    s${String(at)} += a${String(Math.floor(row / 4))}.${component(row % 4)} * b${String(quad)};`,
  )
  .join("\n")}
  }
${cells.map(({ at }) => `  (*sums)[${String(at)}] = s${String(at)};`).join("\n")}
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

/**
 * How both operands come into workgroup memory. Vectors are read from `a` and `b` as arrays of vectors: the host has checked
 * that none goes over an edge.
 */
export function stageText(tile: Tile, left: Loads, right: Loads): string {
  const leftQuads = tileM(tile) / 4;
  const rightQuads = tileN(tile) / 4;
  return `fn stage_left(lane: i32, base: i32, row: i32, k: i32) {
  let p = &parameters;
${staged("leftTile", tile, leftQuads, left, {
  quad: "left_quad(base, row + quad * 4, k + step)",
  isClose: "(*p).aColumn == 1",
  isInside: "k + step < (*p).k && row + quad * 4 < (*p).m",
  vector: "a[(base + (k + step) * (*p).aColumn + row + quad * 4) / 4]",
  isInsideAlong: (at) => `k + step < (*p).k && row + quad * 4 + ${at} < (*p).m`,
  vectorAlong: (at) => `a[(base + (row + quad * 4 + ${at}) * (*p).aRow + k + step) / 4]`,
})}
}
fn stage_right(lane: i32, base: i32, k: i32, column: i32) {
  let p = &parameters;
${staged("rightTile", tile, rightQuads, right, {
  quad: "right_quad(base, k + step, column + quad * 4)",
  isClose: "(*p).bRow == 1",
  isInside: "k + step < (*p).k && column + quad * 4 < (*p).n",
  vector: "b[(base + (k + step) * (*p).bRow + column + quad * 4) / 4]",
  isInsideAlong: (at) => `k + step < (*p).k && column + quad * 4 + ${at} < (*p).n`,
  vectorAlong: (at) => `b[(base + (column + quad * 4 + ${at}) * (*p).bColumn + k + step) / 4]`,
})}
}`;
}

/** Texts for an operand: `quad` counts its outer axis in fours, `step` the steps of k from the first staged one. */
interface Reads {
  readonly quad: string;
  /** Whether neighbours in memory are steps of k. */
  readonly isClose: string;
  readonly isInside: string;
  readonly vector: string;
  readonly isInsideAlong: (at: string) => string;
  readonly vectorAlong: (at: string) => string;
}

function staged(target: string, tile: Tile, quads: number, loads: Loads, reads: Reads): string {
  const threads = threadsOf(tile);
  const { depth } = tile;
  if (loads === "along") {
    // Blocks of four by four are turned in registers.
    const lines = range(4).map(
      (at) => `    var v${String(at)} = vec4<Scalar>();
    if (${reads.isInsideAlong(String(at))}) {
      v${String(at)} = ${reads.vectorAlong(String(at))};
    }`,
    );
    const stores = range(4).map((at) => {
      const part = component(at);
      return `    ${target}[(step + ${String(at)}) * ${String(quads)} + quad] = vec4<Scalar>(v0.${part}, v1.${part}, v2.${part}, v3.${part});`;
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
    var v = vec4<Scalar>();
    if (${reads.isInside}) {
      v = ${reads.vector};
    }
    ${target}[i] = v;
  }`;
  }
  return `  // Neighbouring invocations should read neighbouring memory: along k when that is the close direction, else across it.
  let isClose = ${reads.isClose};
  for (var i = lane; i < ${String(quads * depth)}; i += ${String(threads)}) {
    let slot = select(i, i % ${String(depth)} * ${String(quads)} + i / ${String(depth)}, isClose);
    let step = slot / ${String(quads)};
    let quad = slot % ${String(quads)};
    ${target}[slot] = ${reads.quad};
  }`;
}
