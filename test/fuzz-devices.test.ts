// Random work on both devices: kernels of every family over operands that lie anyhow (cut with negative steps, transposed, spread),
// in several types, with gradients, pending neighbours that want to be fused, and the same under jit. The CPU's kernels are held to
// references elsewhere; here the GPU is held to the CPU. Each case follows from a number, which a failure tells:
// `ATHANOR_FUZZ=2000 ATHANOR_SEED=7 npx vitest run test/fuzz-devices.test.ts`. Read next: fuzz.test.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { DType, Tensor } from "../bindings/index.ts";

const runs = Number(process.env.ATHANOR_FUZZ ?? 16);
const first = Number(process.env.ATHANOR_SEED ?? 1);

beforeAll(() => athanor.init({ webgpu: "require", tune: "off", threads: 1 }));
afterAll(() => athanor.shutdown());

/** Choices that follow from a number. */
class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
  }

  /** From 0 up to below 1. */
  real(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from low to high, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.real() * (high - low + 1));
  }

  /** Small sizes often, larger ones now and then. */
  size(most: number): number {
    return this.real() < 0.7 ? this.whole(1, Math.min(most, 7)) : this.whole(1, most);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)]!;
  }

  chance(share: number): boolean {
    return this.real() < share;
  }

  numbers(count: number, dtype: DType): number[] {
    return Array.from({ length: count }, () => {
      if (dtype === "bool") return this.whole(0, 1);
      if (dtype === "u8") return this.whole(0, 9);
      return dtype === "i32" ? this.whole(-9, 9) : Math.fround(this.real() * 3 - 1.5);
    });
  }
}

/** A tensor of a shape, lying in a larger one in one of several ways. What it was cut from is pushed to `made`. */
function operand(dice: Dice, shape: readonly number[], made: Tensor[], dtype: DType = "f32"): Tensor {
  const base = (of: readonly number[]): Tensor => {
    const size = of.reduce((product, extent) => product * extent, 1);
    const x = athanor.tensor(dice.numbers(size, dtype), { shape: of, dtype });
    made.push(x);
    return x;
  };
  const axes = shape.map((_, axis) => axis);
  switch (dice.of(["plain", "cut", "turned", "spread", "pending"])) {
    case "cut": {
      const steps = shape.map(() => dice.of([1, 1, 2, -1, -2]));
      const begins = shape.map((extent, axis) => {
        const step = steps[axis]!;
        return step > 0 ? dice.whole(0, 2) : (extent - 1) * -step + dice.whole(0, 2);
      });
      const whole = shape.map((extent, axis) => Math.max(begins[axis]!, 0) + extent * Math.abs(steps[axis]!) + 1);
      const ends = shape.map((extent, axis) => {
        const end = begins[axis]! + steps[axis]! * extent;
        return end < 0 ? undefined : end;
      });
      return athanor.slice(base(whole), begins, ends, steps);
    }
    case "turned": {
      const order = [...axes].sort(() => dice.real() - 0.5);
      const from = axes.map((axis) => shape[order.indexOf(axis)]!);
      return athanor.permute(base(from), order);
    }
    case "spread": {
      const narrow = shape.map((extent) => (dice.chance(0.3) ? 1 : extent));
      return athanor.broadcastTo(base(narrow), shape);
    }
    case "pending":
      return dtype === "bool" ? base(shape) : athanor.mul(base(shape), 1);
    default:
      return base(shape);
  }
}

/** Some work: its operands and what is done with them. */
interface Work {
  readonly label: string;
  readonly operands: readonly Tensor[];
  readonly call: (...x: Tensor[]) => Tensor | readonly Tensor[];
  /** Operands, by their place, that the work has gradients for. */
  readonly slopes?: readonly number[];
}

type Family = (dice: Dice, of: (shape: readonly number[], dtype?: DType) => Tensor) => Work;

const shapeOf = (dice: Dice, ranks: readonly [number, number], most = 20): number[] =>
  Array.from({ length: dice.whole(...ranks) }, (_, __) => dice.size(most));

const floats = ["f32", "f32", "f16"] as const;
const numbers = ["f32", "f32", "f16", "i32", "u8"] as const;

