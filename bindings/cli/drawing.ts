// What the terminal shows: grey images by half blocks, and tables. Text in, text out.
// Read next: demo.ts.

const shades = " ░▒▓█";

/** One grey image as lines of text, two rows of pixels a line: half blocks where they differ, shades where they do not. */
export function drawImage(pixels: Uint8Array, width: number): string[] {
  const height = pixels.length / width;
  const lines: string[] = [];
  for (let row = 0; row + 1 < height; row += 2) {
    let line = "";
    for (let at = 0; at < width; at++) line += cell(pixels[row * width + at] ?? 0, pixels[(row + 1) * width + at] ?? 0);
    lines.push(line);
  }
  return lines;
}

function cell(upper: number, lower: number): string {
  const isUpper = upper > 127;
  const isLower = lower > 127;
  if (isUpper !== isLower) return isUpper ? "▀" : "▄";
  return shades[Math.min(4, Math.floor((upper + lower) / 2 / 51))] ?? " ";
}

/** Blocks of lines next to each other, each under its title. */
export function sideBySide(
  blocks: readonly { readonly title: string; readonly lines: readonly string[] }[],
  gap = 2,
): string {
  const widths = blocks.map(({ title, lines }) => Math.max(title.length, ...lines.map((line) => line.length)));
  const height = Math.max(0, ...blocks.map(({ lines }) => lines.length));
  const row = (at: (index: number) => string): string =>
    blocks
      .map((_, index) => at(index).padEnd(widths[index]!))
      .join(" ".repeat(gap))
      .trimEnd();
  const body = Array.from({ length: height }, (_, line) => row((index) => blocks[index]!.lines[line] ?? ""));
  return [row((index) => blocks[index]!.title), ...body].join("\n");
}

/** Columns padded to their widest cell; those whose header begins with a space are aligned right. */
export function drawTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((cells) => (cells[column] ?? "").trim().length)));
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const text = (cells[column] ?? "").trim();
        return header[column]?.startsWith(" ") === true ? text.padStart(width) : text.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

/** 0.0123 s as "12.3 ms"; three digits. */
export function showDuration(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toPrecision(3)} s`;
  if (milliseconds >= 1) return `${milliseconds.toPrecision(3)} ms`;
  return `${(milliseconds * 1000).toPrecision(3)} µs`;
}
