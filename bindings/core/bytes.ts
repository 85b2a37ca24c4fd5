// Byte counts as text, for messages. Knows nothing of devices. Read next: errors.ts.

/** Formats a byte count for messages. */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${String(bytes)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power - 1] ?? ""}`;
}
