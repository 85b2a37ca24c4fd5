// Profiles of the devices: measuring, keeping, exporting and importing them, files that are not what they should be, and what
// real runs teach. Knows no speed of any machine. Read next: bindings/engine/dispatch/tuning.ts, profile-store.ts, cost-model.ts.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { machines } from "../../bench/dispatch/machines.ts";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { CostModel } from "../../bindings/engine/dispatch/cost-model.ts";
import { machineKey } from "../../bindings/engine/dispatch/machine.ts";
import type { Profile } from "../../bindings/engine/dispatch/profile.ts";
import { guesses, parseProfile, rateAt } from "../../bindings/engine/dispatch/profile.ts";
import { hostStore } from "../../bindings/engine/dispatch/profile-store.ts";
import { version } from "../../bindings/core/version.ts";
import {
  BackendError,
  calibrate,
  createEngine,
  defaultEngine,
  explain,
  exportProfile,
  FormatError,
  importProfile,
  init,
  matmul,
  ones,
  ParameterError,
  shutdown,
  softmax,
  withDevice,
} from "../../bindings/index.ts";

let folder = "";
const file = (): string => join(folder, "profiles.json");
const cpuOnly = { webgpu: "off", threads: 1 } as const;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-profile-"));
  vi.stubEnv("ATHANOR_CACHE", folder);
});

