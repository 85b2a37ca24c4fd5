// Builds the benchmark page: plain files in build/site, for any host of files and under any path.
// The page bundles sources, not dist/, because it runs the conformance suite too, which looks inside.
// Knows nothing of what the page does. Read next: serve-site.ts, site/README.md.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import type { BuildOptions } from "esbuild";
import { build } from "esbuild";
import type { Digits } from "../bindings/cli/mnist.ts";
import { edge, loadMnist } from "../bindings/cli/mnist.ts";
import { digitsFile, packDigits } from "../site/digits.ts";
import { hashFiles, listFiles, whenChanged } from "./files.ts";

export const siteFolder = "build/site";

/** Digits that travel with the page. They are the first of their parts, which are in no particular order. */
const counts = { training: 8000, test: 1000 };

/** Builds what has changed. */
export async function buildSite(): Promise<void> {
  const sources = ["bindings", "test/conformance", "test/specs", "test/reference", "site"].flatMap((folder) => [
    ...listFiles(folder, ".ts"),
    ...listFiles(folder, ".css"),
    ...listFiles(folder, ".html"),
  ]);
  const hash = hashFiles([...sources, "scripts/site.ts", "package-lock.json"]);
  const outputs = ["index.html", "page.js", "style.css", "isolation.js", digitsFile].map((name) =>
    join(siteFolder, name),
  );
  await whenChanged("build/site.hash", hash, outputs, async () => {
    rmSync(siteFolder, { recursive: true, force: true });
    mkdirSync(siteFolder, { recursive: true });
    await Promise.all([bundle(), writeDigits()]);
    cpSync("site/index.html", join(siteFolder, "index.html"));
  });
}

async function bundle(): Promise<void> {
  const shared: BuildOptions = {
    outdir: siteFolder,
    outbase: "site",
    bundle: true,
    minify: true,
    platform: "browser",
    target: "es2022",
    charset: "utf8",
    legalComments: "eof",
    external: ["node:*", "webgpu"],
    logLevel: "warning",
  };
  await Promise.all([
    build({
      ...shared,
      entryPoints: ["site/page.ts", "site/workers/lane.ts", "site/workers/conformance.ts"],
      format: "esm",
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
    }),
    // A service worker is a classic script, and its place decides what it may serve.
    build({ ...shared, entryPoints: ["site/isolation.ts"], format: "iife" }),
    build({ ...shared, entryPoints: ["site/style.css"] }),
  ]);
}

async function writeDigits(): Promise<void> {
  const { training, test } = await loadMnist();
  const packed = packDigits({ training: first(training, counts.training), test: first(test, counts.test) });
  writeFileSync(join(siteFolder, digitsFile), await promisify(deflateRaw)(packed, { level: 9 }));
}

const first = ({ pixels, labels }: Digits, count: number): { pixels: Uint8Array; labels: Uint8Array } => ({
  pixels: pixels.subarray(0, count * edge * edge),
  labels: labels.subarray(0, count),
});
