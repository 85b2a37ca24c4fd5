// The shape of bindings/: floors import downwards only, no file imports itself in a circle, every file has one name and one job.
// The shape of site/: it uses what users can use, and the page itself stays free of the engine, which only workers load.
// Reads imports as text, so it needs no build and sees type imports too. Knows the floors' order and nothing else of the code.
// Read next: README.md, which draws the floors.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/** Lowest first. A file imports from its own floor and from floors before it. */
const floors = [
  ...["core", "expr", "ops", "graph", "backends", "engine", "autodiff", "testing"],
  ...["linalg", "random", "nn", "optim", "data", "train", "learn", "zoo", "io", "cli"],
];

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !path.includes("/generated/") && !path.includes("/node_modules/"))
    .sort();
}

/** The relative imports of a file, static, dynamic and re-exported, as paths from the package's root. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  const pattern = /(?:\b(?:import|export)\s+(type\s)?[^;"'`]*?\bfrom\s*|\bimport\s*\(?\s*)["'](\.[^"']+)["']/g;
  return [...text.matchAll(pattern)].map(([, type, path]) => ({
    target: join(dirname(file), path ?? "").replaceAll("\\", "/"),
    isTypeOnly: type !== undefined,
  }));
}

/** The floor of a file under bindings/: its folder, or "index" for the public face. */
function floorOf(file: string): string {
  const [floor = ""] = relative("bindings", file).split("/");
  return floor.endsWith(".ts") ? "index" : floor;
}

function mayImport(from: string, to: string): boolean {
  if (from === "index") return to !== "cli";
  if (to === "index") return from === "cli";
  return floors.indexOf(to) <= floors.indexOf(from);
}

/** The first circle that a depth-first walk over the value imports meets, as a path that begins and ends in one file. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (file: string, trail: readonly string[]): string[] | undefined => {
    const start = trail.indexOf(file);
    if (start >= 0) return [...trail.slice(start), file];
    if (finished.has(file)) return undefined;
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** A file and all that it loads with it: its value imports and theirs. */
function reachableFrom(start: string): string[] {
  const reached = new Set([start]);
  for (const file of reached)
    for (const { target, isTypeOnly } of importsOf(file)) if (!isTypeOnly && existsSync(target)) reached.add(target);
  return [...reached];
}

const bindings = sources("bindings");
const everything = [
  ...bindings,
  ...sources("assembly"),
  ...sources("scripts"),
  ...sources("test"),
  ...sources("bench"),
  ...sources("site"),
];

describe("architecture", () => {
  test("every folder of bindings/ is a known floor", () => {
    expect(bindings.map(floorOf).filter((floor) => floor !== "index" && !floors.includes(floor))).toEqual([]);
  });

  test("every face of the exports map has a source", () => {
    const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
      exports: Record<string, { default?: string }>;
    };
    const faces = Object.values(exports).flatMap((face) => (face.default === undefined ? [] : [face.default]));
    const missing = faces.map((face) => face.replace("./dist/", "bindings/").replace(/\.js$/, ".ts"));
    expect(missing.filter((source) => !existsSync(source))).toEqual([]);
  });

  test("floors import downwards only", () => {
    const upward = bindings.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => !target.startsWith("bindings/") || !mayImport(floorOf(file), floorOf(target)))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(upward).toEqual([]);
  });

  test("no file imports itself in a circle", () => {
    const values = (file: string): string[] =>
      importsOf(file)
        .filter(({ isTypeOnly }) => !isTypeOnly)
        .map(({ target }) => target);
    const cycle = findCycle(new Map(bindings.map((file) => [file, values(file)])));
    expect(cycle?.join(" → ")).toBeUndefined();
  });

  test("folders side by side import each other in one direction, types too", () => {
    const neighbours = new Map<string, Set<string>>();
    for (const file of [...bindings, ...sources("assembly")])
      for (const { target } of importsOf(file)) {
        const [from, to] = [file.split("/"), target.split("/")];
        const parting = from.findIndex((part, index) => part !== to[index]);
        // Both go on below the folder that they share. The floors of bindings/ have a test of their own.
        const areFloors = parting === 1 && from[0] === "bindings";
        if (areFloors || parting < 1 || parting >= from.length - 1 || parting >= to.length - 1) continue;
        const folder = from.slice(0, parting + 1).join("/");
        neighbours.set(folder, (neighbours.get(folder) ?? new Set()).add(to.slice(0, parting + 1).join("/")));
      }
    const graph = new Map([...neighbours].map(([folder, others]) => [folder, [...others]]));
    expect([...graph.keys()]).toEqual(expect.arrayContaining(["bindings/backends/webgpu/kernels", "assembly/linalg"]));
    expect(findCycle(graph)?.join(" → ")).toBeUndefined();
  });

  test("the site imports itself, public faces of bindings/, and the conformance suite", () => {
    const allowed = /^(site\/|bindings\/(\w+\/)?index\.ts$|test\/conformance\/)/;
    const others = sources("site").flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => !allowed.test(target))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(others).toEqual([]);
  });

  test("the page of the site reaches no engine: that is the workers' part", () => {
    const reached = reachableFrom("site/page.ts");
    expect(reached.filter((file) => !file.startsWith("site/"))).toEqual([]);
    expect(reached).toContain("site/work/catalogue.ts");
    expect(reachableFrom("site/workers/lane.ts")).toContain("bindings/index.ts");
  });

  test("no default exports", () => {
    const defaults = everything.filter((file) => /^export default\b|\bas default\b/m.test(readFileSync(file, "utf8")));
    expect(defaults).toEqual([]);
  });

  test("no file is called utils, helpers or misc", () => {
    expect(everything.filter((file) => /(^|[/-])(utils?|helpers?|misc)(-|\.|\/)/.test(file))).toEqual([]);
  });

  test("no file is longer than 400 lines", () => {
    const lines = (file: string): number => readFileSync(file, "utf8").trimEnd().split("\n").length;
    const long = [...bindings, ...sources("assembly"), ...sources("scripts"), ...sources("site")]
      .map((file) => ({ file, lines: lines(file) }))
      .filter((entry) => entry.lines > 400);
    expect(long).toEqual([]);
  });

  test("every file opens with what it is for", () => {
    const isComment = (line: string | undefined): boolean => line !== undefined && /^(\/\/|\/\*|#!)/.test(line);
    expect(everything.filter((file) => !isComment(readFileSync(file, "utf8").split("\n")[0]))).toEqual([]);
  });
});
