// `node scripts/run.mjs bench/train.ts`: LeNet-5 training steps at several batch sizes on each device.
// Read next: sample.ts; ../bindings/cli/workloads.ts for the step.
import { trainingOf } from "../bindings/cli/workloads.ts";
import { bench } from "./sample.ts";

await bench([16, 64, 256].map(trainingOf));