const products: Family = (dice, of) => {
  const [m, k, n] = [dice.size(90), dice.size(90), dice.size(90)];
  const batch = shapeOf(dice, [0, 2], 4);
  const dtype = dice.of(floats);
  const [transposeA, transposeB] = [dice.chance(0.3), dice.chance(0.3)];
  const other = dice.chance(0.5) ? batch : batch.map((extent) => (dice.chance(0.5) ? 1 : extent));
  const operands = [
    of([...batch, ...(transposeA ? [k, m] : [m, k])], dtype),
    of([...other, ...(transposeB ? [n, k] : [k, n])], dtype),
  ];
  const hasBias = dice.chance(0.5);
  if (hasBias) operands.push(of([n]));
  const activation = dice.chance(0.3) ? { activation: dice.of(["relu", "tanh", "sigmoid"] as const) } : {};
  return {
    label: `matmul ${JSON.stringify({ m, k, n, batch, other, dtype, transposeA, transposeB, ...activation })}`,
    operands,
    call: (a, b, bias) => athanor.matmul(a, b, { transposeA, transposeB, ...activation, ...(hasBias ? { bias } : {}) }),
    slopes: activation.activation === "relu" ? [] : operands.map((_, index) => index),
  };
};

const convolutions: Family = (dice, of) => {
  const rank = dice.of([1, 2, 2, 2, 3] as const);
  const groups = dice.of([1, 1, 1, 2, 3]);
  const [channels, filters] = [groups * dice.size(9), groups * dice.size(9)];
  const window = Array.from({ length: rank }, () => dice.whole(1, 4));
  const stride = dice.of([1, 1, 2, 3]);
  const dilation = dice.of([1, 1, 2]);
  const padding = dice.of(["same", "valid", 1, 2] as const);
  const sizes = window.map((extent) => (extent - 1) * dilation + dice.size(12));
  const isTransposed = rank === 2 && dice.chance(0.25);
  const dtype = dice.of(floats);
  const batch = dice.size(4);
  const options = { stride, dilation, padding, groups: isTransposed ? 1 : groups } as const;
  const filter = isTransposed ? [...window, filters, channels] : [...window, channels / groups, filters];
  const ops = { 1: athanor.conv1d, 2: athanor.conv2d, 3: athanor.conv3d } as const;
  const op = (isTransposed ? athanor.convTranspose2d : ops[rank]) as typeof athanor.conv2d;
  return {
    label: `convolution ${JSON.stringify({ rank, isTransposed, batch, sizes, channels, filter, dtype, ...options })}`,
    operands: [of([batch, ...sizes, channels], dtype), of(filter, dtype)],
    call: (x, w) => op(x, w, options),
    slopes: [0, 1],
  };
};

const poolings: Family = (dice, of) => {
  const window = [dice.whole(1, 4), dice.whole(1, 4)] as const;
  const stride = dice.of([1, 2, 3]);
  const padding = dice.of(["same", "valid"] as const);
  const ceilMode = padding === "valid" && dice.chance(0.4);
  const kind = dice.of(["maxPool2d", "avgPool2d"] as const);
  const shape = [dice.size(4), window[0] + dice.size(14), window[1] + dice.size(14), dice.size(20)];
  const options = { window, stride, padding, ceilMode };
  return {
    label: `${kind} ${JSON.stringify({ shape, ...options })}`,
    operands: [of(shape, dice.of(floats))],
    call: (x) => athanor[kind](x, options),
    slopes: [0],
  };
};

const folds: Family = (dice, of) => {
  const shape = shapeOf(dice, [1, 4], dice.chance(0.2) ? 300 : 20);
  const kind = dice.of([
    ...(["sum", "mean", "max", "min", "prod", "variance", "logSumExp", "norm", "any", "all"] as const),
    ...(["argMax", "argMin"] as const),
  ]);
  const isPosition = kind === "argMax" || kind === "argMin";
  const axes = shape.map((_, axis) => axis).filter(() => dice.chance(0.5));
  const axis = isPosition ? dice.whole(-shape.length, shape.length - 1) : axes;
  const keepDims = dice.chance(0.5);
  const isSmooth = kind === "sum" || kind === "mean" || kind === "variance" || kind === "logSumExp" || kind === "norm";
  const dtype = isSmooth ? dice.of(floats) : dice.of(numbers);
  const op = athanor[kind] as (x: Tensor, options: object) => Tensor;
  const isEmpty = Array.isArray(axis) && axis.length === 0;
  return {
    label: `${kind} ${JSON.stringify({ shape, axis, keepDims, dtype })}`,
    operands: [of(kind === "prod" ? shape.map((extent) => Math.min(extent, 4)) : shape, dtype)],
    call: (x) => op(x, { keepDims, ...(isEmpty ? {} : { axis }) }),
    slopes: isSmooth && kind !== "norm" ? [0] : [],
  };
};