afterEach(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const store = (): Exclude<ReturnType<typeof hostStore>, string> => {
  const found = hostStore();
  if (typeof found === "string") throw new Error(found);
  return found;
};

test("the version is the package's", () => {
  const { version: published } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  expect(version).toBe(published);
});

describe("a file of profiles", () => {
  test("keeps texts by key, the latest sixteen, and leaves nothing unfinished beside it", () => {
    for (let index = 0; index < 20; index++)
      expect(store().write(`machine ${String(index)}`, `text ${String(index)}`)).toBeUndefined();
    expect(store().read("machine 19")).toBe("text 19");
    expect(store().read("machine 4")).toBe("text 4");
    expect(store().read("machine 3")).toBeUndefined();
    expect(readdirSync(folder)).toEqual(["profiles.json"]);
  });

  test.each([
    ["empty", ""],
    ["cut off", '{"machine": "{\\"format'],
    ["something else", "\u0000\u0001\u0002"],
    ["a list", '["machine"]'],
    ["null", "null"],
    ["with a value that is no text", '{"machine": {"format": 1}}'],
    ["with a key of objects", '{"__proto__": "x", "constructor": "y"}'],
  ])("that is %s has nothing, and is written anew", (_, text) => {
    writeFileSync(file(), text);
    expect(store().read("machine")).toBeUndefined();
    expect(store().write("machine", "new")).toBeUndefined();
    expect(store().read("machine")).toBe("new");
    expect(() => JSON.parse(readFileSync(file(), "utf8")) as unknown).not.toThrow();
  });

  test("larger than any of ours is not read", () => {
    writeFileSync(file(), JSON.stringify({ machine: "x".repeat(5 * 2 ** 20) }));
    expect(store().read("machine")).toBeUndefined();
  });

  test("that cannot be written is said in words, and nothing is thrown", () => {
    const blocked = join(folder, "blocked");
    writeFileSync(blocked, "a file where a folder should be");
    vi.stubEnv("ATHANOR_CACHE", join(blocked, "below"));
    expect(store().read("machine")).toBeUndefined();
    expect(store().write("machine", "text")).toMatch(/ENOTDIR|EEXIST/);
  });

  test("lies in the user's cache folder", () => {
    vi.stubEnv("ATHANOR_CACHE", "");
    vi.stubEnv("XDG_CACHE_HOME", folder);
    if (process.platform === "linux") expect(store().place).toBe(join(folder, "athanor", "profiles.json"));
    vi.stubEnv("XDG_CACHE_HOME", "relative");
    expect(store().place).not.toContain("relative");
  });
});

describe("init", () => {
  test('tune: "off" measures nothing and keeps nothing', async () => {
    const { profile } = await init({ ...cpuOnly, tune: "off" });
    expect(profile).toMatchObject({ origin: "built in", isMeasuring: false, place: null, measuredAt: null });
    expect((await explain(ones([4]).add(1))).profile).toContain("built-in");
    await shutdown();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('tune: "force" measures and keeps; the next start finds it; another machine does not', async () => {
    const first = await init({ ...cpuOnly, tune: "force" });
    expect(first.profile).toMatchObject({ origin: "measured", place: file() });
    const kept = JSON.parse(readFileSync(file(), "utf8")) as Record<string, string>;
    expect(Object.keys(kept)).toEqual([first.profile.machine]);
    const known = parseProfile("test", kept[first.profile.machine]);
    expect(known.devices.wasm?.measured).toBe(true);
    await shutdown();

    await init(cpuOnly);
    const told = await explain(matmul(ones([8, 8]), ones([8, 8])));
    expect(told.profile).toContain("by an earlier run");
    expect(defaultEngine().costs.profile("wasm").rates).toEqual(known.devices.wasm?.rates);
    const { machine } = first.profile;
    await shutdown();

    const strict = await init({ ...cpuOnly, simd: "strict" });
    expect(strict.profile.machine).not.toBe(machine);
    await explain(ones([4]).add(1));
    expect(Object.keys(JSON.parse(readFileSync(file(), "utf8")) as object).length).toBe(2);
  });

  test("a kept profile that makes no sense is measured anew", async () => {
    const { profile } = await init({ ...cpuOnly, tune: "force" });
    await shutdown();
    for (const bad of [
      "{",
      JSON.stringify({ ...machines.none, machine: "another" }),
      '{"format":"athanor-profile-2"}',
    ]) {
      writeFileSync(file(), JSON.stringify({ [profile.machine]: bad }));
      await init(cpuOnly);
      expect((await explain(ones([4]).add(1))).profile).toMatch(/^speeds measured .*, kept in/);
      expect(
        parseProfile("test", (JSON.parse(readFileSync(file(), "utf8")) as Record<string, unknown>)[profile.machine])
          .machine,
      ).toBe(profile.machine);
      await shutdown();
    }
  });

  test("a folder that cannot be written is no problem: the report says so", async () => {
    const blocked = join(folder, "blocked");
    writeFileSync(blocked, "");
    vi.stubEnv("ATHANOR_CACHE", join(blocked, "below"));
    const { profile } = await init({ ...cpuOnly, tune: "force" });
    expect(profile).toMatchObject({ origin: "measured", place: null });
    expect(profile.detail).toContain("kept in memory: ");
  });

  test.runIf(process.getuid?.() !== 0)("a folder without rights to write is no problem either", async () => {
    const locked = join(folder, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    vi.stubEnv("ATHANOR_CACHE", locked);
    expect((await init({ ...cpuOnly, tune: "force" })).profile.place).toBeNull();
  });

  test("refuses other words", async () => {
    await expect(init({ tune: "always" as "on" })).rejects.toThrow(ParameterError);
    await expect(calibrate({ budget: -1 })).rejects.toThrow(
      "calibrate: the budget must be a number of milliseconds above zero",
    );
    await expect(calibrate(500 as never)).rejects.toThrow(
      "calibrate: options must be an object such as { budget: 500 }, got number",
    );
  });

  test("a calibration that another one ends says so under its name", async () => {
    await init({ ...cpuOnly, tune: "off" });
    const first = calibrate({ budget: 60_000 });
    const second = calibrate({ budget: 5 });
    await expect(first).rejects.toThrow(
      new BackendError(
        "calibrate",
        "was stopped: another calibrate(), importProfile() or shutdown() came in between. Call it alone",
      ),
    );
    expect((await second).devices.wasm?.measured).toBe(true);
    expect(await ones([2]).add(1).toArray()).toEqual([2, 2]);
  });
});

test("calibrate measures every class of work at several sizes, and every figure is one", async () => {
  await init({ ...cpuOnly, tune: "off" });
  const { devices, measuredAt } = await calibrate({ budget: 40 });
  expect(Date.parse(measuredAt ?? "")).not.toBeNaN();
  expect(parseProfile("test", { ...machines.none, devices }).devices).toEqual(devices);
  const rates = devices.wasm?.rates;
  for (const work of ["contraction", "convolution", "stream", "transcendental", "factorization"] as const)
    expect(rates?.[work].flops.length, work).toBeGreaterThan(1);
  expect(devices.wasm?.download.bytes.length).toBeGreaterThan(1);
  expect(readdirSync(folder), 'tune: "off" keeps nothing').toEqual([]);
});

test("the key changes with devices, build and threads", async () => {
  const keys = new Set<string>();
  for (const options of [{}, { simd: "strict" }, { threads: 2 }] as const) {
    const engine = createEngine({ ...cpuOnly, tune: "off", ...options });
    await engine.ready();
    keys.add(machineKey(engine.backends));
    await engine.shutdown();
  }
  expect(keys.size).toBe(3);
  for (const key of keys) expect(key).toContain(`athanor ${version}`);
  for (const key of keys) expect(key).toContain(process.versions.node);
});

describe("profiles as text", () => {
  test("what is exported is imported again, and decides from then on", async () => {
    await init({ ...cpuOnly, tune: "off" });
    importProfile(JSON.stringify(machines.discrete));
    expect(defaultEngine().costs.transfer("host", "webgpu", 6000)).toBeCloseTo(41, 6);
    const text = exportProfile();
    expect(parseProfile("test", text).devices.wasm).toEqual(machines.discrete.devices.wasm);
    importProfile(text);
    importProfile(JSON.parse(text));
    expect((await init()).profile).toMatchObject({ origin: "imported", isMeasuring: false });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("before the devices have started, too", async () => {
    expect(parseProfile("test", exportProfile()).devices.webgpu).toEqual(guesses.webgpu);
    importProfile(machines.integrated);
    const x = ones([4]).add(1);
    await x.data();
    expect((await init()).profile.origin).toBe("imported");
  });

  const good = JSON.parse(JSON.stringify(machines.discrete)) as Profile;
  const device = good.devices.webgpu!;
  test.each([
    ["nothing", undefined, "importProfile: the profile must be an object, got undefined"],
    ["no JSON", "{", "importProfile: the profile is not JSON, or it was cut off. Export it anew"],
    ["bytes", new TextEncoder().encode(JSON.stringify(good)), 'got bytes. Read the file as text: "utf8"'],
    ["a cut text", JSON.stringify(good).slice(0, 500), "the profile is not JSON, or it was cut off"],
    ["a long text", " ".repeat(2 ** 20 + 1), "a profile has a few thousand characters, this text has 1048577"],
    [
      "another format",
      { ...good, format: "athanor-profile-1" },
      'format must be "athanor-profile-2", got "athanor-profile-1"',
    ],
    ["no machine", { ...good, machine: 7 }, "machine must be a text, got 7"],
    ["no date", { ...good, measuredAt: "yesterday" }, 'measuredAt must be a date or null, got "yesterday"'],
    ["no devices", { ...good, devices: {} }, "devices must be at least one of wasm and webgpu"],
    [
      "a negative",
      { ...good, devices: { webgpu: { ...device, start: -1 } } },
      "devices.webgpu.start must be a number above zero, got -1",
    ],
    [
      "an infinity",
      { ...good, devices: { webgpu: { ...device, upload: { latency: Infinity, bytes: [[1, 1]] } } } },
      "devices.webgpu.upload.latency must be a number above zero",
    ],
    [
      "a curve that goes back",
      {
        ...good,
        devices: {
          webgpu: {
            ...device,
            upload: {
              latency: 1,
              bytes: [
                [2, 1],
                [1, 1],
              ],
            },
          },
        },
      },
      "devices.webgpu.upload.bytes[1][0] must be more than 2, which stands before it, got 1",
    ],
    [
      "an unknown class of work",
      { ...good, devices: { webgpu: { ...device, corrections: [{ work: "magic", bucket: 3, ratio: 1 }] } } },
      "devices.webgpu.corrections[0].work must be contraction, convolution,",
    ],
    [
      "too many points",
      {
        ...good,
        devices: {
          webgpu: { ...device, upload: { latency: 1, bytes: Array.from({ length: 65 }, (_, i) => [i + 1, 1]) } },
        },
      },
      "a list of at most 64 entries",
    ],
  ])("%s is refused with its place, and changes nothing", (_, bad, message) => {
    const before = exportProfile();
    expect(() => {
      importProfile(bad);
    }).toThrow(FormatError);
    expect(() => {
      importProfile(bad);
    }).toThrow(message);
    expect(exportProfile()).toBe(before);
  });

  test("whatever it is given, it is a profile or a FormatError", () => {
    const text = JSON.stringify(good);
    const damaged = fc
      .tuple(fc.nat(text.length - 1), fc.nat(8), fc.string({ maxLength: 6 }))
      .map(([at, length, insert]) => text.slice(0, at) + insert + text.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.anything(), damaged), (source) => {
        try {
          parseProfile("test", source);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 500, seed: 8 },
    );
  });
});

describe("the cost model", () => {
  test("a rate lies between two points as the size does, and beyond the ends as at the end", () => {
    const curve = [
      [100, 10],
      [10_000, 40],
    ] as const;
    expect([1, 100, 1000, 10_000, 1e9].map((amount) => rateAt(curve, amount))).toEqual([10, 10, 20, 40, 40]);
  });

  test("three runs of a size correct its prediction by their median, others of that size only", () => {
    const costs = new CostModel();
    const flops = 2 ** 20;
    const before = costs.compute("wasm", { work: "contraction", flops, bytes: 0 });
    const surprises = [2, 40, 3].map((ratio) => costs.learn("wasm", { work: "contraction", flops, bytes: 0 }, ratio));
    expect(surprises).toEqual([false, false, true]);
    expect(costs.compute("wasm", { work: "contraction", flops, bytes: 0 })).toBeCloseTo(3 * before, 9);
    expect(costs.compute("wasm", { work: "contraction", flops: 16 * flops, bytes: 0 })).toBe(
      costs.uncorrected("wasm", { work: "contraction", flops: 16 * flops, bytes: 0 }),
    );
    expect(costs.compute("webgpu", { work: "contraction", flops, bytes: 0 })).toBe(
      costs.uncorrected("webgpu", { work: "contraction", flops, bytes: 0 }),
    );
    expect(costs.learn("wasm", { work: "contraction", flops, bytes: 0 }, 3.1)).toBe(false);
  });

  test("what runs have taught goes along with the profile", () => {
    const costs = new CostModel();
    for (const ratio of [2, 2, 2]) costs.learn("wasm", { work: "stream", flops: 0, bytes: 2 ** 16 }, ratio);
    const profile = costs.export("test", ["wasm"]);
    expect(profile.devices.wasm?.corrections).toEqual([{ work: "stream", bucket: 16, ratio: 2 }]);
    const other = new CostModel();
    other.adopt(parseProfile("test", JSON.stringify(profile)), "imported");
    expect(other.compute("wasm", { work: "stream", flops: 0, bytes: 2 ** 16 })).toBe(
      costs.compute("wasm", { work: "stream", flops: 0, bytes: 2 ** 16 }),
    );
  });

  test("old runs are forgotten", () => {
    const costs = new CostModel();
    for (let run = 0; run < 10; run++) costs.learn("wasm", { work: "stream", flops: 0, bytes: 1000 }, 4);
    for (let run = 0; run < 15; run++) costs.learn("wasm", { work: "stream", flops: 0, bytes: 1000 }, 1);
    expect(costs.compute("wasm", { work: "stream", flops: 0, bytes: 1000 })).toBe(
      costs.uncorrected("wasm", { work: "stream", flops: 0, bytes: 1000 }),
    );
  });
});

describe("forms of kernels", () => {
  test("what was found fastest on a GPU travels with the profile", async () => {
    const open = async (): Promise<WebGPUBackend> => {
      await init({ webgpu: "require", tune: "off", threads: 1 });
      return defaultEngine().backends.get("webgpu") as WebGPUBackend;
    };
    const gpu = await open();
    // A row kernel: its variants are compiled in no time, those of a product take a software GPU half a minute.
    await withDevice("webgpu", () => softmax(ones([64, 100]))).data();
    expect(await gpu.tune({ milliseconds: 1, evenInSoftware: true })).toBe(1);
    const { tuned } = gpu;
    expect(Object.keys(tuned)).toHaveLength(1);
    const text = exportProfile();
    expect(parseProfile("test", text).devices.webgpu?.variants).toEqual(tuned);
    await shutdown();
    const next = await open();
    expect(next.tuned).toEqual({});
    importProfile(text);
    expect(next.tuned).toEqual(tuned);
    const profile = JSON.parse(text) as { devices: { webgpu: { variants: unknown } } };
    profile.devices.webgpu.variants = { "matmul:*": 3 };
    expect(() => {
      importProfile(profile);
    }).toThrow("devices.webgpu.variants.matmul:* must be a text, got 3");
    await shutdown();
  });
});
