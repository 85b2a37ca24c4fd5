// Runs a bundled page in headless Chromium and returns the rows that the page posts back over loopback HTTP.
// The page is cross-origin isolated unless asked otherwise, so shared memory can be tested, and has a WebGPU adapter
// (SwiftShader unless the machine brings its own browser). No browser framework: one server, one process. It knows nothing of what the rows mean.
// Read next: entry.ts, the page's side; chromium.ts, where the browser is started.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { startBrowser, stopBrowser } from "./chromium.ts";

/** One result of the page: `error` says what went wrong; without one the row passed. */
export interface Row {
  readonly name: string;
  readonly error?: string;
}

/** What the page posts: `done` ends the run. */
interface Report {
  readonly rows: readonly Row[];
  readonly done: boolean;
}

/** How a page is served. */
export interface Serving {
  /** Milliseconds until the run counts as hung. */
  readonly timeout?: number;
  /** Cross-origin isolated, so that memory can be shared with workers. */
  readonly isolated?: boolean;
  /** The page's Content-Security-Policy. */
  readonly policy?: string;
}

/** Bundles `entry` (a TypeScript file that posts its rows, see report.ts), runs it and returns all rows. */
export async function runInBrowser(entry: string, serving: Serving = {}): Promise<Row[]> {
  const { timeout = 400_000 } = serving;
  const script = await bundlePage(entry);
  const rows: Row[] = [];
  const profile = mkdtempSync(join(tmpdir(), "athanor-browser-"));
  let browser: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let server: Server | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const opened = (server = servePage(script, serving, (report) => {
        rows.push(...report.rows);
        if (report.done) resolve();
      }));
      opened.on("error", reject);
      timer = setTimeout(() => {
        const last = rows.at(-1)?.name ?? "none";
        reject(new Error(`the page did not finish within ${String(timeout / 1000)} s; its last row was: ${last}`));
      }, timeout);
      opened.listen(0, "127.0.0.1", () => {
        const { port } = opened.address() as AddressInfo;
        startBrowser([`http://127.0.0.1:${String(port)}/`], profile, reject).then(
          (started) => (browser = started),
          (error: unknown) => {
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      });
    });
    return rows;
  } finally {
    clearTimeout(timer);
    await stopBrowser(browser);
    server?.closeAllConnections();
    server?.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function bundlePage(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["node:*", "webgpu"],
    sourcemap: "inline",
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}

// What escapes every check is a failed row, and ends the run when the page has not even begun: a module that does not load
// would otherwise be silence until the timeout. report.ts sets `begun`.
const guard = `
  const post = (name, reason) => {
    const rows = [{ name, error: String(reason?.stack ?? reason ?? "no reason given") }];
    fetch("/rows", { method: "POST", body: JSON.stringify({ rows, done: !globalThis.begun }) });
  };
  addEventListener("error", (event) => post("uncaught error", event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => post("unhandled rejection", event.reason));
  const script = document.createElement("script");
  script.type = "module";
  script.src = "/page.js";
  script.onerror = () => post("the page loads", "page.js or one of its imports was not found");
  document.head.append(script);`;
const page = `<!doctype html>
<meta charset="utf-8">
<title>athanor</title>
<script src="/guard.js"></script>`;

function servePage(script: string, serving: Serving, receive: (report: Report) => void): Server {
  const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  const headers = {
    ...(serving.isolated === false ? {} : isolation),
    ...(serving.policy === undefined ? {} : { "Content-Security-Policy": serving.policy }),
  };
  return createServer((request, response) => {
    const answer = (type: string, body: string): void => {
      response.writeHead(200, { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store", ...headers });
      response.end(body);
    };
    if (request.method === "POST") {
      readBody(request).then(
        (body) => {
          answer("text/plain", "ok");
          receive(JSON.parse(body) as Report);
        },
        () => response.destroy(),
      );
    } else if (request.url === "/page.js") answer("text/javascript", script);
    else if (request.url === "/guard.js") answer("text/javascript", guard);
    else answer("text/html", page);
  });
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
