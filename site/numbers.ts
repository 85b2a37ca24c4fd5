// Numbers as people read them: three digits and a unit that fits. Pure functions. Read next: sections/.

/** Milliseconds as "12.3 µs", "4.56 ms" or "1.23 s". */
export function showDuration(milliseconds: number): string {
  if (milliseconds >= 999.5) return `${digits(milliseconds / 1000)} s`;
  if (milliseconds >= 0.9995) return `${digits(milliseconds)} ms`;
  return `${digits(milliseconds * 1000)} µs`;
}

export function showRate(rate: number, unit: string): string {
  return `${digits(rate)} ${unit}`;
}

/** Three significant digits, never an exponent: 0.0123, 1.23, 12.3, 123, 12,300. */
export function digits(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

export function showCount(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function showShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