const rowWork: Family = (dice, of) => {
  const shape = shapeOf(dice, [1, 3], dice.chance(0.2) ? 400 : 40);
  const axis = dice.whole(-shape.length, shape.length - 1);
  const kind = dice.of(["softmax", "logSoftmax", "cumSum", "cumProd", "normalise", "sort", "argSort", "topK"] as const);
  const descending = dice.chance(0.5);
  const [reverse, exclusive] = [dice.chance(0.5), dice.chance(0.5)];
  const isOrder = kind === "sort" || kind === "argSort" || kind === "topK";
  const dtype = isOrder ? dice.of(numbers) : dice.of(floats);
  const kept = dice.whole(1, shape.at(axis)!);
  const calls = {
    softmax: (x: Tensor) => athanor.softmax(x, { axis }),
    logSoftmax: (x: Tensor) => athanor.logSoftmax(x, { axis }),
    cumSum: (x: Tensor) => athanor.cumSum(x, { axis, reverse, exclusive }),
    cumProd: (x: Tensor) => athanor.cumProd(x, { axis, reverse, exclusive }),
    normalise: (x: Tensor) => {
      const centred = x.sub(athanor.mean(x, { axis, keepDims: true }));
      const spread = athanor.mean(centred.square(), { axis, keepDims: true }).add(0.01);
      return centred.mul(athanor.rsqrt(spread));
    },
    sort: (x: Tensor) => athanor.sort(x, { axis, descending }),
    argSort: (x: Tensor) => athanor.argSort(x, { axis, descending }),
    topK: (x: Tensor) => Object.values(athanor.topK(x, kept, { axis, largest: descending })),
  } as const;
  const short = kind === "cumProd" ? shape.map((length) => Math.min(length, 12)) : shape;
  return {
    label: `${kind} ${JSON.stringify({ shape: short, axis, descending, reverse, exclusive, dtype })}`,
    operands: [of(short, dtype)],
    call: (x) => calls[kind](x),
    slopes: isOrder || kind === "cumProd" ? [] : [0],
  };
};

const indexed: Family = (dice, of) => {
  const shape = shapeOf(dice, [1, 3], 30);
  const axis = dice.whole(0, shape.length - 1);
  const extent = shape[axis]!;
  const kind = dice.of(["take", "gather", "scatterAdd", "roll", "pad", "concat", "tile", "repeat", "tril"] as const);
  const dtype = dice.of(kind === "scatterAdd" ? floats : numbers);
  const count = dice.size(30);
  const some = kind === "take" ? [count] : shape.map((length, at) => (at === axis ? count : dice.whole(1, length)));
  const size = some.reduce((product, length) => product * length, 1);
  const places = athanor.tensor(
    Int32Array.from({ length: size }, () => dice.whole(0, extent - 1)),
    { shape: some },
  );
  const shift = dice.whole(-9, 9);
  const mode = dice.of(["constant", "reflect", "edge"] as const);
  const margins = shape.map((length) => [
    dice.whole(0, Math.min(2, length - 1)),
    dice.whole(0, Math.min(2, length - 1)),
  ]);
  const calls = {
    take: (x: Tensor, _: Tensor, at: Tensor) => athanor.take(x, at, { axis }),
    gather: (x: Tensor, _: Tensor, at: Tensor) => athanor.gather(x, axis, at),
    scatterAdd: (x: Tensor, y: Tensor, at: Tensor) => athanor.scatterAdd(x, axis, at, y),
    roll: (x: Tensor) => athanor.roll(x, shift, axis),
    pad: (x: Tensor) => athanor.pad(x, margins as [number, number][], { mode }),
    concat: (x: Tensor, y: Tensor) => athanor.concat([x, y, x], { axis }),
    tile: (x: Tensor) => athanor.tile(x, [2, ...shape.map(() => 1 + (count % 2))]),
    repeat: (x: Tensor) => athanor.repeat(x, 1 + (count % 3), { axis }),
    tril: (x: Tensor) => (x.rank < 2 ? athanor.flip(x, 0) : athanor.tril(x, shift)),
  } as const;
  return {
    label: `${kind} ${JSON.stringify({ shape, axis, some, shift, mode, margins, dtype })}`,
    operands: [of(shape, dtype), of(kind === "concat" ? shape : some, dtype), places],
    call: (x, y, at) => calls[kind](x, y, at),
    slopes: dtype === "f32" || dtype === "f16" ? [0] : [],
  };
};

