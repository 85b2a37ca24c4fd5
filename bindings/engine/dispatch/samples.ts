// Samples of a time until they agree: the fastest of what was measured, and whether measuring more would tell more.
// Knows no device and no clock. Read next: calibrate.ts, which takes them.

/** Samples that must agree, and how far they may lie apart. */
const [enough, apart] = [3, 1.06];

/** Times of one thing, in microseconds. */
export class Samples {
  private readonly fastest: number[] = [];

  add(microseconds: number): void {
    this.fastest.push(microseconds);
    this.fastest.sort((a, b) => a - b);
    this.fastest.length = Math.min(this.fastest.length, enough);
  }

  /** What the thing takes: others on the machine only ever slow it down. Infinity where nothing was measured. */
  get best(): number {
    return this.fastest[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the three fastest are nearly the same: a faster one is not to be expected now. */
  get agree(): boolean {
    return this.fastest.length === enough && (this.fastest[enough - 1] ?? 0) <= apart * this.best;
  }
}
