// Stages of Fourier transforms over whole vectors: radix 2, 3, 4, 5, and any other. A stage reads x[k][p][q] and writes y[p][u][q],
// p < m and q < s, as fourier-stages.ts says; q runs over whole vectors. Roots stand `w` apart from p to p.
// Read next: fourier-roots.ts.
import { Roots, Turned } from "./fourier-roots";
import { Lane } from "../linalg/vector";
import { Tile } from "../products/matmul-tile";

/** Radix 4 over whole vectors. */
export function stageFour<T extends number>(
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  w: i32,
  roots: Roots,
): void {
  const quarter = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  const sign = Lane.splat<T>(roots.sign);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    const c1 = Turned.c<T>(roots, p * w);
    const d1 = Turned.d<T>(roots, p * w);
    const c2 = Turned.c<T>(roots, 2 * p * w);
    const d2 = Turned.d<T>(roots, 2 * p * w);
    const c3 = Turned.c<T>(roots, 3 * p * w);
    const d3 = Turned.d<T>(roots, 3 * p * w);
    let ar = xr + t;
    let ai = xi + t;
    let br = yr + 4 * t;
    let bi = yi + 4 * t;
    const end = ar + step;
    while (ar < end) {
      const r0 = v128.load(ar);
      const i0 = v128.load(ai);
      const r1 = v128.load(ar + quarter);
      const i1 = v128.load(ai + quarter);
      const r2 = v128.load(ar + 2 * quarter);
      const i2 = v128.load(ai + 2 * quarter);
      const r3 = v128.load(ar + 3 * quarter);
      const i3 = v128.load(ai + 3 * quarter);
      const sumR = v128.add<T>(r0, r2);
      const sumI = v128.add<T>(i0, i2);
      const gapR = v128.sub<T>(r0, r2);
      const gapI = v128.sub<T>(i0, i2);
      const otherR = v128.add<T>(r1, r3);
      const otherI = v128.add<T>(i1, i3);
      // ∓i times the difference of the odd ones.
      const sideR = v128.mul<T>(sign, v128.sub<T>(i1, i3));
      const sideI = v128.mul<T>(sign, v128.sub<T>(r3, r1));
      v128.store(br, v128.add<T>(sumR, otherR));
      v128.store(bi, v128.add<T>(sumI, otherI));
      const u1 = v128.add<T>(gapR, sideR);
      const v1 = v128.add<T>(gapI, sideI);
      v128.store(br + step, Turned.real<T>(u1, v1, c1, d1));
      v128.store(bi + step, Turned.imaginary<T>(u1, v1, c1, d1));
      const u2 = v128.sub<T>(sumR, otherR);
      const v2 = v128.sub<T>(sumI, otherI);
      v128.store(br + 2 * step, Turned.real<T>(u2, v2, c2, d2));
      v128.store(bi + 2 * step, Turned.imaginary<T>(u2, v2, c2, d2));
      const u3 = v128.sub<T>(gapR, sideR);
      const v3 = v128.sub<T>(gapI, sideI);
      v128.store(br + 3 * step, Turned.real<T>(u3, v3, c3, d3));
      v128.store(bi + 3 * step, Turned.imaginary<T>(u3, v3, c3, d3));
      ar += 16;
      ai += 16;
      br += 16;
      bi += 16;
    }
  }
}

