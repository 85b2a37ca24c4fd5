// What every benchmark prints: one row for each piece of work and backend, as text or as one JSON object (--json), and kept in
// results/ for this machine (--save). Knows no library and no clock. Read next: ops.ts, peers/race.ts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { median } from "../bindings/core/median.ts";
import { isKept, json } from "./options.ts";

export interface Row {
  readonly name: string;
  readonly backend: string;
  readonly threads: number;
  /** Null where it failed. */
  readonly value: number | null;
  readonly unit: string;
  /** What it is compared with: "peak", "goal", "1 thread", or a peer and its version. */
  readonly versus: string | null;
  /** How many times as good as the other: above one is better than it. Null where there is none. */
  readonly ratio: number | null;
  /** Why there is no value, or why it cannot be trusted. */
  readonly problem?: string;
}

/** A line for people, or nothing under --json. */
export function say(line: string): void {
  if (!json) console.log(line);
}

export function print(row: Row): void {
  if (json) {
    console.log(JSON.stringify(row));
    return;
  }
  const value = row.value === null ? "–" : row.value >= 100 ? row.value.toFixed(0) : row.value.toPrecision(3);
  const ratio = row.versus === null ? "" : `${row.ratio?.toFixed(2) ?? "–"} × ${row.versus}`;
  const cells = [row.name.padEnd(32), where(row).padEnd(15), value.padStart(8), row.unit.padEnd(9), ratio.padEnd(26)];
  console.log(`${cells.join(" ")} ${row.problem ?? ""}`.trimEnd());
}

const where = ({ backend, threads }: Row): string => (threads > 1 ? `${backend} ×${threads}` : backend);

/** Under --save: puts the rows into the file of this machine, in place of rows of the same work, backend and opponent. */
export function save(rows: readonly Row[], versions: Readonly<Record<string, string>>): void {
  if (!isKept) return;
  const cpu = cpus()[0]?.model ?? process.arch;
  const machine = `${cpu} node ${process.versions.node}`.toLowerCase().replace(/[^a-z0-9.]+/g, "-");
  const path = `bench/results/${machine}.json`;
  const old = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Kept) : { versions: {}, rows: [] };
  // A peer's version is not part of the key: a newer one replaces the older.
  const key = (row: Row): string => [row.name, row.backend, row.threads, row.versus?.split(" ")[0]].join();
  const fresh = new Set(rows.map(key));
  const kept: Kept = {
    machine: {
      cpu,
      cores: cpus().length,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
    versions: { ...old.versions, ...versions },
    rows: [...old.rows.filter((row) => !fresh.has(key(row))), ...rows],
  };
  mkdirSync("bench/results", { recursive: true });
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`);
  say(`\nkept in ${path}`);
}

interface Kept {
  readonly machine?: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** How the rows stand against the best opponent of each piece of work. */
export function summarise(rows: readonly Row[], opponent: string): void {
  const hardest = [...new Set(rows.map(({ name }) => name))].flatMap((name) => {
    const ratios = rows.flatMap((row) => (row.name === name && row.ratio !== null ? row.ratio : []));
    return ratios.length === 0 ? [] : { name, ratio: Math.min(...ratios) };
  });
  const behind = hardest.filter(({ ratio }) => ratio < 1).map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`);
  const middle = median(hardest.map(({ ratio }) => ratio)).toFixed(2);
  const ahead = hardest.length - behind.length;
  say(`\nahead of ${opponent} in ${ahead} of ${hardest.length}, median ratio to it ${middle}`);
  if (behind.length > 0) say(`behind in ${behind.join(", ")}`);
}
