// The units of a device that multiply small matrices, a subgroup at a time: which sizes and types they take, whether they may be
// used, and the WGSL that uses them. Only where `init` was asked for them: WebGPU has them as an experiment of Chromium and Dawn.
// Knows no product. Read next: ../variants/matrix-text.ts, which writes a kernel of them; device.ts.
import { halfFeature } from "./features.ts";

/** Left matrices of rows × depth by right ones of depth × columns; sums are f32. */
export interface MatrixConfiguration {
  /** The type of both operands. */
  readonly component: "f16" | "f32";
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** WGSL by which a kernel multiplies small matrices. */
export interface MatrixFunctions {
  /** What the entry point is given besides, and statements it begins with. */
  readonly members: string;
  readonly begin: string;
  /**
   * The types `Left`, `Right` and `Result` and the functions `load_left`, `load_right`, `accumulate` and `store_result`. A left
   * matrix lies in `leftTile`, columns after columns that are `TILE_M` apart; a right one in `rightTile`, rows after rows that
   * are `TILE_N` apart; a result in `results`, rows after rows without gaps.
   */
  readonly text: (configuration: MatrixConfiguration) => string;
}

/** What became of the wish for matrices. */
export interface MatrixReport {
  /** Whether they were asked for. */
  readonly isWanted: boolean;
  /** What an adapter has of them that is of use; empty where they are off or missing. */
  readonly configurations: readonly MatrixConfiguration[];
  /** Why they are not in use, and what would change that; empty where they are. */
  readonly missing: string;
}

/** The feature of WebGPU, and the flag that Dawn wants for it. */
export const matrixFeature = "chromium-experimental-subgroup-matrix";
export const matrixFlags: readonly string[] = ["enable-dawn-features=allow_unsafe_apis"];

/** By the functions of the language. */
export const matrixFunctions: MatrixFunctions = {
  members: "",
  begin: "",
  text: ({ component, rows, columns, depth }) => `
alias Left = subgroup_matrix_left<${component}, ${String(depth)}, ${String(rows)}>;
alias Right = subgroup_matrix_right<${component}, ${String(columns)}, ${String(depth)}>;
alias Result = subgroup_matrix_result<f32, ${String(columns)}, ${String(rows)}>;
fn load_left(at: i32) -> Left {
  return subgroupMatrixLoad<Left, col_major>(&leftTile, u32(at), u32(TILE_M));
}
fn load_right(at: i32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&rightTile, u32(at), u32(TILE_N));
}
fn accumulate(left: Left, right: Right, sum: Result) -> Result {
  return subgroupMatrixMultiplyAccumulate(left, right, sum);
}
fn store_result(at: i32, sum: Result) {
  subgroupMatrixStore<row_major>(&results, u32(at), sum, ${String(columns)}u);
}`,
};

/** What an adapter tells of its matrices, as far as runtimes tell. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

/** The configurations of an adapter that sum in f32, in its order, which is that of preference; `features` are those in use. */
export function configurationsOf(info: object, features: readonly string[]): MatrixConfiguration[] {
  const { subgroupMatrixConfigs = [] } = info as MatrixInfo;
  return [...subgroupMatrixConfigs].flatMap(({ componentType, resultComponentType, M, N, K }) => {
    const isOurs = componentType === "f32" || (componentType === "f16" && features.includes(halfFeature));
    if (!isOurs || resultComponentType !== "f32") return [];
    return [{ component: componentType, rows: M, columns: N, depth: K }];
  });
}

/** What becomes of the wish for matrices on an adapter of which these features are used. */
export function matrixReport(isWanted: boolean, info: object, features: readonly string[]): MatrixReport {
  const without = (missing: string): MatrixReport => ({ isWanted, configurations: [], missing });
  if (!isWanted) return without('not asked for: init({ subgroupMatrices: "on" }) does');
  const lacking = [matrixFeature, "subgroups", "subgroup_id"].filter((name) => !features.includes(name));
  if (lacking.length > 0) return without(`this adapter does not offer ${lacking.join(", ")}. ${advice}`);
  const configurations = configurationsOf(info, features);
  if (configurations.length === 0) return without("this adapter has none that takes f32 or f16 and sums in f32");
  return { isWanted, configurations, missing: "" };
}

const advice =
  "They are an experiment of Chromium and Dawn: start Chrome with --enable-unsafe-webgpu (Node needs no flag), on a GPU whose " +
  "driver has them: Metal on Apple silicon, or Vulkan with VK_KHR_cooperative_matrix";
