// The CPU kernel of rms-norm.ts, in AssemblyScript. Compiled with
//   npx asc rms-norm.assembly.ts --importMemory --runtime stub --optimizeLevel 3 --noAssert --outFile rms-norm.wasm

/** x, gain, output, rows, columns, epsilon lie at `args`, four bytes each. Rows from `worker` on, every `workers`-th. */
export function rmsNorm(args: usize, worker: i32, workers: i32): void {
  const x = load<usize>(args);
  const gain = load<usize>(args, 4);
  const output = load<usize>(args, 8);
  const rows = load<i32>(args, 12);
  const columns = load<i32>(args, 16);
  const epsilon = load<f32>(args, 20);
  for (let row = worker; row < rows; row += workers) {
    const start = (<usize>(row * columns)) << 2;
    let squares: f32 = 0;
    for (let column: usize = 0; column < <usize>columns; column++) {
      const value = load<f32>(x + start + (column << 2));
      squares += value * value;
    }
    const scale = <f32>1 / sqrt<f32>(squares / <f32>columns + epsilon);
    for (let column: usize = 0; column < <usize>columns; column++) {
      const place = column << 2;
      store<f32>(output + start + place, load<f32>(x + start + place) * scale * load<f32>(gain + place));
    }
  }
}
