// PNG files as pictures and back, by pngjs. Grey stays grey: a file whose three channels are alike everywhere has one.
// Read next: principal-components.ts.
import { PNG } from "pngjs";
import type { Picture } from "./principal-components.ts";

/** Decodes a PNG file; what is transparent counts as it is stored. */
export function readPng(file: Uint8Array): Picture {
  const { width, height, data } = PNG.sync.read(Buffer.from(file));
  const isGrey = Array.from({ length: width * height }, (_, i) => 4 * i).every(
    (at) => data[at] === data[at + 1] && data[at] === data[at + 2],
  );
  const channels = isGrey ? 1 : 3;
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < channels; c++) pixels[i * channels + c] = data[4 * i + c] ?? 0;
  }
  return { width, height, channels, data: pixels };
}

/** Encodes a picture as a PNG file. */
export function writePng({ width, height, channels, data }: Picture): Uint8Array {
  const png = new PNG({ width, height });
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = data[i * channels + (channels === 1 ? 0 : c)] ?? 0;
    png.data[4 * i + 3] = 255;
  }
  return PNG.sync.write(png, { colorType: channels === 1 ? 0 : 2 });
}
