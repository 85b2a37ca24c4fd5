// Tiles of a product by subgroup matrices: how they are shared out, whether a device has room for them, and the WGSL that depends
// on it. Operands are staged in workgroup memory in the type that the matrices have:
//
//   leftTile [k][TILE_M]      rightTile [k][TILE_N]      results [part][row][column] of one matrix of every part
//
// Knows no variants and no operands but how they are staged. Read next: shaders/matmulMatrices.wgsl, ../device/matrix-units.ts.
import type { GPULimits } from "../device/description.ts";
import type { MatrixConfiguration, MatrixFunctions } from "../device/matrix-units.ts";
import { numbered } from "../wgsl/across.ts";
import { insert } from "../wgsl/attachment.ts";
import type { Block, Operand, Put, Sizes } from "./tile.ts";
import { range, staged, tileM, tileN, without } from "./tile.ts";

/** A tile that is shared out among subgroups. */
export interface MatrixTile extends Sizes {
  /** Steps of k staged at a time. */
  readonly depth: number;
}

/** A tile on a device. */
export interface MatrixPlan extends Block {
  readonly tile: MatrixTile;
  readonly configuration: MatrixConfiguration;
}

/** Invocations of a subgroup on most devices that have matrices, where a device leaves it open. */
const usualSubgroup = 32;
const mostInvocations = 256;

/**
 * How a device does a tile for operands of this type, if it has the matrices and the room. Halves may be multiplied as f32, but
 * never the other way round: that would be less precise than what is promised of f32.
 */
export function matrixPlan(
  tile: MatrixTile,
  component: MatrixConfiguration["component"],
  { matrices, minSubgroupSize, maxSubgroupSize, maxWorkgroupStorage }: GPULimits,
): MatrixPlan | undefined {
  const subgroup = Math.min(Math.max(usualSubgroup, minSubgroupSize), maxSubgroupSize);
  const threads = tile.down * tile.across * subgroup;
  // WebGPU wants workgroups of whole subgroups, however large these may be.
  if (threads > mostInvocations || threads % maxSubgroupSize !== 0) return undefined;
  const block = { m: tileM(tile), n: tileN(tile), depth: tile.depth, threads };
  const fits = (one: MatrixConfiguration): boolean =>
    tile.rows % one.rows === 0 &&
    tile.columns % one.columns === 0 &&
    tile.depth % one.depth === 0 &&
    one.columns % 4 === 0 &&
    bytesOf(tile, block, one) <= maxWorkgroupStorage;
  for (const wanted of component === "f16" ? (["f16", "f32"] as const) : (["f32"] as const)) {
    const configuration = matrices.find((one) => one.component === wanted && fits(one));
    if (configuration !== undefined) return { tile, configuration, ...block };
  }
  return undefined;
}

function bytesOf(tile: MatrixTile, { m, n, depth }: Block, { component, rows, columns }: MatrixConfiguration): number {
  const staged = depth * (m + n) * (component === "f16" ? 2 : 4);
  return staged + tile.down * tile.across * rows * columns * 4;
}

/** The text of matmul.wgsl with the entry point for matrices. */
export function matrixText(
  template: string,
  entry: string,
  plan: MatrixPlan,
  operands: readonly [Operand, Operand],
  functions: MatrixFunctions,
): string {
  // The entry point of its own goes, with what is put in there.
  let text = `${without(numbered(template, false, false), "main")}\n${entry}`;
  text = insert(text, "tile", sizesText(plan, functions));
  text = insert(text, "store", storeText(plan));
  text = insert(text, "members", functions.members);
  text = insert(text, "begin", functions.begin);
  const put: Put = (target, at, quad) => `put_${target}(${at}, ${quad});`;
  return staged(text, plan, operands, put);
}

function sizesText({ tile, configuration, m, n, depth, threads }: MatrixPlan, functions: MatrixFunctions): string {
  const { component, rows, columns } = configuration;
  const parts = tile.down * tile.across;
  const tall = tile.rows / rows;
  const wide = tile.columns / columns;
  const lines = (count: number, line: (at: number) => string): string => range(count).map(line).join("\n");
  const put = (target: string): string => `fn put_${target}(at: i32, quad: vec4<Scalar>) {
${lines(4, (at) => `  ${target}[at * 4 + ${String(at)}] = Component(quad[${String(at)}]);`)}
}`;
  return `const THREADS = ${String(threads)};
const TILE_M = ${String(m)};
const TILE_N = ${String(n)};
const DEPTH = ${String(depth)};
const PARTS = ${String(parts)};
const PARTS_ACROSS = ${String(tile.across)};
const PART_M = ${String(tile.rows)};
const PART_N = ${String(tile.columns)};
const RESULT_N = ${String(columns)};
const RESULT_QUADS = ${String((rows * columns) / 4)};
alias Component = ${component};
var<workgroup> leftTile: array<Component, ${String(depth * m)}>;
var<workgroup> rightTile: array<Component, ${String(depth * n)}>;
var<workgroup> results: array<f32, ${String(parts * rows * columns)}>;
${put("leftTile")}
${put("rightTile")}
${functions.text(configuration)}
alias Sums = array<Result, ${String(tall * wide)}>;
fn multiply(part: i32, sums: ptr<function, Sums>) {
  let down = part / PARTS_ACROSS * PART_M;
  let across = part % PARTS_ACROSS * PART_N;
${lines(tall * wide, (at) => `  var s${String(at)} = (*sums)[${String(at)}];`)}
  for (var k = 0; k < DEPTH; k += ${String(configuration.depth)}) {
${lines(tall, (at) => `    let a${String(at)} = load_left(k * TILE_M + down + ${String(at * rows)});`)}
${lines(wide, (at) => `    let b${String(at)} = load_right(k * TILE_N + across + ${String(at * columns)});`)}
${lines(tall * wide, (at) => {
  const [row, column] = [Math.floor(at / wide), at % wide];
  return `    s${String(at)} = accumulate(a${String(row)}, b${String(column)}, s${String(at)});`;
})}
  }
${lines(tall * wide, (at) => `  (*sums)[${String(at)}] = s${String(at)};`)}
}`;
}

/** The way of the results out: matrix by matrix, one of every part at a time. */
function storeText({ tile, configuration: { rows, columns } }: MatrixPlan): string {
  const wide = tile.columns / columns;
  return range((tile.rows / rows) * wide)
    .map((at) => {
      const [down, across] = [Math.floor(at / wide) * rows, (at % wide) * columns];
      return `    if (isBusy) {
      store_result(i32(subgroup) * ${String(rows * columns)}, sums[${String(at)}]);
    }
    workgroupBarrier();
    store_results(lane, turn, parts, first, place.row + ${String(down)}, place.column + ${String(across)});
    workgroupBarrier();`;
    })
    .join("\n");
}
