// Elementwise loops over one row of f32, described by a cursor. They do not know which function is mapped: an operator is
// a class whose inlined `lanes` method takes and gives four elements, and a row function is a loop instantiated with it.
// Cursor words: n, then (pointer, stride in elements) for the output (emitted functions may have several) and each input;
// stride 0 is one value for the row.
// The output may be one of the inputs; other overlaps are not allowed. Nothing outside the elements is read or written.
// Read next: map.ts, which walks any shape row by row; ../lanes/lanes.ts for the mathematics.

/** A function of one f32 variable, four lanes at a time. */
export abstract class UnaryLanes {
  abstract lanes(x: v128): v128;
}

export abstract class BinaryLanes {
  abstract lanes(x: v128, y: v128): v128;
}

export abstract class TernaryLanes {
  abstract lanes(x: v128, y: v128, z: v128): v128;
}

/** The words of a cursor; operand 0 is the output. */
class Cursor {
  @inline static length(cursor: usize): i32 {
    return load<i32>(cursor);
  }

  @inline static pointer(cursor: usize, operand: i32): usize {
    return load<usize>(cursor + 4 + (operand << 3));
  }

  /** The stride in bytes. */
  @inline static step(cursor: usize, operand: i32): usize {
    return load<usize>(cursor + 8 + (operand << 3)) << 2;
  }
}

/** Four elements, or the one to three that are left, between memory and a vector. */
class Elements {
  /** Lanes beyond `rest` hold the first element: a value the function is going to see anyway. */
  @inline static load(pointer: usize, step: usize, rest: i32): v128 {
    if (step == 4 && rest >= 4) return v128.load(pointer);
    let x = v128.load32_splat(pointer);
    if (step != 0) {
      if (rest > 1) x = v128.load_lane<f32>(pointer + step, x, 1);
      if (rest > 2) x = v128.load_lane<f32>(pointer + 2 * step, x, 2);
      if (rest > 3) x = v128.load_lane<f32>(pointer + 3 * step, x, 3);
    }
    return x;
  }

  @inline static store(pointer: usize, step: usize, rest: i32, x: v128): void {
    if (step == 4 && rest >= 4) {
      v128.store(pointer, x);
      return;
    }
    v128.store_lane<f32>(pointer, x, 0);
    if (rest > 1) v128.store_lane<f32>(pointer + step, x, 1);
    if (rest > 2) v128.store_lane<f32>(pointer + 2 * step, x, 2);
    if (rest > 3) v128.store_lane<f32>(pointer + 3 * step, x, 3);
  }
}

// mapLong…: one loop for every case; its branches are foretold, so that a long body, anything with a function of
// ../lanes/lanes.ts in it, loses nothing by them and appears once. map…: for short bodies, contiguous loops of four vectors a
// turn (two for three inputs) in front of it. Elements/ns with one and four vectors a turn (V8 11.3, AMD EPYC,
// November 2026): neg 6.9 and 11.4, add 6.0 and 7.6-9.9; exp is the same with both.

function mapUnaryRest<Op extends UnaryLanes>(rest: i32, out: usize, outStep: usize, x: usize, xStep: usize): void {
  const op = changetype<Op>(0);
  while (rest > 0) {
    const first = Elements.load(x, xStep, rest);
    Elements.store(out, outStep, rest, op.lanes(first));
    out += outStep << 2;
    x += xStep << 2;
    rest -= 4;
  }
}

export function mapLongUnary<Op extends UnaryLanes>(cursor: usize): void {
  mapUnaryRest<Op>(
    Cursor.length(cursor),
    Cursor.pointer(cursor, 0),
    Cursor.step(cursor, 0),
    Cursor.pointer(cursor, 1),
    Cursor.step(cursor, 1),
  );
}

export function mapUnary<Op extends UnaryLanes>(cursor: usize): void {
  const op = changetype<Op>(0);
  let rest = Cursor.length(cursor);
  let out = Cursor.pointer(cursor, 0);
  let x = Cursor.pointer(cursor, 1);
  const outStep = Cursor.step(cursor, 0);
  const xStep = Cursor.step(cursor, 1);
  if (outStep == 4 && xStep == 4) {
    while (rest >= 16) {
      v128.store(out, op.lanes(v128.load(x)));
      v128.store(out, op.lanes(v128.load(x, 16)), 16);
      v128.store(out, op.lanes(v128.load(x, 32)), 32);
      v128.store(out, op.lanes(v128.load(x, 48)), 48);
      out += 64;
      x += 64;
      rest -= 16;
    }
  }
  mapUnaryRest<Op>(rest, out, outStep, x, xStep);
}

function mapBinaryRest<Op extends BinaryLanes>(
  rest: i32,
  out: usize,
  outStep: usize,
  x: usize,
  xStep: usize,
  y: usize,
  yStep: usize,
): void {
  const op = changetype<Op>(0);
  while (rest > 0) {
    const first = Elements.load(x, xStep, rest);
    const second = Elements.load(y, yStep, rest);
    Elements.store(out, outStep, rest, op.lanes(first, second));
    out += outStep << 2;
    x += xStep << 2;
    y += yStep << 2;
    rest -= 4;
  }
}

