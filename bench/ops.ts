// `npm run bench`: the main kernels and a training step on each device. `-- --quick` for smaller sizes, `-- --json` for rows.
// Read next: sample.ts; ../bindings/cli/workloads.ts for what is measured.
import { workloads } from "../bindings/cli/workloads.ts";
import { bench } from "./sample.ts";

await bench(workloads(process.argv.includes("--quick")));
