// The words of the pooling kernels, and which taps of a window lie inside the image. Shared by pooling.ts (maxima),
// pooling-gradient.ts and pooling-average.ts; knows no elements and no operands.

/** The parameter words, laid over the argument block. The last three are there for average pooling only. */
@unmanaged
export class PoolShape {
  n: i32;
  h: i32;
  w: i32;
  c: i32;
  oh: i32;
  ow: i32;
  windowH: i32;
  windowW: i32;
  strideH: i32;
  strideW: i32;
  padTop: i32;
  padLeft: i32;
  dilationH: i32;
  dilationW: i32;
  countIncludePad: i32;
  padBottom: i32;
  padRight: i32;

  /** The first window of a row that has all its taps inside, and the one after the last: those in between need no tests. */
  @inline get innerFrom(): i32 {
    return min<i32>(this.ow, (this.padLeft + this.strideW - 1) / this.strideW);
  }

  @inline get innerEnd(): i32 {
    const room = this.w + this.padLeft - (this.windowW - 1) * this.dilationW - 1;
    return room < 0 ? this.innerFrom : max<i32>(this.innerFrom, min<i32>(this.ow, room / this.strideW + 1));
  }

  /** Does no element of the image lie in two windows? */
  @inline get isDisjoint(): bool {
    const apart = this.strideH >= this.windowH && this.strideW >= this.windowW;
    return apart && (this.dilationH | this.dilationW) == 1;
  }

  /** Does every element lie in exactly one? */
  @inline get isPartition(): bool {
    const touching = this.strideH == this.windowH && this.strideW == this.windowW;
    const dense = (this.dilationH | this.dilationW) == 1 && (this.padTop | this.padLeft) == 0;
    return touching && dense && this.oh * this.windowH == this.h && this.ow * this.windowW == this.w;
  }

  /** Rows of window number `index` that count for the divisor of an average, and taps of a row. */
  countedRows(index: i32): i32 {
    const top = index * this.strideH - this.padTop;
    if (this.countIncludePad == 0) return Taps.count(top, this.dilationH, this.windowH, this.h);
    return Taps.count(top + this.padTop, this.dilationH, this.windowH, this.h + this.padTop + this.padBottom);
  }

  countedTaps(index: i32): i32 {
    const left = index * this.strideW - this.padLeft;
    if (this.countIncludePad == 0) return Taps.count(left, this.dilationW, this.windowW, this.w);
    return Taps.count(left + this.padLeft, this.dilationW, this.windowW, this.w + this.padLeft + this.padRight);
  }

  /** One over the number of taps of window (i, j) that count. */
  divisor<T extends number>(i: i32, j: i32): T {
    return ((1 as T) / (max<i32>(1, this.countedRows(i) * this.countedTaps(j)) as T)) as T;
  }
}

/** Which taps of a window along one dimension lie inside [0, size): from first(…) to last(…), exclusive. */
export class Taps {
  @inline static first(start: i32, dilation: i32): i32 {
    return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  }

  @inline static last(start: i32, dilation: i32, window: i32, size: i32): i32 {
    return start >= size ? 0 : min<i32>(window, (size - 1 - start) / dilation + 1);
  }

  @inline static count(start: i32, dilation: i32, window: i32, size: i32): i32 {
    return Taps.last(start, dilation, window, size) - Taps.first(start, dilation);
  }
}
