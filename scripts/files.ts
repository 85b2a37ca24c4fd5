// File operations that the build steps share: walking a folder, hashing contents, writing only what changed, and a lock.
// Everything here is safe when two builds run at once, which happens as soon as tests are started from two terminals.
// Knows nothing of kernels or bundles. Read next: scripts/build.ts.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** All files under a folder whose name ends with `extension`, sorted; none when the folder does not exist. */
export function listFiles(folder: string, extension: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return listFiles(path, extension);
      return entry.name.endsWith(extension) ? [path] : [];
    })
    .sort();
}

/** One hash over the names and contents of files, and over any further text that decides the result. */
export function hashFiles(files: readonly string[], ...more: string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  for (const text of more) hash.update(text).update("\0");
  return hash.digest("hex");
}

/** Writes through a temporary name, so that no reader ever sees half a file. Leaves an equal file untouched. */
export function writeWhenChanged(path: string, content: string): boolean {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return false;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
  return true;
}

/** Runs `step` unless `stamp` already holds `hash` and all `outputs` exist; says whether it ran. */
export async function whenChanged(
  stamp: string,
  hash: string,
  outputs: readonly string[],
  step: () => Promise<void> | void,
): Promise<boolean> {
  const isFresh =
    existsSync(stamp) && readFileSync(stamp, "utf8") === hash && outputs.every((path) => existsSync(path));
  if (isFresh) return false;
  rmSync(stamp, { force: true });
  await step();
  writeWhenChanged(stamp, hash);
  return true;
}

/** Holds a lock folder while `work` runs. Waits for another living process; takes over from a dead one. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const owner = join(path, "owner");
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(path);
      writeFileSync(owner, String(process.pid));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const pid = existsSync(owner) ? Number(readFileSync(owner, "utf8")) : 0;
      if (pid > 0 && !isAlive(pid)) rmSync(path, { recursive: true, force: true });
      else if (attempt === 50) console.log(`waiting for process ${String(pid)}, which holds ${path}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
