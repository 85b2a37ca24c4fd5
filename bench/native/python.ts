// A Python process that computes what it is asked to: requests and replies are lines of JSON, operands and results go through
// files. Read next: server.py, the other side; race.ts.
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Interface } from "node:readline";
import { createInterface } from "node:readline";
import { layersOf } from "../work/nets.ts";
import { inputShapes, inputsOf } from "../work/operands.ts";
import type { Task } from "../work/task.ts";

/** Debian's Python, which has Debian's packages; PYTHON names another. */
const program = process.env.PYTHON ?? "/usr/bin/python3";

export const advice =
  "bench:native needs Python with NumPy, and PyTorch for most rows. On Debian or Ubuntu: apt-get install python3-numpy " +
  "python3-torch. PYTHON names another interpreter";

interface Reply {
  readonly libraries?: Readonly<Record<string, string>>;
  readonly details?: string;
  readonly supported?: boolean;
  readonly milliseconds?: number;
  readonly problem?: string;
}

export class Python {
  private readonly folder = mkdtempSync(join(tmpdir(), "athanor-native-"));
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: Interface;
  private readonly waiting: ((reply: Reply) => void)[] = [];
  private complaints = "";
  /** Name and version of what was found. */
  libraries: Readonly<Record<string, string>> = {};
  /** Which kernels its libraries run. */
  details = "";

  constructor(threads: number) {
    const count = String(threads);
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      OMP_NUM_THREADS: count,
      OPENBLAS_NUM_THREADS: count,
      PYTHONDONTWRITEBYTECODE: "1",
    };
    // Where these are set, they choose kernels for another processor.
    delete environment.OPENBLAS_CORETYPE;
    delete environment.OPENBLAS_L2_SIZE;
    this.child = spawn(program, ["bench/native/server.py", count], { env: environment });
    this.lines = createInterface(this.child.stdout);
    this.lines.on("line", (line) => this.waiting.shift()?.(JSON.parse(line) as Reply));
    this.child.stderr.on("data", (text: Buffer) => (this.complaints += text.toString()));
    const end = (): void => {
      for (const resolve of this.waiting.splice(0))
        resolve({ problem: this.complaints.trim().split("\n").at(-1) ?? "" });
    };
    this.child.on("error", (error) => {
      this.complaints += error.message;
      end();
    });
    this.child.on("close", end);
  }

  /** Waits for the process. Throws with advice where Python or NumPy is missing. */
  async start(): Promise<void> {
    const { libraries, details, problem } = await this.reply();
    if (libraries === undefined)
      throw new Error(`${program} did not start (${problem ?? "no reason given"}). ${advice}`);
    this.libraries = libraries;
    this.details = details ?? "";
  }

  /** Hands over a task; false if the library does not do it. */
  async prepare(library: string, task: Task): Promise<boolean> {
    const file = join(this.folder, "operands");
    writeFileSync(file, Buffer.concat(inputsOf(task).map((data) => new Uint8Array(data.buffer))));
    const layers = task.op === "infer" ? { layers: layersOf(task.net) } : {};
    const { supported } = await this.ask({ do: "prepare", library, task, shapes: inputShapes(task), file, ...layers });
    return supported === true;
  }

  /** Milliseconds of one of so many runs. */
  async run(runs: number): Promise<number> {
    return (await this.ask({ do: "run", runs })).milliseconds ?? Number.NaN;
  }

  /** What the last run computed. */
  async result(): Promise<Float32Array> {
    const file = join(this.folder, "result");
    await this.ask({ do: "result", file });
    return new Float32Array(new Uint8Array(readFileSync(file)).buffer);
  }

  stop(): void {
    this.child.stdin.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ask(request: Readonly<Record<string, unknown>>): Promise<Reply> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const reply = await this.reply();
    if (reply.problem !== undefined) throw new Error(reply.problem);
    return reply;
  }

  private reply(): Promise<Reply> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
