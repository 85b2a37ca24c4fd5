// Weights that a kernel keeps in a form of its own (filters, transformed or packed, matrices): made when they are met again,
// shared by all programs, the same bits as without, gone when the weights are written over or let go, or for others.
// Read next: ../../bindings/backends/forms.ts, assembly/convolution/winograd.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { Forms } from "../../bindings/backends/forms.ts";
import type { OwnForms } from "../../bindings/backends/forms.ts";
import { WasmStorage } from "../../bindings/backends/wasm/storage.ts";
import { createEngine, useEngine } from "../../bindings/engine/default.ts";
import type { Engine } from "../../bindings/engine/engine.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";

let engine: Engine;
let threaded: Engine;

beforeAll(async () => {
  engine = createEngine({ threads: 1, webgpu: "off", tune: "off" });
  threaded = createEngine({ threads: 3, webgpu: "off", tune: "off" });
  for (const one of [engine, threaded]) await one.ready();
  const wasm = threaded.backends.get("wasm");
  if (!(wasm instanceof WasmBackend)) throw new Error("there is no CPU backend");
  await wasm.threads?.joined();
  wasm.shareFrom = 0;
  useEngine(engine);
  athanor.memoryGuards(true);
});

afterAll(async () => {
  expect(athanor.checkGuards()).toBe(0);
  useEngine(undefined);
  for (const one of [engine, threaded]) await one.shutdown();
});

/** A tensor in the CPU's memory. */
function stored(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = Float32Array.from({ length: size }, (_, i) => (((i * 37 + seed * 11) % 101) - 50) / 64);
  const made = athanor.tensor(data, { shape });
  const own = athanor.add(made, 0);
  own.dataSync();
  made.dispose();
  return own;
}

const live = (): number => athanor.memory().wasm?.inUse ?? -1;
const convolve = (x: Tensor, w: Tensor): Tensor => athanor.conv2d(x, w, { padding: 1 });

/** The numbers of a result, which is let go. */
function taken(result: Tensor): number[] {
  const data = [...result.dataSync()];
  result.dispose();
  return data;
}

/** The result for weights that no program has met. */
function once(x: Tensor, w: Tensor): number[] {
  const copy = athanor.tensor(w.dataSync(), { shape: w.shape });
  const data = taken(convolve(x, copy));
  copy.dispose();
  return data;
}

function placeOf(tensor: Tensor): number {
  const copy = engine.valueOf(tensor, "test").copies.get("wasm");
  if (!(copy instanceof WasmStorage)) throw new Error("not in the CPU's memory");
  return copy.pointer;
}

