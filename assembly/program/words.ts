// How a kernel reads its call and finds its share of the work.
// A call is a block of 4-byte words in linear memory: one pointer per operand, then the parameters. This file knows
// that block and the (worker, workers) split; it does not know any kernel. Read next: ../folds/reduce.ts, the simplest user.

/** The words behind `args`. */
export class Words {
  @inline static integer(args: usize, index: i32): i32 {
    return load<i32>(args + ((index as usize) << 2));
  }

  @inline static pointer(args: usize, index: i32): usize {
    return load<u32>(args + ((index as usize) << 2)) as usize;
  }
}

/** Contiguous shares of `total` independent items; worker w owns [from(w), from(w + 1)). */
export class Share {
  @inline static from(total: i32, worker: i32, workers: i32): i32 {
    return (((total as i64) * (worker as i64)) / (workers as i64)) as i32;
  }

  /**
   * Like `from`, but every boundary is a multiple of `unit` and what is left over is the last worker's: no share is smaller
   * than a unit, so that a kernel which treats small sizes by other sums does not do so by the number of workers.
   */
  @inline static fromWhole(total: i32, unit: i32, worker: i32, workers: i32): i32 {
    if (worker == workers) return total;
    return (((((total / unit) as i64) * (worker as i64)) / (workers as i64)) as i32) * unit;
  }

  /** Like `from`, but every boundary except the last is a multiple of `unit`. */
  @inline static fromUnits(total: i32, unit: i32, worker: i32, workers: i32): i32 {
    const units = (total + unit - 1) / unit;
    return min<i32>(total, ((((units as i64) * (worker as i64)) / (workers as i64)) as i32) * unit);
  }
}
