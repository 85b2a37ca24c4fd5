// Lowers an expression to AssemblyScript at build time: the body of a `lanes` method over f32x4 vectors.
// Only f32 in and out; everything else is emitted at run time by to-wasm.ts.
// Read next: scripts/elementwise.ts, which writes the file; assembly/elementwise/rows.ts for the loops the classes go into.
import type { Bound } from "./bounds.ts";
import { boundOf } from "./bounds.ts";
import type { Expression } from "./expression.ts";
import { topological } from "./expression.ts";

const parameters = ["x", "y", "z"];

/** Statements of a method body that returns the expression; undefined if it needs more than f32 and masks. */
export function toAssembly(root: Expression): string | undefined {
  const names = new Map<Expression, string>();
  const lines: string[] = [];
  for (const node of topological(root)) {
    if (node.kind === "input") {
      const name = parameters[node.index];
      if (node.dtype !== "f32" || name === undefined) return undefined;
      names.set(node, name);
    } else if (node.kind === "constant") {
      if (node.dtype !== "f32") return undefined;
      names.set(node, literal(node.value));
    } else {
      if (node.primitive.result === "cast") return undefined;
      const own = (node.primitive.arity === 3 ? node.operands[1] : node.operands[0])?.dtype ?? "f32";
      const code = node.primitive.wasm[own];
      if (code === undefined || (own !== "f32" && own !== "bool")) return undefined;
      const operands = node.operands.map((operand) => names.get(operand) ?? "");
      const [condition, yes, no] = operands;
      const bound = boundOf(node);
      const text =
        bound !== undefined
          ? bounded(bound, names.get(bound.value) ?? "", names.get(bound.literal) ?? "")
          : "helper" in code && code.byConstant !== undefined && node.operands[1]?.kind === "constant"
            ? `${code.helper}(${names.get(node.operands[0] ?? node) ?? ""}, ${String(node.operands[1].value)})`
            : "helper" in code
              ? `Lanes.${node.primitive.name}(${operands.join(", ")})`
              : node.primitive.arity === 3 && node.operands[0]?.dtype === "bool"
                ? `v128.bitselect(${yes ?? ""}, ${no ?? ""}, ${condition ?? ""})`
                : `${code.method}(${operands.join(", ")})`;
      const name = `t${String(lines.length)}`;
      lines.push(`const ${name} = ${text};`);
      names.set(node, name);
    }
  }
  lines.push(`return ${names.get(root) ?? ""};`);
  return lines.map((line) => `    ${line}`).join("\n");
}

function bounded({ code, addZero }: Bound, value: string, literal: string): string {
  const text = `${code.method}(${value}, ${literal})`;
  return addZero ? `f32x4.add(${text}, ${literal})` : text;
}

/** A broadcasting load: V8 would build a literal vector anew in every turn of a loop. Zero costs nothing. */
function literal(value: number): string {
  if (Object.is(value, 0)) return "f32x4.splat(0)";
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  return `v128.load32_splat(memory.data<u32>([0x${bits.toString(16)}], 4))`;
}
