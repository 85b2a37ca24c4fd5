// What this machine can do at most with 128-bit vectors of WebAssembly on one thread, measured with a module written by hand:
// multiply and add in registers, and streams over memory of a given size. Read next: ops.ts, which divides by it.
import { Bytes, opcodes, valueTypes } from "../bindings/expr/wasm-bytes.ts";

/** SIMD opcodes after their prefix. */
const simd = { load: 0x00, splat: 0x09, store: 0x0b, add: 0xe4, mul: 0xe6 } as const;

/** Independent chains of the multiply-add loops: enough to hide the latency of both, few enough for sixteen registers. */
const chainCounts = [12, 13] as const;

/** `chains` chains acc ← acc · c + d, two steps of each an iteration. */
function multiplyAdd(chains: number): Bytes {
  const [c, d] = [4, 5];
  const body = new Bytes().integer(0).simdMemory(simd.splat).set(c).integer(0).simdMemory(simd.splat).set(d);
  body.byte(opcodes.loop, 0x40);
  for (let step = 0; step < 2 * chains; step++) {
    const local = 6 + (step % chains);
    body.get(local).get(c).simd(simd.mul).get(d).simd(simd.add).set(local);
  }
  return keep(again(body, 1), chains);
}

/** Stores accumulators: what is not used is not computed. */
function keep(body: Bytes, count: number): Bytes {
  for (let index = 0; index < count; index++) {
    body.integer(16 * (index + 1));
    body.get(6 + index).simdMemory(simd.store);
  }
  return body;
}

/** Four vectors an iteration: `element` leaves the vector at an offset from the pointers in locals 0 to 2. */
function stream(element: (body: Bytes, offset: number) => void): Bytes {
  const body = new Bytes().byte(opcodes.loop, 0x40);
  for (let offset = 0; offset < 64; offset += 16) element(body, offset);
  for (const pointer of [0, 1, 2]) body.get(pointer).integer(64).byte(opcodes.i32Add).set(pointer);
  return again(body, 64);
}

/** Local 3 counts down; the loop goes on until it is zero. */
function again(body: Bytes, step: number): Bytes {
  return body.get(3).integer(step).byte(opcodes.i32Sub).tee(3).byte(opcodes.brIf, 0, opcodes.end);
}

const load = (body: Bytes, pointer: number, offset: number): Bytes => body.get(pointer).simdMemory(simd.load, offset);

const kernels: readonly (readonly [name: string, body: Bytes])[] = [
  ...chainCounts.map((chains) => [`multiplyAdd${chains}`, multiplyAdd(chains)] as const),
  ["copy", stream((body, offset) => load(body.get(0), 1, offset).simdMemory(simd.store, offset))],
  [
    "triad",
    stream((body, offset) => {
      load(load(body.get(0), 1, offset).get(4).simd(simd.mul), 2, offset)
        .simd(simd.add)
        .simdMemory(simd.store, offset);
    }),
  ],
  [
    "read",
    keep(
      stream((body, offset) =>
        load(body.get(6 + offset / 16), 1, offset)
          .simd(simd.add)
          .set(6 + offset / 16),
      ),
      4,
    ),
  ],
];

/** All functions take (to, from, from, count) and have the same locals. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const type = new Bytes().byte(0x60, 4, ...Array<number>(4).fill(valueTypes.i32), 0);
  const bodies = kernels.map(([, body]) => {
    const whole = new Bytes().byte(1).unsigned(20).byte(valueTypes.v128).append(body).byte(opcodes.end);
    return new Bytes().unsigned(whole.list.length).append(whole);
  });
  const exports = kernels.map(([name], index) => new Bytes().name(name).byte(0).unsigned(index));
  const module = new Bytes().byte(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  module.section(1, [type]).section(
    3,
    kernels.map(() => new Bytes().byte(0)),
  );
  module.section(5, [new Bytes().byte(0, 2)]).section(7, [new Bytes().name("memory").byte(2, 0), ...exports]);
  // c = d = ½ at address 0: the chains settle at one, far from denormal numbers.
  const half = new Bytes().byte(0).integer(0).byte(opcodes.end).byte(4, 0, 0, 0, 0x3f);
  return Uint8Array.from(module.section(10, bodies).section(11, [half]).list);
}

type Kernel = (to: number, from: number, other: number, count: number) => void;

/** Measures peaks on this thread, as often as they are asked for. */
export class Peak {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: Readonly<Record<string, Kernel>>;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
    this.#memory = exports.memory as WebAssembly.Memory;
    this.#kernels = exports as unknown as Record<string, Kernel>;
  }

  /** f32 operations a second of multiply and add. */
  flops(): number {
    const count = 10_000;
    const rates = chainCounts.map((chains) => {
      const kernel = this.#kernels[`multiplyAdd${chains}`]!;
      return (2 * 8 * chains * count) / fastest(() => kernel(0, 0, 0, count));
    });
    return Math.max(...rates);
  }

  /** Bytes a second of the fastest of copy, triad and read over `bytes` in all: from caches if they hold that much. */
  stream(bytes: number): number {
    const rate = (name: string, arrays: number): number => {
      const each = Math.max(64, Math.floor(bytes / arrays / 64) * 64);
      const base = 1024;
      const missing = Math.ceil((base + arrays * each) / 65536) - this.#memory.grow(0);
      if (missing > 0) this.#memory.grow(missing);
      const kernel = this.#kernels[name]!;
      const last = base + (arrays - 1) * each;
      return (arrays * each) / fastest(() => kernel(base, arrays === 1 ? base : base + each, last, each));
    };
    return Math.max(rate("copy", 2), rate("triad", 3), rate("read", 1));
  }
}

/** Seconds of the fastest of some rounds: noise only ever slows down. */
function fastest(run: () => void): number {
  const time = (runs: number): number => {
    const begun = performance.now();
    for (let index = 0; index < runs; index++) run();
    return (performance.now() - begun) / 1000 / runs;
  };
  const runs = Math.max(1, Math.ceil(1e-3 / Math.max(time(3), 1e-7)));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) best = Math.min(best, time(runs));
  return best;
}
