// How many vectors a turn of a row function's loop handles: as many as hide latency without running out of registers.
// Pure functions of expressions. Read next: to-wasm.ts.
import type { Expression } from "./expression.ts";

/** Vectors the emitter lets be alive at a time: the registers of x86. */
const registers = 16;

/** Vectors a turn of the loop over contiguous elements: one if it calls functions, which know one vector only. */
export function copiesFor(order: readonly Expression[], hasFunctions: boolean): number {
  const calls = order.some(
    (node) =>
      node.kind === "apply" &&
      Object.values(node.primitive.wasm).some((code) => "helper" in code && code.byConstant === undefined),
  );
  if (calls || order.length > 200) return 1;
  // Functions are long chains: four at a time hide each other's latency, whatever has to leave the registers for it.
  // Elsewhere storing and loading again costs more than a longer turn saves.
  if (hasFunctions) return 4;
  const live = mostAlive(order);
  return 4 * live <= registers ? 4 : 2 * live <= registers ? 2 : 1;
}

/** The most results and operands that are needed later, at any point of the order. Literals do not count. */
function mostAlive(order: readonly Expression[]): number {
  const last = new Map<Expression, number>();
  order.forEach((node, place) => {
    if (node.kind === "apply") for (const operand of node.operands) last.set(operand, place);
  });
  let alive = 0;
  let most = 0;
  order.forEach((node, place) => {
    if (node.kind === "constant") return;
    most = Math.max(most, ++alive);
    const used = node.kind === "apply" ? new Set(node.operands) : [];
    for (const operand of used) if (operand.kind !== "constant" && last.get(operand) === place) alive--;
  });
  return most;
}
