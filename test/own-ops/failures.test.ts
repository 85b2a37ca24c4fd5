// What goes wrong with users' ops: bad definitions, bad calls, rules that throw, kernels that do not compile or that stop. Each
// is told under the op's name, and the engine stays usable. Read next: kernels.test.ts for what goes right.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import type { InitOptions, Tensor } from "../../bindings/index.ts";
import { defaultEngine, defineOp, grad, tensor } from "../../bindings/index.ts";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { compiled } from "./compiled.ts";

type Loose = (name: unknown, definition: unknown) => (...args: unknown[]) => Tensor;
const define = defineOp as unknown as Loose;
const same = ({ x }: { x: { shape: readonly number[] } }): unknown => ({ shape: x.shape, dtype: "f32" });
const fill = (_: unknown, output: { data: Float32Array }): void => {
  output.data.fill(1);
};

async function start(options: InitOptions): Promise<void> {
  await athanor.shutdown();
  await athanor.init({ tune: "off", threads: 1, webgpu: "off", ...options });
}

/** The error of a read. */
async function failure(read: () => Promise<unknown>): Promise<Error> {
  try {
    await read();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

async function worksStill(): Promise<void> {
  expect(await tensor([1, 2]).add(1).toArray()).toEqual([2, 3]);
}

describe("definitions", () => {
  const refused: readonly (readonly [label: string, name: unknown, definition: unknown, message: string])[] = [
    ["no object", "op", 3, "defineOp: the definition must be an object, got number"],
    ["a name", "two words", {}, 'defineOp: the name must be an identifier such as "softCap", got "two words"'],
    ["no inputs", "op", {}, 'op: inputs must be a list of names such as ["x"], got undefined'],
    [
      "no kernels",
      "op",
      { inputs: ["x"], output: same },
      "op: has nothing to compute it with. Give defineOp an expression, or kernels: wgsl, wasm, compute",
    ],
    [
      "no rule",
      "op",
      { inputs: ["x"], compute: fill },
      "op: output must be a function from the inputs to { shape, dtype }, got undefined. For an elementwise op give an expression",
    ],
    [
      "an attribute called like an input",
      "op",
      { inputs: ["x"], attributes: { x: 1 }, expression: same },
      "op: the name x is given twice among inputs and attributes. Rename one of them",
    ],
    [
      "two inputs of one name",
      "op",
      { inputs: ["x", "x"], expression: same },
      "op: the name x is given twice among inputs and attributes. Rename one of them",
    ],
    [
      "an attribute that is a function",
      "op",
      { inputs: ["x"], attributes: { f: same }, expression: same },
      "op: attribute f must be a number, boolean, string, or a list of numbers or strings, got function",
    ],
    [
      "a reserved name",
      "op",
      { inputs: ["output"], output: same, compute: fill },
      "op: an input cannot be called output: WGSL kernels have that name for something else",
    ],
    [
      "both kinds",
      "op",
      { inputs: ["x"], expression: same, compute: fill },
      "op: an expression is all that is needed; compute would not be used. Leave one or the other out",
    ],
    [
      "bytes that are text",
      "op",
      { inputs: ["x"], output: same, wasm: { bytes: "AGFz" } },
      "op: wasm.bytes must be a Uint8Array with a module, got string",
    ],
    [
      "bytes that are no module",
      "op",
      { inputs: ["x"], output: same, wasm: { bytes: Uint8Array.of(1, 2) } },
      "op: its WebAssembly module cannot be used: these bytes are no module",
    ],
  ];
  for (const [label, name, definition, message] of refused)
    test(label, () => expect(() => define(name, definition)).toThrow(message));

  const body = "export function f(args: usize, worker: i32, workers: i32): void { store<i32>(args, worker); }";
  const withModule = async (source: string, flags?: readonly string[], name = "f"): Promise<string> => {
    const bytes = await compiled(source, flags);
    return (
      await failure(() =>
        Promise.resolve(define("op", { inputs: ["x"], output: same, wasm: { bytes, function: name } })),
      )
    ).message;
  };
  const modules: readonly (readonly [
    label: string,
    source: string,
    flags: readonly string[] | undefined,
    message: RegExp,
  ])[] = [
    ["memory of its own", body, [], /^op: its WebAssembly module cannot be used: it has a memory of its own/],
    [
      "data of its own",
      `${body} export const text: string = "held in memory";`,
      undefined,
      /it has data of its own, which would be written over the engine's memory/,
    ],
    [
      "a start function",
      `${body} let n = 0; n = load<i32>(0); export function g(): i32 { return n; }`,
      undefined,
      /it has a start function/,
    ],
    [
      "another signature",
      "export function f(a: i32): i32 { return a; }",
      undefined,
      /f must take three i32 \(args, worker, workers\) and return nothing/,
    ],
    ["another name", body.replace("f(", "h("), undefined, /it exports no function f; it has h/],
    [
      "foreign imports",
      `@external("env", "log") declare function log(x: i32): void; ${body.replace("store", "log(worker); store")}`,
      undefined,
      /it imports "env" "log", which is not there/,
    ],
  ];
  for (const [label, source, flags, message] of modules)
    test(`a module with ${label}`, async () => expect(await withModule(source, flags)).toMatch(message));

  test("a module that is cut off", async () => {
    const bytes = (await compiled(body)).slice(0, 40);
    expect(() => define("op", { inputs: ["x"], output: same, wasm: { bytes, function: "f" } })).toThrow(
      /it is cut off/,
    );
  });
});

describe("calls", () => {
  beforeAll(() => start({}));
  afterAll(() => athanor.shutdown());
  const op = define("op", { inputs: ["x"], attributes: { p: 1, on: false }, output: same, compute: fill });
  const expression = define("ex", { inputs: ["x"], attributes: { p: 1 }, expression: ({ x }: { x: unknown }) => x });

  test.for<readonly [string, () => unknown, string]>([
    ["too few operands", () => op(), "op: expects x and perhaps an object of attributes, got 0 arguments"],
    ["no tensor", () => op("a"), "op: expects a tensor, got string. Wrap the value: tensor(value)"],
    ["an unknown attribute", () => op(tensor([1]), { q: 1 }), "op: there is no attribute q. It has p, on"],
    [
      "an attribute of another type",
      () => op(tensor([1]), { on: 1 }),
      "op: attribute on must be a boolean, as its default, got number. Change it, or the default",
    ],
    [
      "a tensor as an attribute",
      () => op(tensor([1]), { p: tensor(1) }),
      "op: attribute p must be a number, as its default, got a tensor. What a tensor holds must be an input",
    ],
    [
      "a type it does not take",
      () => op(tensor(Int32Array.of(1))),
      'op: x must be f32, got i32. Convert it: cast(x, "f32")',
    ],
    [
      "an expression of a wrong number",
      () => expression(tensor([1]), tensor([1]), {}),
      "ex: expects x and perhaps an object of attributes, got 3 arguments",
    ],
    [
      "an expression with a string for a number",
      () => expression(tensor([1]), { p: "1" }),
      "ex: attribute p must be a number, as its default, got string. Change it, or the default",
    ],
  ])("%s", ([, call, message]) => {
    expect(call).toThrow(message);
  });

  test("a disposed operand", () => {
    const x = tensor([1]);
    x.dispose();
    expect(() => op(x)).toThrow(athanor.DisposedError);
  });

  test("rules that fail are told under the op's name, with their cause", () => {
    const of =
      (output: unknown): (() => unknown) =>
      () =>
        define("op", { inputs: ["x"], output, compute: fill })(tensor([1]));
    const thrown = new RangeError("no such axis");
    const throwing = of(() => {
      throw thrown;
    });
    expect(throwing).toThrow("op: its output rule failed: no such axis");
    expect(throwing).toThrow(expect.objectContaining({ cause: thrown, op: "op" }));
    expect(
      of(() => {
        throw new athanor.ShapeError("op", "x is too long");
      }),
    ).toThrow(new athanor.ShapeError("op", "x is too long"));
    expect(of(() => 3)).toThrow("op: its output rule must return { shape, dtype }, got number");
    expect(of(() => ({ shape: [-1], dtype: "f32" }))).toThrow("op: sizes must be whole numbers ≥ 0, got [-1]");
    expect(of(() => ({ shape: [1], dtype: "f99" }))).toThrow("op: its output rule gave the unknown dtype f99");
    expect(of(() => [{ shape: [1], dtype: "f32" }])).toThrow(
      "op: its output rule must return one { shape, dtype } or a list of two or more",
    );
    const broken = define("ex", { inputs: ["x"], expression: () => 3 });
    expect(() => broken(tensor([1]))).toThrow(
      "ex: its expression must return an expression such as e.mul(x, 2), got number",
    );
    const mixed = define("ex", {
      inputs: ["x"],
      expression: ({ x }: never, e: athanor.Scalar) => e.add(x, e.less(x, 0)),
    });
    expect(() => mixed(tensor([1]))).toThrow(
      "ex: its expression failed: add: operands must have one type, got f32, bool. Cast them first",
    );
  });

  test("parameters that are no whole numbers", async () => {
    const bad = define("op", { inputs: ["x"], output: same, compute: fill, parameters: () => ({ scale: 0.5 }) });
    const error = await failure(() => bad(tensor([1])).data());
    expect(error.message).toBe(
      "op: parameter scale must be a whole number from 0 to 4294967295, got 0.5. Others are { f32: 0.5 } or { i32: … }",
    );
    await worksStill();
  });
});

describe("gradients", () => {
  beforeAll(() => start({}));
  afterAll(() => athanor.shutdown());
  const slope = (gradient: unknown): (() => unknown) => {
    const op = define("op", {
      inputs: ["x"],
      output: same,
      compute: fill,
      ...(gradient === undefined ? {} : { gradient }),
    });
    return () => grad((x: Tensor) => op(x).sum())(tensor([1, 2]));
  };

  test.for<readonly [string, unknown, string]>([
    [
      "none",
      undefined,
      "op: has no gradient, so grad cannot go through it. Give defineOp a gradient, or hold it constant: stopGradient(…)",
    ],
    ["another shape", () => ({ x: tensor([1]) }), "op: its gradient for x must have the input's shape [2], got [1]"],
    ["another name", ({ x }: { x: Tensor }) => ({ y: x }), "op: its gradient names y, which is no input: it has x"],
    ["no object", ({ x }: { x: Tensor }) => x, "op: its gradient must return an object such as { x: … }, got a tensor"],
    ["no tensor", () => ({ x: 1 }), "op: its gradient for x must be a tensor, got number"],
    [
      "a rule that throws",
      ({ x }: { x: Tensor }) => ({ x: x.matmul(x.reshape(1, 2)) }),
      "op: its gradient failed: matmul",
    ],
  ])("%s", ([, gradient, message]) => {
    expect(slope(gradient)).toThrow(message);
  });

  test("an op without one is passed by where it is held constant", async () => {
    const op = define("op", { inputs: ["x"], output: same, compute: fill });
    const g = grad((x: Tensor) => athanor.stopGradient(op(x)).mul(x).sum())(tensor([1, 2]));
    expect(await g.toArray()).toEqual([1, 1]);
  });
});

describe("kernels on the CPU", () => {
  for (const threads of [1, 3]) {
    describe(`${String(threads)} threads`, () => {
      beforeEach(async () => {
        await start({ threads });
        const wasm = defaultEngine().backends.get("wasm");
        if (wasm instanceof WasmBackend) wasm.shareFrom = 0;
      });
      afterAll(() => athanor.shutdown());

      test("one that stops", async () => {
        const bytes = await compiled(
          "export function f(args: usize, worker: i32, workers: i32): void { if (worker == workers - 1) unreachable(); }",
        );
        const op = define("stops", { inputs: ["x"], output: same, wasm: { bytes, function: "f", parallel: true } });
        const x = tensor([1, 2]);
        await athanor.evaluate(x.add(0));
        const before = athanor.memory().wasm?.inUse;
        const error = await failure(() => op(x).data());
        expect(error).toBeInstanceOf(athanor.BackendError);
        expect(error.message).toMatch(
          /^stops: its WebAssembly function stopped: .*Check its addresses, its bounds and its signature/,
        );
        expect(athanor.memory().wasm?.inUse).toBe(before);
        await worksStill();
      });

      test("one that reads beyond memory", async () => {
        const bytes = await compiled(
          "export function f(args: usize, worker: i32, workers: i32): void { store<i32>(-8, 1); }",
        );
        const op = define("strays", { inputs: ["x"], output: same, wasm: { bytes, function: "f" } });
        const error = await failure(() => op(tensor([1, 2])).data());
        expect(error.message).toMatch(/^strays: its WebAssembly function stopped: memory access out of bounds/);
        await worksStill();
      });

      test("TypeScript that throws or waits", async () => {
        const cause = new TypeError("no luck");
        const throwing = define("op", {
          inputs: ["x"],
          output: same,
          compute: () => {
            throw cause;
          },
        });
        const error = await failure(() => throwing(tensor([1, 2]).mul(2)).data());
        expect(error).toBeInstanceOf(athanor.BackendError);
        expect(error).toMatchObject({ message: "op: its compute function failed: no luck", cause });
        // eslint-disable-next-line @typescript-eslint/require-await
        const waiting = define("op", { inputs: ["x"], output: same, compute: async () => undefined });
        expect((await failure(() => waiting(tensor([1])).data())).message).toBe(
          "op: its compute function failed: it returned a promise; it has to be done when it returns",
        );
        await worksStill();
        if (threads > 1) expect((await athanor.init()).threads.used).toBe(threads);
      });

      test("scratch memory for every worker", async () => {
        const bytes = await compiled(`export function f(args: usize, worker: i32, workers: i32): void {
          const scratch = load<usize>(args, 8) + <usize>worker * 8;
          const size = load<i32>(args, 12);
          for (let i = worker; i < size; i += workers) {
            store<f32>(scratch, load<f32>(load<usize>(args) + (<usize>i << 2)));
            store<f32>(load<usize>(args, 4) + (<usize>i << 2), load<f32>(scratch) * 2);
          }
        }`);
        const op = define("op", {
          inputs: ["x"],
          output: same,
          parameters: ({ x }: { x: { size: number } }) => ({ size: x.size }),
          wasm: { bytes, function: "f", parallel: true, scratch: () => 8 },
        });
        expect(await op(tensor([1, 2, 3, 4, 5])).toArray()).toEqual([2, 4, 6, 8, 10]);
      });

      test("a donated operand survives a kernel that fails", async () => {
        let fails = true;
        const op = define("op", {
          inputs: ["x"],
          output: same,
          compute: ({ x }: { x: { data: Float32Array } }, output: { data: Float32Array }) => {
            if (fails) throw new Error("not yet");
            output.data.set(x.data);
          },
        });
        const step = athanor.jit((w: Tensor) => op(w.add(1)).mul(w), { donate: [0] });
        const w = tensor([2, 3]);
        await athanor.evaluate(w.add(0));
        expect(() => step(w)).toThrow("not yet");
        fails = false;
        expect(await step(w).toArray()).toEqual([6, 12]);
      });
    });
  }

  test("WGSL alone, without a GPU", async () => {
    await start({});
    const op = define("op", { inputs: ["x"], output: same, wgsl: { source: "", workgroups: () => 1 } });
    const error = await failure(() => op(tensor([1])).data());
    expect(error).toBeInstanceOf(athanor.BackendError);
    expect(error.message).toBe(
      "op: has a WGSL kernel only, and this runs on the CPU. Read it with await x.data() where a GPU is in use (await init() says), or give defineOp a wasm or compute kernel",
    );
    expect(() => athanor.withDevice("wasm", () => op(tensor([1])))).toThrow(
      'op: has no kernel for wasm. Give defineOp a wasm or compute kernel, or leave the choice: withDevice("auto", …)',
    );
    await worksStill();
  });
});

describe("kernels on the GPU", () => {
  beforeAll(() => start({ webgpu: "require" }));
  afterAll(() => athanor.shutdown());

  test("WGSL that does not compile is told with the op's name and the line", async () => {
    const source = `@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>) {
  output[id.x] = x[id.x] * unknown;
}`;
    const op = define("broken", { inputs: ["x"], output: same, wgsl: { source, workgroups: () => 1 } });
    const error = await failure(() => op(tensor([1])).data());
    expect(error).toBeInstanceOf(athanor.BackendError);
    expect(error.message).toMatch(
      /^broken: the shader does not compile on this GPU: .*:3:28 error: unresolved value 'unknown'/,
    );
    await worksStill();
  });

  test("a number of workgroups that is none", async () => {
    const op = define("op", { inputs: ["x"], output: same, wgsl: { source: "", workgroups: () => 0.5 } });
    expect((await failure(() => op(tensor([1])).data())).message).toBe(
      "op: wgsl.workgroups must give a whole number ≥ 0, got 0.5",
    );
  });

  test("withDevice for a device it has no kernel for", () => {
    const op = define("op", { inputs: ["x"], output: same, compute: fill });
    expect(() => athanor.withDevice("webgpu", () => op(tensor([1])))).toThrow(
      new athanor.BackendError(
        "op",
        'has no kernel for webgpu. Give defineOp a wgsl kernel, or leave the choice: withDevice("auto", …)',
      ),
    );
  });

  test("a synchronous read of what only the GPU can do", () => {
    const op = define("op", { inputs: ["x"], output: same, wgsl: { source: "", workgroups: () => 1 } });
    expect(() => op(tensor([1])).dataSync()).toThrow("op: has a WGSL kernel only, and this runs on the CPU");
  });
});
