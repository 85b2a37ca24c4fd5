// Where profiles are kept between runs: a JSON file in the user's cache folder in Node, IndexedDB in browsers, nowhere else.
// A store never throws and never keeps anybody waiting for long: what cannot be read is not there, and what cannot be written
// is said in words. Knows no profile, only texts by key. Read next: tuning.ts, which reads and writes.
import { builtin } from "../../backends/wasm/builtin.ts";

export interface ProfileStore {
  /** The place, for reports. */
  readonly place: string;
  /** The text kept under a key. At once where the host can. */
  read(key: string): string | undefined | Promise<string | undefined>;
  /** Keeps a text; gives the reason if that is impossible. */
  write(key: string, text: string): string | undefined | Promise<string | undefined>;
}

/** The host's own store, or why it has none. */
export function hostStore(): ProfileStore | string {
  const { process, Deno } = globalThis as Host;
  if (process?.versions?.node !== undefined) {
    if (Deno !== undefined && !mayUseFiles(Deno))
      return "this Deno process may not use files: --allow-env --allow-read --allow-write --allow-sys";
    const modules = nodeModules();
    if (modules === undefined) return "this host gives no access to files. Node does from 20.16 on";
    const folder = cacheFolder(process, modules);
    return folder === undefined ? "the user has no home folder" : new FileStore(modules, folder);
  }
  try {
    const { indexedDB } = globalThis as { readonly indexedDB?: IDBFactory };
    return indexedDB == null ? "this host has no IndexedDB" : new DatabaseStore(indexedDB);
  } catch (error) {
    // Some browsers refuse even the name where a page may store nothing.
    return reasonOf(error);
  }
}

interface Host {
  readonly process?: NodeProcess;
  readonly Deno?: DenoHost;
}

interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly platform: string;
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface DenoHost {
  readonly permissions?: { querySync?(query: { readonly name: string }): { readonly state: string } };
}

const mayUseFiles = ({ permissions }: DenoHost): boolean =>
  ["env", "read", "write", "sys"].every((name) => permissions?.querySync?.({ name }).state === "granted");

/** What is used of Node's modules. */
interface NodeModules {
  readonly fs: {
    readFileSync(path: string, encoding: "utf8"): string;
    statSync(path: string): { readonly size: number };
    mkdirSync(path: string, options: { readonly recursive: true }): unknown;
    writeFileSync(path: string, text: string): void;
    renameSync(from: string, to: string): void;
    rmSync(path: string, options: { readonly force: true }): void;
  };
  readonly os: { homedir(): string };
  readonly path: { join(...parts: string[]): string; isAbsolute(path: string): boolean };
}

function nodeModules(): NodeModules | undefined {
  const [fs, os, path] = ["node:fs", "node:os", "node:path"].map(builtin);
  if (fs === undefined || os === undefined || path === undefined) return undefined;
  return { fs, os, path } as NodeModules;
}

/** ATHANOR_CACHE if it is set, else a folder of its own in the one that the system has for what may be lost. */
function cacheFolder({ platform, env }: NodeProcess, { os, path }: NodeModules): string | undefined {
  const { ATHANOR_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = env;
  if (own !== undefined && own !== "") return own;
  let home: string;
  try {
    home = os.homedir();
  } catch {
    return undefined;
  }
  if (!path.isAbsolute(home)) return undefined;
  if (platform === "win32") return path.join(local ?? path.join(home, "AppData", "Local"), "athanor");
  if (platform === "darwin") return path.join(home, "Library", "Caches", "athanor");
  // The standard says that a relative path is to be ignored.
  return path.join(xdg !== undefined && path.isAbsolute(xdg) ? xdg : path.join(home, ".cache"), "athanor");
}

/** A file has the latest machines and builds only. */
const mostEntries = 16;
/** A file larger than this is not ours. */
const mostBytes = 4 * 2 ** 20;

/** One file with an object of texts by key, the latest last. */
class FileStore implements ProfileStore {
  readonly place: string;
  private readonly folder: string;
  private readonly modules: NodeModules;

  constructor(modules: NodeModules, folder: string) {
    this.modules = modules;
    this.folder = folder;
    this.place = modules.path.join(folder, "profiles.json");
  }

  read(key: string): string | undefined {
    return this.entries().find(([known]) => known === key)?.[1];
  }

  write(key: string, text: string): string | undefined {
    const { fs } = this.modules;
    const { pid } = (globalThis as Host).process ?? { pid: 0 };
    const unfinished = `${this.place}.${String(pid)}.unfinished`;
    const kept = [...this.entries().filter(([known]) => known !== key), [key, text]].slice(-mostEntries);
    try {
      fs.mkdirSync(this.folder, { recursive: true });
      fs.writeFileSync(unfinished, `${JSON.stringify(Object.fromEntries(kept), undefined, 1)}\n`);
      // Readers see the old file or the new one, never half of one.
      fs.renameSync(unfinished, this.place);
      return undefined;
    } catch (error) {
      try {
        fs.rmSync(unfinished, { force: true });
      } catch {
        // It was never made.
      }
      return reasonOf(error);
    }
  }

  /** What is in the file; nothing if it is missing, cut off, or something else. */
  private entries(): (readonly [key: string, text: string])[] {
    const { fs } = this.modules;
    try {
      if (fs.statSync(this.place).size > mostBytes) return [];
      const data = JSON.parse(fs.readFileSync(this.place, "utf8")) as unknown;
      if (typeof data !== "object" || data === null || Array.isArray(data)) return [];
      return Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    } catch {
      return [];
    }
  }
}

const [databaseName, tableName] = ["athanor", "profiles"];
/**
 * Milliseconds after which a database that does not answer counts as none, for good. A browser that has just started on a busy
 * machine takes seconds.
 */
const patience = 5000;

class DatabaseStore implements ProfileStore {
  readonly place = `IndexedDB "${databaseName}"`;
  private readonly factory: IDBFactory;
  /** Why it is asked no more. */
  private silence: Error | undefined;

  constructor(factory: IDBFactory) {
    this.factory = factory;
  }

  async read(key: string): Promise<string | undefined> {
    try {
      const found = await this.with("readonly", (table) => table.get(key) as IDBRequest<unknown>);
      return typeof found === "string" ? found : undefined;
    } catch {
      return undefined;
    }
  }

  async write(key: string, text: string): Promise<string | undefined> {
    try {
      await this.with("readwrite", (table) => table.put(text, key));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  private async with<T>(mode: IDBTransactionMode, body: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    if (this.silence !== undefined) throw this.silence;
    try {
      return await this.ask(mode, body);
    } catch (error) {
      if (error instanceof Silence) this.silence = error;
      throw error;
    }
  }

  private async ask<T>(mode: IDBTransactionMode, body: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const opening = this.factory.open(databaseName, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(tableName);
    };
    const database = await settled(opening);
    try {
      const change = database.transaction(tableName, mode);
      const request = body(change.objectStore(tableName));
      // A request succeeds before the database has it: a browser that ends in between forgets it.
      await completed(change);
      return request.result;
    } finally {
      database.close();
    }
  }
}

/** Nobody answered in time. */
class Silence extends Error {}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  answered((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error);
    };
  });

const completed = (transaction: IDBTransaction): Promise<void> =>
  answered((resolve, reject) => {
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error);
    };
  });

/** Waits for one of two answers, not for ever. */
function answered<T>(
  listen: (resolve: (value: T) => void, reject: (reason: Error | null) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Silence("the database does not answer"));
    }, patience);
    listen(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (reason) => {
        clearTimeout(timer);
        reject(reason ?? new Error("the database failed"));
      },
    );
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
