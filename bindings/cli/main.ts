#!/usr/bin/env node
// The `athanor` command: reads its arguments, runs one command, and turns failures into a message and an exit code.
// 0 done, 1 failed, 2 not understood. Read next: arguments.ts, demo.ts, doctor.ts.
import { AthanorError } from "../core/errors.ts";
import { version } from "../core/version.ts";
import { shutdown } from "../engine/index.ts";
import { help, parse } from "./arguments.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { allowRelaxedSimd } from "./relaxed-simd.ts";

async function main(words: readonly string[]): Promise<number> {
  allowRelaxedSimd();
  const command = parse(words);
  switch (command.name) {
    case "mistake":
      process.stderr.write(`athanor: ${command.message}\n\n${help}`);
      return 2;
    case "help":
      process.stdout.write(help);
      return 0;
    case "version":
      process.stdout.write(`${version}\n`);
      return 0;
    case "doctor":
      await doctor(command.json, command.matrices);
      return 0;
    case "demo":
      await demo(command);
      return 0;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(
    `${error instanceof AthanorError ? `athanor: ${error.message}` : String(error instanceof Error ? error.stack : error)}\n`,
  );
} finally {
  await shutdown();
}
