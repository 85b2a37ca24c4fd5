// Calls of compiled functions that are like the one before and calls that are not: what is a new trace, what is passed on, what a
// result is put together from, and that a plan is made once wherever inputs lie.
// Read next: bindings/engine/compile/signature.ts, jit.ts, jit-plans.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { init, jit, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";

beforeAll(() => init({ threads: 1, webgpu: "off", tune: "off" }));
afterAll(() => shutdown());

/** The tensors of a tree, numbers among them, as the digits of one. */
function total(tree: unknown): Tensor {
  const terms: Tensor[] = [];
  const visit = (item: unknown): void => {
    if (typeof item !== "object" || item === null) return;
    else if ("recorder" in item) terms.push(item as Tensor);
    else for (const own of Object.values(item)) visit(own);
  };
  visit(tree);
  const [first, ...rest] = terms;
  return rest.reduce((sum, term) => sum.mul(10).add(term), first!);
}

const of = (value: number): Tensor => tensor([value]);

class Pair {
  readonly left: Tensor;
  readonly right: Tensor;
  constructor(left: Tensor, right: Tensor) {
    this.left = left;
    this.right = right;
  }
}

describe("calls", () => {
  // Every row's second call is unlike its first in one respect, and the third is like the first again.
  const pairs: readonly (readonly [
    name: string,
    one: () => unknown,
    other: () => unknown,
    results: [number, number],
  ])[] = [
    ["another length", () => [of(1), of(2)], () => [of(1), of(2), of(3)], [12, 123]],
    ["fewer in a list", () => [[of(1), of(2)], of(3)], () => [[of(1)], of(3)], [123, 13]],
    ["keys the other way round", () => ({ a: of(1), b: of(2) }), () => ({ b: of(2), a: of(1) }), [12, 21]],
    ["a key more", () => ({ a: of(1) }), () => ({ a: of(1), b: of(2) }), [1, 12]],
    ["a key less", () => ({ a: of(1), b: of(2) }), () => ({ a: of(1) }), [12, 1]],
    ["other keys", () => ({ a: of(1) }), () => ({ c: of(1) }), [1, 1]],
    ["a number for a tensor", () => [of(4), of(3)], () => [of(4), 3], [43, 43]],
    ["a tensor for a number", () => [of(4), 3], () => [of(4), of(3)], [43, 43]],
    ["a list for a record", () => [of(1), [of(2)]], () => [of(1), { 0: of(2) }], [12, 12]],
    ["another word", () => [of(1), "one"], () => [of(1), "two"], [1, 1]],
    ["nothing for a word", () => [of(1), undefined], () => [of(1), "two"], [1, 1]],
    ["another type", () => [of(1), of(2)], () => [of(1), tensor([2], { dtype: "f64" })], [12, 12]],
    ["another shape", () => [of(1), of(2)], () => [of(1), tensor([[2]])], [12, 12]],
  ];
  test.each(pairs)("%s is another signature", (_, one, other, [first, second]) => {
    const f = jit((tree: unknown) => total(tree));
    const read = (result: Tensor): number => result.dataSync()[0]!;
    expect(read(f(one()))).toBe(first);
    expect(read(f(other()))).toBe(second);
    expect(f.traces).toBe(2);
    expect(read(f(one()))).toBe(first);
    expect(read(f(one()))).toBe(first);
    expect(f.traces).toBe(2);
    f.dispose();
  });

  test("like calls have their own tensors and numbers", () => {
    const f = jit((tree: unknown) => total(tree));
    const read = (...values: number[]): number =>
      f({ list: [of(values[0]!), of(values[1]!)], by: values[2]! }).dataSync()[0]!;
    expect([read(1, 2, 3), read(4, 5, 6), read(7, 8, 9)]).toEqual([123, 456, 789]);
    expect(f.traces).toBe(1);
    f.dispose();
  });

  test("what is inherited is no argument, whether calls are alike or not", () => {
    const f = jit((tree: unknown) => total(tree));
    const heir = (value: number): object =>
      Object.assign(Object.create({ inherited: of(9) }) as object, { a: of(value) });
    expect([1, 2, 3].map((value) => f(heir(value)).dataSync()[0])).toEqual([1, 2, 3]);
    expect(f.traces).toBe(1);
    f.dispose();
  });

  test("results keep their keys, their order and what is no tensor", () => {
    const made = JSON.parse('{"b":1,"__proto__":2,"a":[3,[]]}') as Record<string, unknown>;
    const f = jit((x: Tensor) => ({ ...made, list: [x.add(1), null, "word", x] as const, x: x.mul(2) }));
    for (const value of [1, 2]) {
      const result = f(of(value)) as Record<string, unknown> & { list: [Tensor, null, string, Tensor]; x: Tensor };
      expect(Object.keys(result)).toEqual(["b", "__proto__", "a", "list", "x"]);
      expect([Object.getPrototypeOf(result), result.a]).toEqual([Object.prototype, [3, []]]);
      expect([result.list[0], result.list[3], result.x].map((own) => own.dataSync()[0])).toEqual([
        value + 1,
        value,
        2 * value,
      ]);
      expect(result.list.slice(1, 3)).toEqual([null, "word"]);
    }
    f.dispose();
  });

  test("tensors within an object that is given away are used up, however often the call comes", () => {
    const f = jit((pair: Pair, x: Tensor) => pair.left.add(pair.right).add(x), { donate: [0] });
    for (let call = 1; call < 4; call++) {
      const [pair, x] = [new Pair(of(call), of(10)), of(100)];
      expect(f(pair, x).dataSync()[0]).toBe(110 + call);
      expect([pair.left.isDisposed, pair.right.isDisposed, x.isDisposed]).toEqual([true, true, false]);
    }
    f.dispose();
  });

  test("a plan is compiled once, whether inputs lie with the host or on the device", () => {
    const backend = defaultEngine().backends.get("wasm")!;
    let compiled = 0;
    const compile = backend.compile.bind(backend);
    backend.compile = (segment) => (compiled++, compile(segment));
    try {
      const f = jit((x: Tensor, w: Tensor) => x.mul(w).add(1));
      const w = of(2);
      let x = of(1);
      for (let call = 0; call < 5; call++) x = f(x, w);
      expect(x.dataSync()[0]).toBe(63);
      expect(f(of(1), of(3)).dataSync()[0]).toBe(4);
      expect(compiled).toBe(1);
      f.dispose();
    } finally {
      backend.compile = compile;
    }
  });
});
