// `athanor doctor`: the machine's report with advice, in words or as one JSON object.
// Read next: ../engine/start.ts, where the findings come from.
import type { InitReport } from "../engine/index.ts";
import { defaultEngine, init } from "../engine/index.ts";
import { calibrate } from "../engine/tune.ts";

/** Writes the report to standard output. */
export async function doctor(json: boolean): Promise<void> {
  const report = await init();
  if (json) {
    await calibrate();
    console.log(JSON.stringify(asData(report)));
    return;
  }
  console.log(describeReport(report));
  const advice = report.devices.map((device) => device.advice).filter((text) => text !== "");
  console.log(
    advice.length === 0 ? "\nNothing to improve." : `\nTo get more:\n${advice.map((text) => `- ${text}`).join("\n")}`,
  );
}

/** The findings as indented lines. */
export function describeReport(report: InitReport): string {
  const lines = report.devices.map(
    (device) => `${device.name.padEnd(8)}${device.used ? "in use" : "not used"}: ${device.detail}`,
  );
  const runtime = process.versions as Readonly<Record<string, string | undefined>>;
  return [
    `runtime ${runtime.bun !== undefined ? "Bun" : runtime.deno !== undefined ? "Deno" : "Node"} ${process.versions.node}, ${process.platform} ${process.arch}`,
    ...lines,
    `threads ${report.threads.detail}`,
    `SIMD    ${report.simd.detail}`,
  ].join("\n");
}

function asData(report: InitReport): unknown {
  const profiles = [...defaultEngine().backends.keys()].map((name) => [name, defaultEngine().costs.profile(name)]);
  return {
    runtime: { node: process.versions.node, platform: process.platform, architecture: process.arch },
    devices: report.devices,
    threads: report.threads,
    simd: report.simd,
    profiles: Object.fromEntries(profiles) as unknown,
  };
}