describe("prepared weights", () => {
  /** Channels read and written, images: groups that are whole and not, one block of tiles and several. */
  test.each([
    [16, 20, 1],
    [64, 24, 1],
    [132, 36, 1],
    [256, 44, 1],
    [64, 72, 6],
    [20, 64, 6],
  ])("%i to %i channels, %i images: the same bits, made at the second run", (c, o, n) => {
    const x = stored([n, 13, 14, c], 1);
    const w = stored([3, 3, c, o], 2);
    const f = athanor.jit(convolve);
    const before = live();
    const first = taken(f(x, w));
    expect(live()).toBe(before);
    const second = taken(f(x, w));
    const values = c < 64 ? 24 : 36;
    expect(live() - before).toBeGreaterThanOrEqual(values * c * o * 4);
    const prepared = live();
    for (let run = 0; run < 20; run++) expect(taken(f(x, w))).toEqual(first);
    expect(second).toEqual(first);
    expect(live()).toBe(prepared);
    f.dispose();
    for (const tensor of [x, w]) tensor.dispose();
    expect(live()).toBe(before - 4 * (n * 13 * 14 * c + 9 * c * o));
  });

  /** Filter, channels read, options: depths of one block and several, groups, results that fill panels and not. */
  test.each([
    [[3, 3, 64, 24], 64, { stride: 2, padding: 1 }],
    [[5, 5, 6, 13], 6, {}],
    [[3, 3, 40, 36], 160, { groups: 4 }],
    [[1, 1, 32, 16], 32, { stride: 2 }],
    [[3, 2, 9, 1], 9, { dilation: 2, strict: true }],
  ] as const)("packed filters %j of %i channels, %j", (shape, c, options) => {
    const x = stored([2, 9, 8, c], 1);
    const w = stored(shape, 2);
    const f = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, b, options));
    const before = live();
    const first = taken(f(x, w));
    expect(live()).toBe(before);
    for (let run = 0; run < 3; run++) expect(taken(f(x, w))).toEqual(first);
    expect(live() - before).toBeGreaterThanOrEqual(4 * shape[0] * shape[1] * shape[2] * shape[3]);
    useEngine(threaded);
    const copies = [x, w].map((tensor, index) => stored(tensor.shape, index + 1));
    const g = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, b, options));
    for (let run = 0; run < 3; run++) expect(taken(g(...(copies as [Tensor, Tensor])))).toEqual(first);
    for (const held of [g, ...copies]) held.dispose();
    useEngine(engine);
    f.dispose();
    for (const tensor of [x, w]) tensor.dispose();
  });

  /** m, k, n: rows read in place and packed, several depths and blocks of columns, columns that fill no panel. */
  test.each([
    [9, 65, 70],
    [5, 70, 70],
    [61, 300, 67],
    [130, 64, 1100],
    [40, 520, 33],
  ])("packed matrices %i × %i × %i", (m, k, n) => {
    for (const transposeB of [false, true]) {
      for (const dtype of ["f32", "f64"] as const) {
        if (transposeB && m < 17) continue;
        const product = (a: Tensor, b: Tensor): Tensor => athanor.matmul(a, b, { transposeB });
        const run = (): number[] => {
          const given = (shape: readonly number[], seed: number): Tensor =>
            athanor.scope(() => athanor.add(athanor.cast(stored(shape, seed), dtype), 0));
          const [x, w] = [given([m, k], 1), given(transposeB ? [n, k] : [k, n], 2)];
          for (const tensor of [x, w]) tensor.dataSync();
          const f = athanor.jit(product);
          const [before, prepared] = [live(), athanor.memory().wasm?.prepared ?? -1];
          const first = taken(f(x, w));
          expect(live()).toBe(before);
          for (let again = 0; again < 3; again++) expect(taken(f(x, w))).toEqual(first);
          const bytes = 8 * Math.ceil(n / 8) * k * (dtype === "f32" ? 4 : 8);
          expect(live() - before).toBe(bytes);
          expect((athanor.memory().wasm?.prepared ?? -1) - prepared).toBe(bytes);
          for (const held of [f, x, w]) held.dispose();
          expect(athanor.memory().wasm?.prepared).toBe(prepared);
          return first;
        };
        const expected = run();
        useEngine(threaded);
        expect(run()).toEqual(expected);
        useEngine(engine);
      }
    }
  });

  test.each([
    [
      [2, 9, 8, 40],
      [1, 1, 40, 130],
    ],
    [
      [1, 7, 7, 300],
      [1, 1, 300, 36],
    ],
  ] as const)("pointwise filters: images %j by %j", (images, shape) => {
    const [x, w] = [stored(images, 1), stored(shape, 2)];
    const f = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, b));
    const before = live();
    const first = taken(f(x, w));
    for (let run = 0; run < 3; run++) expect(taken(f(x, w))).toEqual(first);
    expect(live() - before).toBe(4 * shape[2] * 8 * Math.ceil(shape[3] / 8));
    for (const held of [f, x, w]) held.dispose();
  });

  test("matrices that stay apart: of products in streams, small ones, ones that a batch does not share", () => {
    const before = live();
    athanor.scope(() => {
      const pairs = [
        [stored([4, 300], 1), stored([300, 200], 2)],
        [stored([40, 60], 1), stored([60, 60], 2)],
        [stored([3, 40, 100], 1), stored([3, 100, 100], 2)],
        [stored([1, 300], 1), stored([300, 200], 2)],
      ] as const;
      const own = live();
      for (let run = 0; run < 3; run++) for (const [x, w] of pairs) taken(athanor.matmul(x, w));
      expect(live()).toBe(own);
    });
    expect(live()).toBe(before);
  });

  test("one form for programs of all image sizes", () => {
    const w = stored([3, 3, 32, 32], 3);
    const images = [stored([1, 12, 12, 32], 4), stored([2, 17, 9, 32], 5)];
    for (const x of images) taken(convolve(x, w));
    const before = live();
    for (let run = 0; run < 3; run++) for (const x of images) expect(taken(convolve(x, w))).toEqual(once(x, w));
    expect(live()).toBe(before);
    for (const tensor of [...images, w]) tensor.dispose();
  });

  test("weights that take turns, and new ones where old ones lay", () => {
    const x = stored([1, 12, 12, 32], 4);
    const f = athanor.jit(convolve);
    const [a, b] = [stored([3, 3, 32, 32], 5), stored([3, 3, 32, 32], 6)];
    const expected = [once(x, a), once(x, b)];
    for (const turn of [0, 0, 0, 1, 0, 1, 1, 0, 1]) expect(taken(f(x, turn === 0 ? a : b))).toEqual(expected[turn]);
    const place = placeOf(b);
    b.dispose();
    let [again, met] = [stored([3, 3, 32, 32], 7), 0];
    for (let run = 0; run < 8; run++) {
      if (placeOf(again) === place) met++;
      expect(taken(f(x, again))).toEqual(once(x, again));
      again.dispose();
      again = stored([3, 3, 32, 32], 8 + run);
    }
    expect(met).toBeGreaterThan(0);
    f.dispose();
    for (const tensor of [x, a, again]) tensor.dispose();
  });

  test("weights updated in place: before, and by the program that reads them", () => {
    const x = stored([1, 12, 12, 32], 4);
    const f = athanor.jit(convolve);
    const update = athanor.jit((w: Tensor) => [athanor.sub(w, athanor.mul(w, 0.25))] as const, { donate: [0] });
    const step = athanor.jit(
      (w: Tensor, images: Tensor) => [athanor.mul(w, 0.5), athanor.sum(convolve(images, w))] as const,
      { donate: [0] },
    );
    let w = stored([3, 3, 32, 32], 9);
    const place = placeOf(w);
    let before = -1;
    for (let round = 0; round < 4; round++) {
      const expected = once(x, w);
      for (let run = 0; run < 3; run++) expect(taken(f(x, w))).toEqual(expected);
      const sum = athanor.scope(() => taken(athanor.sum(convolve(x, w))));
      const [halved, total] = step(w, x);
      expect(taken(total)).toEqual(sum);
      expect(taken(f(x, halved))).toEqual(once(x, halved));
      expect(taken(f(x, halved))).toEqual(once(x, halved));
      [w] = update(halved);
      expect(placeOf(w)).toBe(place);
      if (round === 0) before = live();
      else expect(live()).toBe(before);
    }
    for (const compiled of [f, update, step]) compiled.dispose();
    for (const tensor of [x, w]) tensor.dispose();
  });

  test("a step of training differentiates through weights that change, and a loss is measured between", () => {
    const x = stored([1, 12, 12, 32], 4);
    const loss = (w: Tensor): Tensor => athanor.mean(athanor.square(convolve(x, w)));
    const descend = (w: Tensor): readonly [Tensor] => [athanor.sub(w, athanor.mul(athanor.grad(loss)(w), 2))];
    const step = athanor.jit(descend, { donate: [0] });
    const measured = athanor.jit(loss);
    let [w, plain] = [stored([3, 3, 32, 16], 9), stored([3, 3, 32, 16], 9)];
    for (let round = 0; round < 4; round++) {
      [w] = step(w);
      const [next] = descend(plain);
      const data = next.dataSync();
      for (const tensor of [plain, next]) tensor.dispose();
      plain = athanor.tensor(data, { shape: [3, 3, 32, 16] });
      const expected = taken(loss(plain));
      for (let run = 0; run < 3; run++) expect(taken(measured(w))).toEqual(expected);
      expect([...w.dataSync()]).toEqual([...plain.dataSync()]);
    }
    for (const compiled of [step, measured]) compiled.dispose();
    for (const tensor of [x, w, plain]) tensor.dispose();
  });

  test("weights that a program computes itself, and a part of larger ones", () => {
    const x = stored([1, 12, 12, 32], 4);
    const w = stored([2, 3, 3, 32, 32], 10);
    const halves = athanor.jit((images: Tensor, all: Tensor) => [
      convolve(images, all.slice([0], [1]).reshape([3, 3, 32, 32])),
      convolve(images, all.slice([1], [2]).reshape([3, 3, 32, 32])),
      convolve(images, athanor.mul(all.slice([1], [2]).reshape([3, 3, 32, 32]), 2)),
    ]);
    const first = halves(x, w).map(taken);
    expect(first[0]).not.toEqual(first[1]);
    expect(first[2]).toEqual(first[1]?.map((value) => 2 * value));
    for (let run = 0; run < 3; run++) expect(halves(x, w).map(taken)).toEqual(first);
    halves.dispose();
    for (const tensor of [x, w]) tensor.dispose();
  });

  test("three threads give the bits of one", () => {
    const run = (): number[][] => {
      const [x, w] = [stored([2, 13, 14, 64], 1), stored([3, 3, 64, 84], 2)];
      const results = [0, 1, 2, 3].map(() => taken(convolve(x, w)));
      for (const tensor of [x, w]) tensor.dispose();
      return results;
    };
    const expected = run();
    useEngine(threaded);
    const shared = run();
    useEngine(engine);
    expect(shared).toEqual(expected);
    expect(new Set(shared.map((numbers) => numbers.join())).size).toBe(1);
  });
});

