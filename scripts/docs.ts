// `npm run docs`: pages from comments in docs/api (not committed), and docs/api.md, the public declarations in one file, which is
// committed so that a change of the public names shows as a diff. `--report` writes the latter only.
// Knows which faces are public from bundle.ts. Read next: typedoc.json, api-report.ts.
import { Application } from "typedoc";
import { apiReport } from "./api-report.ts";
import { publicEntries } from "./bundle.ts";
import { writeWhenChanged } from "./files.ts";

const entries = publicEntries();
if (entries.length === 0) throw new Error("there is no public face to document: bindings/index.ts is missing");

if (writeWhenChanged("docs/api.md", apiReport(entries))) console.log("wrote docs/api.md");

if (!process.argv.includes("--report")) {
  const application = await Application.bootstrapWithPlugins({ entryPoints: entries });
  const project = await application.convert();
  if (project === undefined) throw new Error("TypeDoc could not read the sources; its messages are above");
  await application.generateOutputs(project);
  if (application.logger.hasErrors()) process.exitCode = 1;
}
