// Marks of a logarithmic axis between any two values, and which of them are labelled. uPlot's own expect a range that begins at a
// power of ten. Pure functions. Read next: frame.ts.

/** 1 … 9 times every power of ten from `least` to `largest`, which are positive. */
export function decades(least: number, largest: number): number[] {
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(largest); power++) {
    for (let digit = 1; digit <= 9; digit++) {
      // Divided, not multiplied, by what is exact: 3 / 10 is the number nearest to 0.3.
      const mark = power < 0 ? digit / 10 ** -power : digit * 10 ** power;
      if (mark >= least && mark <= largest) marks.push(mark);
    }
  }
  return marks;
}

/** The marks that get a label: powers of ten; 1, 2 and 5 where there are fewer than two of those; all of very few. */
export function labelled(marks: readonly number[]): (number | null)[] {
  const leading = marks.map((mark) => Math.round(mark / 10 ** Math.floor(Math.log10(mark) + 1e-9)));
  const count = (digits: readonly number[]): number => leading.filter((digit) => digits.includes(digit)).length;
  const shown = [[1], [1, 2, 5]].find((digits) => count(digits) >= 2);
  return marks.map((mark, index) => (shown === undefined || shown.includes(leading[index]!) ? mark : null));
}