export function mapLongBinary<Op extends BinaryLanes>(cursor: usize): void {
  mapBinaryRest<Op>(
    Cursor.length(cursor),
    Cursor.pointer(cursor, 0),
    Cursor.step(cursor, 0),
    Cursor.pointer(cursor, 1),
    Cursor.step(cursor, 1),
    Cursor.pointer(cursor, 2),
    Cursor.step(cursor, 2),
  );
}

export function mapBinary<Op extends BinaryLanes>(cursor: usize): void {
  const op = changetype<Op>(0);
  let rest = Cursor.length(cursor);
  let out = Cursor.pointer(cursor, 0);
  let x = Cursor.pointer(cursor, 1);
  let y = Cursor.pointer(cursor, 2);
  const outStep = Cursor.step(cursor, 0);
  const xStep = Cursor.step(cursor, 1);
  const yStep = Cursor.step(cursor, 2);
  if (outStep == 4 && xStep == 4 && yStep == 4) {
    while (rest >= 16) {
      v128.store(out, op.lanes(v128.load(x), v128.load(y)));
      v128.store(out, op.lanes(v128.load(x, 16), v128.load(y, 16)), 16);
      v128.store(out, op.lanes(v128.load(x, 32), v128.load(y, 32)), 32);
      v128.store(out, op.lanes(v128.load(x, 48), v128.load(y, 48)), 48);
      out += 64;
      x += 64;
      y += 64;
      rest -= 16;
    }
  } else if (outStep == 4 && xStep == 4 && yStep == 0 && rest > 0) {
    const scalar = v128.load32_splat(y);
    while (rest >= 16) {
      v128.store(out, op.lanes(v128.load(x), scalar));
      v128.store(out, op.lanes(v128.load(x, 16), scalar), 16);
      v128.store(out, op.lanes(v128.load(x, 32), scalar), 32);
      v128.store(out, op.lanes(v128.load(x, 48), scalar), 48);
      out += 64;
      x += 64;
      rest -= 16;
    }
  } else if (outStep == 4 && xStep == 0 && yStep == 4 && rest > 0) {
    const scalar = v128.load32_splat(x);
    while (rest >= 16) {
      v128.store(out, op.lanes(scalar, v128.load(y)));
      v128.store(out, op.lanes(scalar, v128.load(y, 16)), 16);
      v128.store(out, op.lanes(scalar, v128.load(y, 32)), 32);
      v128.store(out, op.lanes(scalar, v128.load(y, 48)), 48);
      out += 64;
      y += 64;
      rest -= 16;
    }
  }
  mapBinaryRest<Op>(rest, out, outStep, x, xStep, y, yStep);
}

function mapTernaryRest<Op extends TernaryLanes>(
  rest: i32,
  out: usize,
  outStep: usize,
  x: usize,
  xStep: usize,
  y: usize,
  yStep: usize,
  z: usize,
  zStep: usize,
): void {
  const op = changetype<Op>(0);
  while (rest > 0) {
    const first = Elements.load(x, xStep, rest);
    const second = Elements.load(y, yStep, rest);
    const third = Elements.load(z, zStep, rest);
    Elements.store(out, outStep, rest, op.lanes(first, second, third));
    out += outStep << 2;
    x += xStep << 2;
    y += yStep << 2;
    z += zStep << 2;
    rest -= 4;
  }
}

export function mapLongTernary<Op extends TernaryLanes>(cursor: usize): void {
  mapTernaryRest<Op>(
    Cursor.length(cursor),
    Cursor.pointer(cursor, 0),
    Cursor.step(cursor, 0),
    Cursor.pointer(cursor, 1),
    Cursor.step(cursor, 1),
    Cursor.pointer(cursor, 2),
    Cursor.step(cursor, 2),
    Cursor.pointer(cursor, 3),
    Cursor.step(cursor, 3),
  );
}

export function mapTernary<Op extends TernaryLanes>(cursor: usize): void {
  const op = changetype<Op>(0);
  let rest = Cursor.length(cursor);
  let out = Cursor.pointer(cursor, 0);
  let x = Cursor.pointer(cursor, 1);
  let y = Cursor.pointer(cursor, 2);
  let z = Cursor.pointer(cursor, 3);
  const outStep = Cursor.step(cursor, 0);
  const xStep = Cursor.step(cursor, 1);
  const yStep = Cursor.step(cursor, 2);
  const zStep = Cursor.step(cursor, 3);
  if (outStep == 4 && xStep == 4 && yStep == 4 && zStep == 4) {
    while (rest >= 8) {
      v128.store(out, op.lanes(v128.load(x), v128.load(y), v128.load(z)));
      v128.store(out, op.lanes(v128.load(x, 16), v128.load(y, 16), v128.load(z, 16)), 16);
      out += 32;
      x += 32;
      y += 32;
      z += 32;
      rest -= 8;
    }
  }
  mapTernaryRest<Op>(rest, out, outStep, x, xStep, y, yStep, z, zStep);
}
