// `npm run site`: builds the benchmark page into build/site; with `--serve` also serves it on this machine.
//   --serve    http://127.0.0.1:8080/, isolated so that there are threads     --port <number>    another port
//   --plain    without the isolating headers, as a host of plain files does
// Read next: site.ts for the build, static-server.ts.
import { buildSite, siteFolder } from "./site.ts";
import { serveFolder } from "./static-server.ts";

const words = process.argv.slice(2);
const port = words.includes("--port") ? Number(words[words.indexOf("--port") + 1]) : 8080;
if (!Number.isInteger(port)) throw new Error("--port must be followed by a number");

await buildSite();
console.log(`built ${siteFolder}`);
if (words.includes("--serve")) {
  const { address } = await serveFolder(siteFolder, { port, isolated: !words.includes("--plain") });
  console.log(`serving ${address} until you press Ctrl+C`);
}
