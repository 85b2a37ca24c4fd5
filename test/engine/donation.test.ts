// Arguments given away to a compiled function: results are written over them where nobody can tell, and nowhere else.
// Read next: bindings/engine/compile/jit.ts, bindings/graph/in-place.ts.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { defaultEngine, init } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { WasmStorage } from "../../bindings/backends/wasm/storage.ts";

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off", threads: 1 });
  athanor.memoryGuards(true);
});

afterEach(() => {
  expect(athanor.checkGuards()).toBe(0);
});

const count = 1000;
const numbers = (seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * 37 + seed) % 101) - 50);

/** A tensor in the CPU's memory, and where it lies. */
function stored(data: Float32Array, shape: readonly number[] = [data.length]): Tensor {
  const made = athanor.tensor(data, { shape });
  const own = athanor.add(made, 0);
  own.dataSync();
  made.dispose();
  return own;
}

function placeOf(tensor: Tensor): number {
  const copy = defaultEngine().valueOf(tensor, "test").copies.get("wasm");
  if (!(copy instanceof WasmStorage)) throw new Error("not in the CPU's memory");
  return copy.pointer;
}

describe("arguments given away", () => {
  test("an update lies where the parameter was", () => {
    const update = athanor.jit((p: Tensor, g: Tensor) => [athanor.sub(p, athanor.mul(g, 0.5))] as const, {
      donate: [0],
    });
    let p = stored(numbers(1));
    const g = stored(numbers(2));
    const place = placeOf(p);
    for (let step = 0; step < 3; step++) [p] = update(p, g);
    expect(placeOf(p)).toBe(place);
    expect([...p.dataSync()]).toEqual([...numbers(1)].map((value, i) => value - 1.5 * (numbers(2)[i] ?? 0)));
    update.dispose();
    for (const tensor of [p, g]) tensor.dispose();
  });

  test("three results of one loop over three operands stay in place, and the peak does not grow", () => {
    const step = athanor.jit(
      (p: Tensor, m: Tensor, v: Tensor, g: Tensor) => {
        const nextM = athanor.add(athanor.mul(m, 0.5), g);
        const nextV = athanor.add(athanor.mul(v, 0.25), athanor.square(g));
        return [athanor.sub(p, athanor.div(nextM, athanor.add(athanor.sqrt(nextV), 1))), nextM, nextV] as const;
      },
      { donate: [0, 1, 2] },
    );
    const g = stored(numbers(4));
    let state: readonly [Tensor, Tensor, Tensor] = [
      stored(numbers(1)),
      stored(numbers(2)),
      stored(numbers(3).map(Math.abs)),
    ];
    const places = state.map(placeOf);
    state = step(...state, g);
    const before = athanor.memory().wasm?.inUse;
    state = step(...state, g);
    expect(state.map(placeOf)).toEqual(places);
    expect(athanor.memory().wasm?.inUse).toBe(before);
    step.dispose();
    for (const tensor of [...state, g]) tensor.dispose();
  });

  test("a matmul's update goes over the parameter although the product is made apart", () => {
    const x = stored(numbers(1).slice(0, 400), [20, 20]);
    const run = (w: Tensor): readonly [Tensor] => [athanor.sub(w, athanor.mul(athanor.matmul(x, x), 0.25))];
    const plain = run(x)[0].dataSync();
    const update = athanor.jit(run, { donate: [0] });
    const w = stored(numbers(1).slice(0, 400), [20, 20]);
    const place = placeOf(w);
    const [next] = update(w);
    expect(placeOf(next)).toBe(place);
    expect(next.dataSync()).toEqual(plain);
    update.dispose();
    for (const tensor of [next, x]) tensor.dispose();
  });

  test("an operand that is read again later is not overwritten before", () => {
    const f = athanor.jit(
      (p: Tensor) => {
        const q = athanor.add(p, 1);
        return [q, athanor.mul(p, athanor.sum(q))] as const;
      },
      { donate: [0] },
    );
    const [q, r] = f(stored(Float32Array.of(1, 2, 3)));
    expect([...q.dataSync()]).toEqual([2, 3, 4]);
    expect([...r.dataSync()]).toEqual([9, 18, 27]);
    for (const tensor of [q, r]) tensor.dispose();
    f.dispose();
  });

  test("elements that move are not overwritten: transposed, reversed, shifted, repeated", () => {
    const movers: readonly ((x: Tensor) => Tensor)[] = [
      (x) => athanor.add(athanor.transpose(x), x),
      (x) => athanor.add(athanor.flip(x, 0), x),
      (x) => athanor.add(athanor.roll(x, 1, 0), x),
      (x) => athanor.add(athanor.slice(x, [0, 0], [1, 4]), x),
    ];
    const data = Float32Array.from({ length: 16 }, (_, i) => i * i);
    for (const move of movers) {
      const kept = stored(data, [4, 4]);
      const expected = move(kept).dataSync();
      const f = athanor.jit((x: Tensor) => [move(x)] as const, { donate: [0] });
      const [moved] = f(stored(data, [4, 4]));
      expect(moved.dataSync()).toEqual(expected);
      for (const tensor of [kept, moved]) tensor.dispose();
      f.dispose();
    }
  });

  test("the same tensor twice, given twice or only once", () => {
    for (const donate of [[0], [1], [0, 1]]) {
      const f = athanor.jit((a: Tensor, b: Tensor) => [athanor.add(a, 1), athanor.mul(b, 2)] as const, { donate });
      const p = stored(Float32Array.of(1, 2, 3));
      const [q, r] = f(p, p);
      expect([...q.dataSync()]).toEqual([2, 3, 4]);
      expect([...r.dataSync()]).toEqual([2, 4, 6]);
      for (const tensor of [q, r]) tensor.dispose();
      f.dispose();
    }
  });

  test("a tensor that something recorded before still needs, or that shares memory with a view, is left alone", () => {
    const f = athanor.jit((a: Tensor) => [athanor.add(a, 1)] as const, { donate: [0] });
    const p = stored(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const pending = athanor.mul(p, 10);
    const [q] = f(p);
    expect([...pending.dataSync()]).toEqual([10, 20, 30, 40]);
    const view = athanor.reshape(q, [4]);
    view.dataSync();
    const [r] = f(q);
    expect([...view.dataSync()]).toEqual([2, 3, 4, 5]);
    expect([...r.dataSync()]).toEqual([3, 4, 5, 6]);
    for (const tensor of [pending, view, r]) tensor.dispose();
    f.dispose();
  });

  test("a tensor the function returns as it is, or has captured, keeps its values", () => {
    const echo = athanor.jit((a: Tensor) => [a, athanor.add(a, 1)] as const, { donate: [0] });
    const [same, next] = echo(stored(Float32Array.of(1, 2)));
    expect([...same.dataSync()]).toEqual([1, 2]);
    expect([...next.dataSync()]).toEqual([2, 3]);
    const held = stored(Float32Array.of(5, 6));
    const captures = athanor.jit((a: Tensor) => [athanor.add(athanor.mul(a, 2), held)] as const, { donate: [0] });
    const [first] = captures(stored(Float32Array.of(1, 1)));
    const [second] = captures(held);
    expect([...first.dataSync()]).toEqual([7, 8]);
    expect([...second.dataSync()]).toEqual([15, 18]);
    for (const tensor of [same, next, first, second]) tensor.dispose();
    for (const f of [echo, captures]) f.dispose();
  });

  test("a run that fails leaves what it was given as it was", () => {
    const f = athanor.jit((a: Tensor) => [athanor.add(a, 1), athanor.linalg.cholesky(a)] as const, { donate: [0] });
    const p = stored(Float32Array.of(1, 2, 2, 1), [2, 2]);
    expect(() => f(p)).toThrow("cholesky");
    expect([...p.dataSync()]).toEqual([1, 2, 2, 1]);
    p.dispose();
    f.dispose();
  });

  test("another type, another size and nothing at all need memory of their own", () => {
    const f = athanor.jit(
      (a: Tensor, none: Tensor) => [athanor.cast(a, "i32"), athanor.sum(a), athanor.add(none, 1)] as const,
      { donate: [0, 1] },
    );
    const results = f(stored(Float32Array.of(1, 2, 3)), stored(new Float32Array(0)));
    expect(results.map((result) => [...result.dataSync()])).toEqual([[1, 2, 3], [6], []]);
    for (const tensor of results) tensor.dispose();
    f.dispose();
  });
});
