// The last part of a fold: what the invocations of a row have found each is put together, and known to all of them. In the
// memory of the workgroup, halving again and again; or by subgroups, whose size is known only when the shader runs.
// Knows text and types, no rows. Read next: ../kernels/row-shader.ts and ../kernels/reduce-shader.ts, which paste it in.
import type { DType } from "../../../core/dtype.ts";
import { wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { ReduceStep } from "../../../graph/step.ts";
import { insert } from "./attachment.ts";

/** A fold whose parts are put together. Its functions `identity` and `combine` and its memory have the same suffix. */
export interface Parts {
  readonly suffix: string;
  readonly combiner: ReduceStep["combiner"];
  readonly dtype: DType;
}

const subgroupTypes: readonly DType[] = ["f32", "i32", "u32", "u8", "bool"];

/** Whether subgroups can fold this type. */
export const hasSubgroupFold = (dtype: DType): boolean => subgroupTypes.includes(dtype);

/** What an entry point with subgroups is given besides. `hasId`: whether the language has their numbers. */
export function subgroupParameters(hasId: boolean): string {
  const id = hasId ? "\n  @builtin(subgroup_id) subgroup: u32," : "";
  return `
  @builtin(subgroup_invocation_id) member: u32,
  @builtin(subgroup_size) members: u32,${id}`;
}

/** The number of an invocation in its workgroup such that those of a subgroup follow each other. */
export const threadOf = (hasId: boolean): string => (hasId ? "subgroup * members + member" : "invocation");

/** A text whose entry point has the lines "// @insert builtins" and "// @insert thread", with what subgroups need there. */
export function numbered(text: string, usesSubgroups: boolean, hasId: boolean): string {
  const thread = `let thread = ${usesSubgroups ? threadOf(hasId) : "invocation"};`;
  return insert(insert(text, "builtins", usesSubgroups ? subgroupParameters(hasId) : ""), "thread", thread);
}

/** The function `across` that folds over a subgroup. */
export function acrossText({ suffix, combiner, dtype }: Parts): string {
  const type = wgslStorageType(dtype);
  const name = `fn across${suffix}(value: ${type}) -> ${type}`;
  const verb = { sum: dtype === "bool" ? "Max" : "Add", prod: "Mul", max: "Max", min: "Min" }[combiner];
  if (dtype === "f32" && (combiner === "max" || combiner === "min")) {
    // Integers order as the values do, zeros by their sign; beyond them NaN, which a device may lose otherwise.
    const beyond = combiner === "max" ? "0x7fffffff" : "i32(-2147483648)";
    return `${name} {
  let found = subgroup${verb}(select(ordered_f32(value), ${beyond}, is_nan(value)));
  // The bits of the order, turned round, are the order of the bits.
  let back = bitcast<f32>(found ^ ((found >> 31u) & 0x7fffffff));
  return select(back, nan_f32(), found == ${beyond});
}`;
  }
  const folded = `subgroup${verb}(value)`;
  return `${name} {\n  return ${dtype === "u8" ? `${folded} & 255u` : folded};\n}`;
}

/**
 * Statements after which every invocation of a row has `total`, from `fold`. They speak of `lane`, the number of an invocation
 * in its row, and `thread`, that in the workgroup; a row has LANES of SIZE invocations, and each fold `meeting`, an array of SIZE.
 */
export function togetherInMemory(all: readonly Parts[]): string[] {
  return [
    ...all.map(({ suffix: at }) => `meeting${at}[thread] = fold${at};`),
    "for (var width = LANES / 2u; width > 0u; width >>= 1u) {",
    "  workgroupBarrier();",
    "  if (lane < width) {",
    ...all.map(
      ({ suffix: at }) =>
        `    meeting${at}[thread] = combine${at}(meeting${at}[thread], meeting${at}[thread + width]);`,
    ),
    "  }",
    "}",
    "workgroupBarrier();",
    ...all.map(({ suffix: at }) => `let total${at} = meeting${at}[thread - lane];`),
  ];
}

/** The same by subgroups, where a row has the whole workgroup: each subgroup leaves a part, and then puts all parts together. */
export function togetherBySubgroups(all: readonly Parts[]): string[] {
  return all.flatMap(({ suffix: at }) => [
    `let part${at} = across${at}(fold${at});`,
    `if (member == 0u) {`,
    `  meeting${at}[thread / members] = part${at};`,
    `}`,
    "workgroupBarrier();",
    `var parts${at} = identity${at}();`,
    "for (var at = member; at < (SIZE + members - 1u) / members; at += members) {",
    `  parts${at} = combine${at}(parts${at}, meeting${at}[at]);`,
    "}",
    `let total${at} = across${at}(parts${at});`,
  ]);
}

/** The same where several rows lie in one subgroup: each invocation meets one partner after the other. */
export function togetherInSubgroup(all: readonly Parts[], lanes: number): string[] {
  return all.flatMap(({ suffix: at }) => {
    const lines = [`var total${at} = fold${at};`];
    for (let distance = lanes / 2; distance >= 1; distance /= 2)
      lines.push(`total${at} = combine${at}(total${at}, subgroupShuffleXor(total${at}, ${String(distance)}u));`);
    return lines;
  });
}
