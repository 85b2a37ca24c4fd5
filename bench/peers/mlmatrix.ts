// ml-matrix: plain JavaScript on f64. Read next: ../contender.ts.
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix, SingularValueDecomposition, solve } from "ml-matrix";
import type { Contender } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import { versionOf } from "./versions.ts";

export function mlmatrix(): Contender {
  return {
    ...{ name: "ml-matrix", version: versionOf("ml-matrix"), backend: "cpu", threads: 1 },
    // It has no product with a transpose, and a second is enough of the largest.
    supports: (task) =>
      (task.op === "linalg" && task.name !== "qr") ||
      (task.op === "matmul" &&
        task.dtype !== "int8" &&
        task.transposed === "none" &&
        task.m * task.k * task.n <= 2 ** 30),
    prepare: (task, inputs) => {
      const [x, y] = inputShapes(task).map(([rows = 1, columns = 1], index) =>
        Matrix.from1DArray(rows, columns, Array.from(inputs[index]!)),
      );
      let last: readonly number[] = [];
      let product = new Matrix(1, 1);
      return Promise.resolve({
        run: () => {
          if (task.op !== "linalg") product = x!.mmul(y!);
          else if (task.name === "eigh")
            last = new EigenvalueDecomposition(x!, { assumeSymmetric: true }).realEigenvalues;
          else if (task.name === "svd") last = new SingularValueDecomposition(x!).diagonal;
          else if (task.name === "cholesky") product = new CholeskyDecomposition(x!).lowerTriangularMatrix;
          else product = solve(x!, y!);
        },
        result: () =>
          task.op === "linalg" && (task.name === "eigh" || task.name === "svd") ? last : product.to1DArray(),
        dispose: () => undefined,
      });
    },
  };
}
