// Calls that must be refused, with the error to the letter. Read next: spec.ts (ErrorRow); checks.ts for what must work.
import { tensor, withDevice } from "../engine/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { countOf } from "./array.ts";
import type { OpenedBackend } from "./backends.ts";
import type { Verdict } from "./compare.ts";
import { failed, passed } from "./compare.ts";
import type { ErrorRow } from "./spec.ts";

/** Makes the call of a row on the backend. */
export function checkRefusal(backend: OpenedBackend, row: ErrorRow): Verdict {
  const tensors: Tensor[] = (row.shapes ?? []).map((shape, i) => {
    const dtype = row.dtypes?.[i] ?? "f32";
    return tensor(new Float64Array(countOf(shape)), { shape, dtype });
  });
  const verdict = withDevice(backend.device, () => refusal(row, tensors));
  for (const operand of tensors) operand.dispose();
  return verdict;
}

function refusal(row: ErrorRow, tensors: Tensor[]): Verdict {
  try {
    const result = row.call(...tensors);
    for (const tensor of [result].flat()) (tensor as Partial<Tensor>).dispose?.();
  } catch (error) {
    if (!(error instanceof Error)) return failed(`threw ${String(error)}`);
    if (error.name !== row.error) return failed(`threw ${error.name} (${error.message}), expected ${row.error}`);
    return error.message === row.message ? passed : failed(`says "${error.message}", expected "${row.message}"`);
  }
  return failed(`was accepted, expected ${row.error}`);
}