describe("what all forms take", () => {
  const none = (): OwnForms<number> => new Map();
  const forms = (
    limit: number,
  ): { forms: Forms<number>; find: (own: OwnForms<number>, bytes: number) => number; made: number[] } => {
    const wasm = engine.backends.get("wasm");
    if (!(wasm instanceof WasmBackend)) throw new Error("there is no CPU backend");
    const all = new Forms(wasm.heap, limit);
    const made: number[] = [];
    return {
      forms: all,
      made,
      find: (own, bytes) => all.find(own, "form", bytes, (pointer) => made.push(pointer)) ?? 0,
    };
  };

  test("is bounded: the one that is unused for longest goes first", () => {
    const before = live();
    const { forms: all, find, made } = forms(1000);
    const [a, b, c] = [none(), none(), none()];
    for (const own of [a, b, c]) expect(find(own, 400)).toBe(0);
    for (const own of [a, b]) {
      all.beginRun();
      expect(find(own, 400)).toBeGreaterThan(0);
    }
    all.beginRun();
    const place = find(a, 400);
    expect(made.length).toBe(2);
    expect(all.bytes).toBe(800);
    all.beginRun();
    expect(find(c, 400)).toBeGreaterThan(0);
    expect(all.bytes).toBe(800);
    all.beginRun();
    expect(find(a, 400)).toBe(place);
    // It is asked for anew.
    expect([find(b, 400), find(b, 400)].map(Boolean)).toEqual([false, true]);
    expect(made.length).toBe(4);
    expect(live() - before).toBe(800);
    for (const own of [a, b, c]) all.drop(own);
    expect(all.bytes).toBe(0);
    expect(live()).toBe(before);
  });

  test("takes nothing from the run that goes on, and nothing that is larger than all", () => {
    const { forms: all, find } = forms(1000);
    const [a, b] = [none(), none()];
    for (const own of [a, b]) find(own, 600);
    all.beginRun();
    expect(find(a, 600)).toBeGreaterThan(0);
    expect(find(b, 600)).toBe(0);
    all.beginRun();
    expect(find(b, 600)).toBeGreaterThan(0);
    expect(all.bytes).toBe(600);
    const large = none();
    expect([find(large, 1001), find(large, 1001)]).toEqual([0, 0]);
    expect(all.bytes).toBe(600);
    for (const own of [a, b]) all.drop(own);
  });
});
