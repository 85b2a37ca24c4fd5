// How a kernel reports what it could not do. Each worker has two words behind the call's parameters: the number of the
// first matrix it failed on, counted from 1, and why. The host reads them after the run and throws; what a failed
// kernel wrote is never read. Positive codes are the kernel's own. Read next: bindings/ops/matrices.ts.
export class Status {
  /** An element of the matrix is NaN or infinite. */
  static readonly NOT_FINITE: i32 = -1;
  /** An iteration did not end. */
  static readonly NO_CONVERGENCE: i32 = -2;

  /** Clears the words of a worker; they begin at word `index` of the call. */
  @inline static clear(args: usize, index: i32, worker: i32): void {
    store<u64>(args + (((index + 2 * worker) as usize) << 2), 0);
  }

  /** Notes that matrix `item` failed, unless one before it has. */
  @inline static fail(args: usize, index: i32, worker: i32, item: i32, code: i32): void {
    const place = args + (((index + 2 * worker) as usize) << 2);
    if (load<i32>(place) != 0) return;
    store<i32>(place, item + 1);
    store<i32>(place, code, 4);
  }
}
