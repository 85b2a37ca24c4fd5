// Serves a folder of files over loopback HTTP, isolated or as a plain host does it: for the benchmark page and its tests.
// Knows nothing of the files. Read next: serve-site.ts, test/browser/site.test.ts.
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".bin": "application/octet-stream",
};

export interface Hosting {
  /** The path under which the folder appears; "/" when absent. Ends with a slash. */
  readonly base?: string;
  /** Whether the isolating headers are sent; they are when absent. */
  readonly isolated?: boolean;
  /** The Content-Security-Policy. */
  readonly policy?: string;
  /** Any free one when absent. */
  readonly port?: number;
}

export interface StaticServer {
  /** Ends with a slash. */
  readonly address: string;
  close(): void;
}

export async function serveFolder(folder: string, hosting: Hosting = {}): Promise<StaticServer> {
  const { base = "/", isolated = true, policy, port = 0 } = hosting;
  const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname);
    const file = fileAt(folder, base, path);
    if (file === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("not here");
      return;
    }
    response.writeHead(200, {
      "Content-Type": types[extname(file)] ?? "application/octet-stream",
      "Cache-Control": "no-cache",
      ...(isolated ? isolation : {}),
      ...(policy === undefined ? {} : { "Content-Security-Policy": policy }),
    });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The file behind a path; undefined if there is none, or if the path leads out of the folder. */
function fileAt(folder: string, base: string, path: string): string | undefined {
  if (!path.startsWith(base)) return undefined;
  const inside = normalize(path.slice(base.length));
  if (inside.startsWith("..")) return undefined;
  const file = join(folder, inside);
  const found = existsSync(file) && statSync(file).isDirectory() ? join(file, "index.html") : file;
  return existsSync(found) ? found : undefined;
}
