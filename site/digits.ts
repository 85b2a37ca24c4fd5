// The digits that travel with the page: some of MNIST in one deflated file, made by scripts/site.ts. Layout, before deflating:
//   u32 training count | u32 test count | labels of all | 28 × 28 bytes of each
// Packing and unpacking live here together, so that they cannot drift apart. Knows no model. Read next: work/learner.ts.

/** Edge length of a digit. */
export const edge = 28;
export const digitsFile = "digits.bin";

/** Digits as bytes, row by row, with their labels. */
export interface Digits {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

export interface DigitSets {
  readonly training: Digits;
  readonly test: Digits;
}

export function packDigits({ training, test }: DigitSets): Uint8Array<ArrayBuffer> {
  const counts = [training.labels.length, test.labels.length];
  const parts = [training.labels, test.labels, training.pixels, test.pixels];
  const file = new Uint8Array(8 + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(file.buffer);
  counts.forEach((count, index) => view.setUint32(4 * index, count, true));
  let position = 8;
  for (const part of parts) {
    file.set(part, position);
    position += part.length;
  }
  return file;
}

/** Throws a RangeError unless the file is as long as it says. */
export function unpackDigits(file: Uint8Array): DigitSets {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const [training, test] = file.length < 8 ? [0, 0] : [view.getUint32(0, true), view.getUint32(4, true)];
  const expected = 8 + (training + test) * (1 + edge * edge);
  if (file.length !== expected) throw new RangeError(`digits: expected ${expected} bytes, got ${file.length}`);
  let position = 8;
  const take = (length: number): Uint8Array => file.subarray(position, (position += length));
  const labels = [take(training), take(test)];
  const pixels = [take(training * edge * edge), take(test * edge * edge)];
  return {
    training: { labels: labels[0]!, pixels: pixels[0]! },
    test: { labels: labels[1]!, pixels: pixels[1]! },
  };
}

/** The bytes of one digit. */
export function pixelsOf({ pixels }: Digits, index: number): Uint8Array {
  return pixels.subarray(index * edge * edge, (index + 1) * edge * edge);
}

/** Fetches and inflates the digits that lie beside the page. */
export async function loadDigits(): Promise<DigitSets> {
  const response = await fetch(new URL(digitsFile, document.baseURI));
  if (!response.ok || response.body === null)
    throw new Error(`${digitsFile} could not be loaded: ${response.status} ${response.statusText}`);
  const inflated = response.body.pipeThrough(new DecompressionStream("deflate-raw"));
  return unpackDigits(new Uint8Array(await new Response(inflated).arrayBuffer()));
}