/** The first stage of a row by itself, radix 4: s is 1, vectors run over p, and m is a multiple of their lanes. */
export function stageFirst<T extends number>(xr: usize, xi: usize, yr: usize, yi: usize, m: i32, roots: Roots): void {
  const quarter = Lane.bytes<T>(m);
  const sign = Lane.splat<T>(roots.sign);
  for (let p = 0; p < m; p += Lane.count<T>()) {
    const at = Lane.bytes<T>(p);
    const r0 = v128.load(xr + at);
    const i0 = v128.load(xi + at);
    const r1 = v128.load(xr + at + quarter);
    const i1 = v128.load(xi + at + quarter);
    const r2 = v128.load(xr + at + 2 * quarter);
    const i2 = v128.load(xi + at + 2 * quarter);
    const r3 = v128.load(xr + at + 3 * quarter);
    const i3 = v128.load(xi + at + 3 * quarter);
    const sumR = v128.add<T>(r0, r2);
    const sumI = v128.add<T>(i0, i2);
    const gapR = v128.sub<T>(r0, r2);
    const gapI = v128.sub<T>(i0, i2);
    const otherR = v128.add<T>(r1, r3);
    const otherI = v128.add<T>(i1, i3);
    const sideR = v128.mul<T>(sign, v128.sub<T>(i1, i3));
    const sideI = v128.mul<T>(sign, v128.sub<T>(r3, r1));
    const c1 = v128.load(roots.real + at);
    const d1 = v128.mul<T>(sign, v128.load(roots.imaginary + at));
    const c2 = everyRoot<T>(roots.real, p, 2);
    const d2 = v128.mul<T>(sign, everyRoot<T>(roots.imaginary, p, 2));
    const c3 = everyRoot<T>(roots.real, p, 3);
    const d3 = v128.mul<T>(sign, everyRoot<T>(roots.imaginary, p, 3));
    const u1 = v128.add<T>(gapR, sideR);
    const v1 = v128.add<T>(gapI, sideI);
    const u2 = v128.sub<T>(sumR, otherR);
    const v2 = v128.sub<T>(sumI, otherI);
    const u3 = v128.sub<T>(gapR, sideR);
    const v3 = v128.sub<T>(gapI, sideI);
    storeTurnedOver<T>(
      yr + 4 * at,
      v128.add<T>(sumR, otherR),
      Turned.real<T>(u1, v1, c1, d1),
      Turned.real<T>(u2, v2, c2, d2),
      Turned.real<T>(u3, v3, c3, d3),
    );
    storeTurnedOver<T>(
      yi + 4 * at,
      v128.add<T>(sumI, otherI),
      Turned.imaginary<T>(u1, v1, c1, d1),
      Turned.imaginary<T>(u2, v2, c2, d2),
      Turned.imaginary<T>(u3, v3, c3, d3),
    );
  }
}

/** Elements k p, k (p + 1), … of a table. */
function everyRoot<T extends number>(table: usize, p: i32, k: i32): v128 {
  const at = table + Lane.bytes<T>(k * p);
  const step = Lane.bytes<T>(k);
  if (sizeof<T>() == 8) {
    return f64x2.replace_lane(f64x2.splat(load<f64>(at)), 1, load<f64>(at + step));
  }
  let all = f32x4.splat(load<f32>(at));
  all = f32x4.replace_lane(all, 1, load<f32>(at + step));
  all = f32x4.replace_lane(all, 2, load<f32>(at + 2 * step));
  return f32x4.replace_lane(all, 3, load<f32>(at + 3 * step));
}

/** Lane j of four vectors becomes four neighbours, one lane's after another's. */
function storeTurnedOver<T extends number>(to: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  if (sizeof<T>() == 8) {
    v128.store(to, v128.shuffle<i64>(x0, x1, 0, 2));
    v128.store(to, v128.shuffle<i64>(x2, x3, 0, 2), 16);
    v128.store(to, v128.shuffle<i64>(x0, x1, 1, 3), 32);
    v128.store(to, v128.shuffle<i64>(x2, x3, 1, 3), 48);
    return;
  }
  const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3), 48);
}

/** Radix 2 over whole vectors. */
export function stageTwo<T extends number>(
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  w: i32,
  roots: Roots,
): void {
  const half = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    const c = Turned.c<T>(roots, p * w);
    const d = Turned.d<T>(roots, p * w);
    for (let q: usize = 0; q < step; q += 16) {
      const r0 = v128.load(xr + t + q);
      const i0 = v128.load(xi + t + q);
      const r1 = v128.load(xr + t + q + half);
      const i1 = v128.load(xi + t + q + half);
      v128.store(yr + 2 * t + q, v128.add<T>(r0, r1));
      v128.store(yi + 2 * t + q, v128.add<T>(i0, i1));
      const u = v128.sub<T>(r0, r1);
      const v = v128.sub<T>(i0, i1);
      v128.store(yr + 2 * t + q + step, Turned.real<T>(u, v, c, d));
      v128.store(yi + 2 * t + q + step, Turned.imaginary<T>(u, v, c, d));
    }
  }
}

