// Profiles as users see them: measuring the default engine's devices, taking what is known elsewhere and bringing it here.
// Read next: tuning.ts, which does it; profile.ts for what a profile is.
import { ParameterError } from "../../core/errors.ts";
import { describe } from "../../ops/tensor.ts";
import { defaultEngine } from "../default.ts";
import type { Profile } from "./profile.ts";
import { parseProfile } from "./profile.ts";
import type { CalibrateOptions } from "./tuning.ts";

/**
 * Measures the devices in use, for about `budget` milliseconds each, and keeps what was found for this and later runs: launch,
 * products, convolutions, streams, exponentials, eigenproblems and transfers at several sizes. Resolves with the profile.
 * Ordinary use needs no call: where there is a choice of devices this happens in the background at first use.
 * Throws a ParameterError for a budget that is no positive number.
 */
export async function calibrate(options: CalibrateOptions = {}): Promise<Profile> {
  if (typeof (options as unknown) !== "object" || (options as unknown) === null || Array.isArray(options))
    throw new ParameterError(
      "calibrate",
      `options must be an object such as { budget: 500 }, got ${describe(options)}`,
    );
  const { budget } = options;
  if (budget !== undefined && !(typeof budget === "number" && budget > 0 && Number.isFinite(budget)))
    throw new ParameterError(
      "calibrate",
      `the budget must be a number of milliseconds above zero, got ${String(budget)}`,
    );
  const engine = defaultEngine();
  await engine.ready();
  const { tuning } = engine;
  if (tuning === undefined) throw new Error("the engine started without a tuning");
  return await tuning.calibrate(options);
}

/**
 * What is known of this machine's speed, as JSON: measured, stored, imported, or built in, with what real runs have added.
 * Before the devices have started it is what is built in. See importProfile.
 */
export function exportProfile(): string {
  const { costs, tuning } = defaultEngine();
  const profile: Profile = tuning?.profile() ?? costs.export("not started", ["wasm", "webgpu"]);
  return `${JSON.stringify(profile, undefined, 1)}\n`;
}

/**
 * Places work by a profile that was exported before, here or elsewhere: its text, or the parsed object. From then on nothing is
 * measured and nothing learned, so that decisions are the same at every run. Call it after init. Throws a FormatError that
 * names the place for what is not a profile, and changes nothing then.
 */
export function importProfile(json: unknown): void {
  const profile = parseProfile("importProfile", json);
  const engine = defaultEngine();
  if (engine.tuning !== undefined) engine.tuning.import(profile);
  else engine.costs.adopt(profile, "imported");
}
