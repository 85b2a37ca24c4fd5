// ml-matrix: plain JavaScript on f64. Read next: ../contender.ts.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import type { Contender } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import { versionOf } from "./versions.ts";

export function mlmatrix(): Contender {
  return {
    ...{ name: "ml-matrix", version: versionOf("ml-matrix"), backend: "cpu", threads: 1 },
    // It has no product with a transpose, and a second is enough of the largest.
    supports: (task) =>
      task.op === "eigh" || (task.op === "matmul" && task.transposed === "none" && task.m * task.k * task.n <= 2 ** 30),
    prepare: (task, inputs) => {
      const [x, y] = inputShapes(task).map(([rows = 1, columns = 1], index) =>
        Matrix.from1DArray(rows, columns, Array.from(inputs[index]!)),
      );
      let last: readonly number[] = [];
      let product = new Matrix(1, 1);
      return Promise.resolve({
        run: () => {
          if (task.op === "eigh") last = new EigenvalueDecomposition(x!, { assumeSymmetric: true }).realEigenvalues;
          else product = x!.mmul(y!);
        },
        result: () => (task.op === "eigh" ? last : product.to1DArray()),
        dispose: () => undefined,
      });
    },
  };
}