/** Radix 3. */
export function stageThree<T extends number>(
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  w: i32,
  roots: Roots,
): void {
  const third = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  const half = Lane.splat<T>(-0.5);
  // sin(2π / 3), with the sign of the exponent.
  const height = Lane.splat<T>(roots.sign * 0.8660254037844386);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    const c1 = Turned.c<T>(roots, p * w);
    const d1 = Turned.d<T>(roots, p * w);
    const c2 = Turned.c<T>(roots, 2 * p * w);
    const d2 = Turned.d<T>(roots, 2 * p * w);
    for (let q: usize = 0; q < step; q += 16) {
      const from = t + q;
      const to = t * 3 + q;
      const r0 = v128.load(xr + from);
      const i0 = v128.load(xi + from);
      const r1 = v128.load(xr + from + third);
      const i1 = v128.load(xi + from + third);
      const r2 = v128.load(xr + from + 2 * third);
      const i2 = v128.load(xi + from + 2 * third);
      const sumR = v128.add<T>(r1, r2);
      const sumI = v128.add<T>(i1, i2);
      const middleR = Tile.madd<T>(half, sumR, r0);
      const middleI = Tile.madd<T>(half, sumI, i0);
      const sideR = v128.mul<T>(height, v128.sub<T>(i1, i2));
      const sideI = v128.mul<T>(height, v128.sub<T>(r2, r1));
      v128.store(yr + to, v128.add<T>(r0, sumR));
      v128.store(yi + to, v128.add<T>(i0, sumI));
      const u1 = v128.add<T>(middleR, sideR);
      const v1 = v128.add<T>(middleI, sideI);
      v128.store(yr + to + step, Turned.real<T>(u1, v1, c1, d1));
      v128.store(yi + to + step, Turned.imaginary<T>(u1, v1, c1, d1));
      const u2 = v128.sub<T>(middleR, sideR);
      const v2 = v128.sub<T>(middleI, sideI);
      v128.store(yr + to + 2 * step, Turned.real<T>(u2, v2, c2, d2));
      v128.store(yi + to + 2 * step, Turned.imaginary<T>(u2, v2, c2, d2));
    }
  }
}

/** Radix 5. */
export function stageFive<T extends number>(
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  w: i32,
  roots: Roots,
): void {
  const fifth = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  // cos and sin of 2π / 5 and 4π / 5, sines with the sign of the exponent.
  const cosine1 = Lane.splat<T>(0.30901699437494745);
  const cosine2 = Lane.splat<T>(-0.8090169943749475);
  const sine1 = Lane.splat<T>(roots.sign * 0.9510565162951535);
  const sine2 = Lane.splat<T>(roots.sign * 0.5877852522924731);
  const minus1 = v128.neg<T>(sine1);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    for (let q: usize = 0; q < step; q += 16) {
      const from = t + q;
      const to = t * 5 + q;
      const r0 = v128.load(xr + from);
      const i0 = v128.load(xi + from);
      let x = v128.load(xr + from + fifth);
      let y = v128.load(xr + from + 4 * fifth);
      const outerR = v128.add<T>(x, y);
      const outerGapR = v128.sub<T>(x, y);
      x = v128.load(xi + from + fifth);
      y = v128.load(xi + from + 4 * fifth);
      const outerI = v128.add<T>(x, y);
      const outerGapI = v128.sub<T>(x, y);
      x = v128.load(xr + from + 2 * fifth);
      y = v128.load(xr + from + 3 * fifth);
      const innerR = v128.add<T>(x, y);
      const innerGapR = v128.sub<T>(x, y);
      x = v128.load(xi + from + 2 * fifth);
      y = v128.load(xi + from + 3 * fifth);
      const innerI = v128.add<T>(x, y);
      const innerGapI = v128.sub<T>(x, y);
      v128.store(yr + to, v128.add<T>(r0, v128.add<T>(outerR, innerR)));
      v128.store(yi + to, v128.add<T>(i0, v128.add<T>(outerI, innerI)));
      let middleR = Tile.madd<T>(cosine2, innerR, Tile.madd<T>(cosine1, outerR, r0));
      let middleI = Tile.madd<T>(cosine2, innerI, Tile.madd<T>(cosine1, outerI, i0));
      // ∓i times the sines.
      let sideR = Tile.madd<T>(sine2, innerGapI, v128.mul<T>(sine1, outerGapI));
      let sideI = v128.neg<T>(Tile.madd<T>(sine2, innerGapR, v128.mul<T>(sine1, outerGapR)));
      storePair<T>(yr + to, yi + to, step, 1, 4, middleR, middleI, sideR, sideI, p * w, roots);
      middleR = Tile.madd<T>(cosine1, innerR, Tile.madd<T>(cosine2, outerR, r0));
      middleI = Tile.madd<T>(cosine1, innerI, Tile.madd<T>(cosine2, outerI, i0));
      sideR = Tile.madd<T>(minus1, innerGapI, v128.mul<T>(sine2, outerGapI));
      sideI = v128.neg<T>(Tile.madd<T>(minus1, innerGapR, v128.mul<T>(sine2, outerGapR)));
      storePair<T>(yr + to, yi + to, step, 2, 3, middleR, middleI, sideR, sideI, p * w, roots);
    }
  }
}

