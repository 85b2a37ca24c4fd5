// What a worker thread runs: joins the team, then waits for jobs inside WebAssembly and does its part of each. It receives one
// message and no more, since a waiting thread reads none: later kernels reach it as entries in shared memory.
// Bundled into a string by the build and started by threads.ts, in Node and in browsers alike; imports nothing that reads a
// global at load. Read next: threads.ts, the host's side; assembly/program/team.ts.
import { builtin } from "./builtin.ts";
import { ownImports } from "./own-imports.ts";
import { entriesAfter } from "./table-log.ts";

/** What the host sends. */
export interface Assignment {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Addresses of the team's words and of the list of table entries. */
  readonly team: number;
  readonly log: number;
}

interface Exports {
  readonly table: WebAssembly.Table;
  joinTeam(team: number): number;
  awaitJob(team: number, seen: number): number;
  breakTeam(team: number): void;
  readWord(address: number): number;
  runPart(team: number, worker: number, workers: number): number;
}

interface NodeThreads {
  readonly workerData: unknown;
  readonly parentPort: { postMessage(message: unknown): void } | null;
}

function work(assignment: Assignment, post: (message: unknown) => void): void {
  const { module, memory, team, log } = assignment;
  const abort = (): never => {
    throw new Error("a kernel stopped");
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
  const exports = instance.exports as unknown as Exports & Record<string, WebAssembly.ImportValue>;
  const own = exports.joinTeam(team);
  post({ joined: own });
  let known = log;
  for (let job = exports.awaitJob(team, 0); ; job = exports.awaitJob(team, job)) {
    const workers = job & 255;
    if (own >= workers) continue;
    try {
      if (exports.readWord(known) !== 0) {
        for (const { address, names, bytes } of entriesAfter(memory, known)) {
          addToTable(exports, memory, names, bytes);
          known = address;
        }
      }
      exports.runPart(team, own, workers);
    } catch (error) {
      exports.breakTeam(team);
      throw error;
    }
  }
}

/** The same entry that the host's table has at this place. */
function addToTable(
  exports: Exports & Record<string, WebAssembly.ImportValue>,
  memory: WebAssembly.Memory,
  names: readonly string[],
  bytes: Uint8Array<ArrayBuffer>,
): void {
  if (bytes.length === 0) {
    exports.table.grow(1, exports[names[0] ?? ""]);
    return;
  }
  const [own = "", ...imported] = names;
  const kernels = Object.fromEntries(imported.map((name) => [name, exports[name]])) as WebAssembly.ModuleImports;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { ...ownImports(memory), kernels });
  exports.table.grow(1, instance.exports[own]);
}

/** Begins as soon as the assignment is here. */
function begin(): void {
  const scope = globalThis as unknown as {
    postMessage(message: unknown): void;
    onmessage: (event: { readonly data: Assignment }) => void;
  };
  const node = builtin("node:worker_threads") as NodeThreads | undefined;
  if (node?.parentPort != null) work(node.workerData as Assignment, (message) => node.parentPort?.postMessage(message));
  else {
    scope.onmessage = ({ data }) => {
      work(data, (message) => {
        scope.postMessage(message);
      });
    };
  }
}

begin();
