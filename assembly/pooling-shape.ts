// The words of the pooling kernels, and which taps of a window lie inside the image. Shared by pooling.ts (maxima) and
// pooling-average.ts; knows no elements and no operands.

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
}

/** Which taps of a window along one dimension lie inside [0, size): from first(…) to last(…), exclusive. */
export class Taps {
  @inline static first(start: i32, dilation: i32): i32 {
    return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  }

  @inline static last(start: i32, dilation: i32, window: i32, size: i32): i32 {
    return start >= size ? 0 : min<i32>(window, (size - 1 - start) / dilation + 1);
  }
}