/** Results u and v = r - u of a butterfly: middle ± side, each turned by its root. */
function storePair<T extends number>(
  yr: usize,
  yi: usize,
  step: usize,
  u: i32,
  v: i32,
  middleR: v128,
  middleI: v128,
  sideR: v128,
  sideI: v128,
  turn: i32,
  roots: Roots,
): void {
  const aR = v128.add<T>(middleR, sideR);
  const aI = v128.add<T>(middleI, sideI);
  const bR = v128.sub<T>(middleR, sideR);
  const bI = v128.sub<T>(middleI, sideI);
  const c = Turned.c<T>(roots, u * turn);
  const d = Turned.d<T>(roots, u * turn);
  const e = Turned.c<T>(roots, v * turn);
  const f = Turned.d<T>(roots, v * turn);
  const first = (u as usize) * step;
  const second = (v as usize) * step;
  v128.store(yr + first, Turned.real<T>(aR, aI, c, d));
  v128.store(yi + first, Turned.imaginary<T>(aR, aI, c, d));
  v128.store(yr + second, Turned.real<T>(bR, bI, e, f));
  v128.store(yi + second, Turned.imaginary<T>(bR, bI, e, f));
}

/** An odd radix r: pairs of elements k and r - k, whose sums go with cosines and whose differences with sines. `work`: 64 r bytes. */
export function stageOdd<T extends number>(
  r: i32,
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  w: i32,
  roots: Roots,
  work: usize,
): void {
  const part = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  const half = (r - 1) >> 1;
  const turn = roots.n / r;
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    for (let q: usize = 0; q < step; q += 16) {
      const from = t + q;
      const to = (r as usize) * t + q;
      const r0 = v128.load(xr + from);
      const i0 = v128.load(xi + from);
      let totalR = r0;
      let totalI = i0;
      for (let k = 1; k <= half; k++) {
        const at = work + ((k as usize) << 6);
        const one = from + (k as usize) * part;
        const two = from + ((r - k) as usize) * part;
        const aR = v128.load(xr + one);
        const bR = v128.load(xr + two);
        const aI = v128.load(xi + one);
        const bI = v128.load(xi + two);
        const sumR = v128.add<T>(aR, bR);
        const sumI = v128.add<T>(aI, bI);
        totalR = v128.add<T>(totalR, sumR);
        totalI = v128.add<T>(totalI, sumI);
        v128.store(at, sumR);
        v128.store(at, sumI, 16);
        v128.store(at, v128.sub<T>(aR, bR), 32);
        v128.store(at, v128.sub<T>(aI, bI), 48);
      }
      v128.store(yr + to, totalR);
      v128.store(yi + to, totalI);
      for (let u = 1; u <= half; u++) {
        let middleR = r0;
        let middleI = i0;
        let sideR = i32x4.splat(0);
        let sideI = sideR;
        let index = 0;
        for (let k = 1; k <= half; k++) {
          index += u;
          if (index >= r) index -= r;
          const at = work + ((k as usize) << 6);
          const c = Turned.c<T>(roots, index * turn);
          const d = Turned.d<T>(roots, index * turn);
          middleR = Tile.madd<T>(c, v128.load(at), middleR);
          middleI = Tile.madd<T>(c, v128.load(at, 16), middleI);
          // i d times the difference.
          sideR = Tile.madd<T>(d, v128.load(at, 48), sideR);
          sideI = Tile.madd<T>(d, v128.load(at, 32), sideI);
        }
        storePair<T>(yr + to, yi + to, step, u, r - u, middleR, middleI, v128.neg<T>(sideR), sideI, p * w, roots);
      }
    }
  }
}
