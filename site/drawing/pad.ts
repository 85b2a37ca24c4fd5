// A square to draw on with pointer, pen or finger. Tells what was drawn as bytes; can show a given digit as well.
// Knows no network. Read next: centring.ts.
import { edge } from "../digits.ts";

const size = 280;
const stroke = 22;

export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #changed: (ink: Uint8Array, size: number) => void;
  #last: readonly [number, number] | undefined;

  /** `changed` is told the whole drawing after every stroke's piece. */
  constructor(canvas: HTMLCanvasElement, changed: (ink: Uint8Array, size: number) => void) {
    this.#canvas = canvas;
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("this browser draws no canvas");
    this.#context = context;
    this.#changed = changed;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = stroke;
    context.strokeStyle = "#fff";
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#continue(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.#last = undefined));
  }

  clear(): void {
    this.#context.clearRect(0, 0, size, size);
    this.#tell();
  }

  /** Shows 28 × 28 bytes. */
  show(pixels: Uint8Array): void {
    const image = new ImageData(edge, edge);
    pixels.forEach((value, index) => image.data.set([255, 255, 255, value], 4 * index));
    const small = new OffscreenCanvas(edge, edge);
    small.getContext("2d")?.putImageData(image, 0, 0);
    this.#context.clearRect(0, 0, size, size);
    this.#context.drawImage(small, 0, 0, size, size);
    this.#tell();
  }

  #begin(event: PointerEvent): void {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#last = this.#place(event);
    this.#continue(event);
  }

  #continue(event: PointerEvent): void {
    if (this.#last === undefined) return;
    event.preventDefault();
    this.#context.beginPath();
    this.#context.moveTo(...this.#last);
    this.#last = this.#place(event);
    this.#context.lineTo(...this.#last);
    this.#context.stroke();
    this.#tell();
  }

  #place(event: PointerEvent): [number, number] {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * size, ((event.clientY - top) / height) * size];
  }

  #tell(): void {
    // What is drawn is white: the ink is in the alpha channel.
    const { data } = this.#context.getImageData(0, 0, size, size);
    this.#changed(
      Uint8Array.from({ length: size * size }, (_, index) => data[4 * index + 3]!),
      size,
    );
  }
}

/** Draws 28 × 28 bytes into a small canvas: what the network sees. */
export function drawSmall(canvas: HTMLCanvasElement, pixels: Uint8Array | undefined): void {
  canvas.width = canvas.height = edge;
  const context = canvas.getContext("2d");
  if (context === null || pixels === undefined) return;
  const image = new ImageData(edge, edge);
  pixels.forEach((value, index) => image.data.set([255, 255, 255, value], 4 * index));
  context.putImageData(image, 0, 0);
}
