// A drawing as MNIST has its digits: the ink's box scaled into 20 × 20, its centre of mass in the middle of 28 × 28.
// Pixels are averaged over the area they cover. Pure functions on bytes. Read next: pad.ts.
import { edge } from "../digits.ts";

const inner = 20;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** 28 × 28 bytes of a square drawing of `size` × `size` bytes; undefined if it is empty. */
export function centred(ink: Uint8Array, size: number): Uint8Array | undefined {
  const box = boxOf(ink, size);
  if (box === undefined) return undefined;
  const scale = inner / Math.max(box.width, box.height);
  const at = (x: number, y: number): number => {
    // The centre of the box lies at 0, 0.
    const left = box.left + box.width / 2 + (x - 0.5) / scale;
    const top = box.top + box.height / 2 + (y - 0.5) / scale;
    return average(ink, size, left, top, 1 / scale);
  };
  const [across, down] = massOf(at);
  const out = new Uint8Array(edge * edge);
  // The centre of mass goes where MNIST has it: between the middle pixels.
  const middle = (edge - 1) / 2;
  for (let row = 0; row < edge; row++)
    for (let column = 0; column < edge; column++)
      out[row * edge + column] = Math.round(at(column - middle + across, row - middle + down));
  return out;
}

function boxOf(ink: Uint8Array, size: number): Box | undefined {
  let [left, right, top, bottom] = [size, -1, size, -1];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (ink[row * size + column]! < 32) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = row;
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Centre of mass of the scaled drawing, from the centre of its box. */
function massOf(at: (x: number, y: number) => number): [number, number] {
  let [mass, across, down] = [0, 0, 0];
  for (let y = -inner / 2 + 0.5; y < inner / 2; y++) {
    for (let x = -inner / 2 + 0.5; x < inner / 2; x++) {
      const value = at(x, y);
      mass += value;
      across += value * x;
      down += value * y;
    }
  }
  return [across / mass, down / mass];
}

/** Mean of a square of `side` pixels; outside of the drawing there is no ink. */
function average(ink: Uint8Array, size: number, left: number, top: number, side: number): number {
  let sum = 0;
  const [firstRow, lastRow] = [Math.max(0, Math.floor(top)), Math.min(size, Math.ceil(top + side))];
  const [firstColumn, lastColumn] = [Math.max(0, Math.floor(left)), Math.min(size, Math.ceil(left + side))];
  for (let row = firstRow; row < lastRow; row++) {
    const height = Math.min(row + 1, top + side) - Math.max(row, top);
    for (let column = firstColumn; column < lastColumn; column++) {
      const width = Math.min(column + 1, left + side) - Math.max(column, left);
      sum += ink[row * size + column]! * width * height;
    }
  }
  return sum / (side * side);
}