const attention: Family = (dice, of) => {
  const [queries, keys, depth] = [dice.size(40), dice.size(40), dice.size(32)];
  const batch = shapeOf(dice, [0, 2], 3);
  const causal = dice.chance(0.4);
  const mask = !causal && dice.chance(0.5);
  const dtype = dice.of(floats);
  return {
    label: `attention ${JSON.stringify({ queries, keys, depth, batch, causal, mask, dtype })}`,
    operands: [
      ...[queries, keys, keys].map((length) => of([...batch, length, depth], dtype)),
      ...(mask ? [of([queries, keys], "f32")] : []),
    ],
    call: (q, k, v, m) => athanor.scaledDotProductAttention(q, k, v, { causal, ...(mask ? { mask: m } : {}) }),
    slopes: [0, 1, 2],
  };
};

const families: readonly Family[] = [products, convolutions, poolings, folds, rowWork, indexed, attention];

/** What surrounds the work in a plan: pending maps before and behind, that may be put into its kernel or be on another device. */
function surrounded(dice: Dice, work: Work): Work["call"] {
  const [before, behind] = [dice.chance(0.4), dice.chance(0.4)];
  const aside = dice.of([undefined, undefined, "wasm", "webgpu"] as const);
  const near = (body: () => Tensor): Tensor => (aside === undefined ? body() : athanor.withDevice(aside, body));
  const isFloat = (x: Tensor): boolean => x.dtype === "f32" || x.dtype === "f16";
  return (...x) => {
    const results = work.call(...x.map((one) => (before && isFloat(one) ? near(() => one.mul(0.75)) : one)));
    const list = Array.isArray(results) ? (results as readonly Tensor[]) : [results as Tensor];
    return list.map((one) => (behind && isFloat(one) ? near(() => athanor.tanh(one)) : one));
  };
}

/** Results of the work on a device, with gradients of their weighted sum. */
async function compute(
  device: "wasm" | "webgpu",
  work: Work,
  call: Work["call"],
  isJitted: boolean,
): Promise<number[][]> {
  const { operands, slopes = [] } = work;
  const all = (...x: Tensor[]): Tensor[] => {
    const results = call(...x) as readonly Tensor[];
    if (slopes.length === 0) return [...results];
    const loss = (...chosen: Tensor[]): Tensor => {
      const given = [...x];
      slopes.forEach((place, index) => (given[place] = chosen[index]!));
      const [result] = call(...given) as readonly Tensor[];
      return athanor.sum(athanor.mul(athanor.sin(athanor.cast(result!, "f32").mul(3)), 0.5));
    };
    const argnums = slopes.map((_, index) => index);
    return [...results, ...athanor.grad(loss, { argnums })(...slopes.map((place) => x[place]!))];
  };
  const results = athanor.withDevice(device, () => (isJitted ? athanor.jit(all) : all)(...operands));
  const data = await Promise.all(results.map((tensor) => tensor.data()));
  for (const tensor of results) tensor.dispose();
  return data.map((values) => Array.from(values));
}

function expectAlike(got: readonly number[], want: readonly number[], tolerance: number, label: string): void {
  expect(got.length, label).toBe(want.length);
  const scale = want.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0.05);
  want.forEach((value, index) => {
    const isNear = Object.is(got[index], value) || Math.abs(got[index]! - value) <= tolerance * scale;
    if (!isNear)
      throw new Error(`${label}: element ${String(index)} is ${String(got[index])}, on the CPU ${String(value)}`);
  });
}

test("the GPU computes what the CPU computes", { timeout: 3_600_000 }, async () => {
  const failures: string[] = [];
  for (let seed = first; seed < first + runs; seed++) {
    const dice = new Dice(seed);
    const made: Tensor[] = [];
    const work = dice.of(families)(dice, (shape, dtype) => operand(dice, shape, made, dtype));
    const call = surrounded(dice, work);
    const isJitted = dice.chance(0.2);
    const label = `seed ${String(seed)}${isJitted ? " under jit" : ""}: ${work.label}`;
    const isHalf = work.operands.some(({ dtype }) => dtype === "f16");
    try {
      const want = await compute("wasm", work, call, isJitted);
      const got = await compute("webgpu", work, call, isJitted);
      want.forEach((values, index) => {
        expectAlike(got[index]!, values, isHalf ? 4e-3 : 2e-4, `${label}, result ${String(index)}`);
      });
    } catch (error) {
      failures.push(error instanceof Error ? `${label}: ${error.message}` : String(error));
    }
    for (const tensor of [...made, ...work.operands]) tensor.dispose();
  }
  expect(failures).toEqual([]);
});
