// Runs a command where Node's `webgpu` package finds the software GPU: `npm run with-gpu -- node dist/cli/main.js doctor`.
// Tests need it not, vitest.config.ts does the same; it is for trying programs by hand on a machine without a GPU.
// Read next: software-gpu.ts.
import { spawnSync } from "node:child_process";
import { gpuEnvironment, unpackSoftwareGpu } from "./software-gpu.ts";

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error("usage: npm run with-gpu -- <command> [arguments]");
const software = await unpackSoftwareGpu();
if (software === undefined) throw new Error("the software GPU is packaged for Linux on x64 only");
const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...gpuEnvironment(software) } });
process.exitCode = status ?? 1;
