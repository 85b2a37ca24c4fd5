// When the devices of an engine are measured, and what is kept of it: the profile of an earlier run where there is one, else a
// calibration in the background, else the built-in figures; never in the way of the first result.
// Read next: calibrate.ts for the measuring, profile-store.ts for the keeping, learning.ts for what real runs add.
import type { DeviceName } from "../../backends/backend.ts";
import { BackendError } from "../../core/errors.ts";
import { measure } from "./calibrate.ts";
import type { Engine } from "../engine.ts";
import { Learner } from "./learning.ts";
import { machineKey } from "./machine.ts";
import type { DeviceProfile, Profile } from "./profile.ts";
import { format, parseProfile } from "./profile.ts";
import type { ProfileStore } from "./profile-store.ts";
import { hostStore } from "./profile-store.ts";
import type { Observe } from "../run.ts";

/** "off": built-in figures, nothing measured or stored. "force": measured anew at the start. */
export type TuneMode = "off" | "on" | "force";

/** Options of `calibrate`. */
export interface CalibrateOptions {
  /** Milliseconds for each device, roughly. Default 200. */
  readonly budget?: number;
  /** Whether to keep the profile for later runs. Default true, unless the engine was started with tune: "off". */
  readonly store?: boolean;
}

/** Where the cost model's figures come from. */
export interface ProfileReport {
  readonly origin: "built in" | "measured" | "stored" | "imported";
  /** True while a calibration runs in the background. */
  readonly isMeasuring: boolean;
  /** When the figures were measured, as an ISO date; null for what is built in. */
  readonly measuredAt: string | null;
  /** What the figures depend on: another text, another profile. */
  readonly machine: string;
  /** The file or database they are kept in; null if they are kept nowhere. */
  readonly place: string | null;
  /** In words. */
  readonly detail: string;
}

const defaultBudget = 200;
/** Milliseconds for which forms of kernels are measured at a time, beside a user's own work. */
const kernelBudget = 100;
/** Samples of real runs after which they are stored. */
const worthStoring = 64;

/** Ends a calibration that is not wanted any more. */
class Stopped extends Error {}

export class Tuning {
  readonly machine: string;
  /** What times real runs; undefined where nothing is to be learned. */
  readonly observe: Observe | undefined;
  private readonly engine: Engine;
  private readonly mode: TuneMode;
  private readonly store: ProfileStore | string;
  /** Why the profile could not be kept. */
  private problem: string | undefined;
  private running: Promise<void> | undefined;
  private isMeasuring = false;
  private isTuningKernels = false;
  /** Which calibration is wanted: those before see that they are not. */
  private turn = 0;
  private unsaved = 0;

  constructor(engine: Engine, mode: TuneMode) {
    this.engine = engine;
    this.mode = mode;
    this.store = mode === "off" ? 'tune: "off"' : hostStore();
    this.machine = machineKey(engine.backends);
    const learner = new Learner(engine.costs, {
      learned: () => {
        if (++this.unsaved >= worthStoring) void this.save();
        void this.tuneKernels(kernelBudget);
      },
      surprised: () => {
        this.engine.clearPlans();
      },
    });
    this.observe = mode === "off" ? undefined : (compiled, position) => learner.observe(compiled, position);
  }

  /** Called once, when the devices have started. Waits only for what was forced. */
  async begin(): Promise<void> {
    const { backends, costs } = this.engine;
    if (this.mode === "off" || costs.origin === "imported") return;
    if (this.mode === "force") {
      await this.calibrate({});
      return;
    }
    // With one device there is nothing to choose: explain() and calibrate() measure when they are asked.
    if (backends.size < 2) return;
    const known = typeof this.store === "string" ? undefined : this.store.read(this.machine);
    if (typeof known === "string" && this.adopt(known)) return;
    this.running = this.settle(known);
  }

  /** Resolves when the figures are those of this machine, as far as tuning is on. */
  async settled(): Promise<void> {
    if (this.mode === "off" || this.engine.costs.origin !== "built in") return;
    this.running ??= this.settle(typeof this.store === "string" ? undefined : this.store.read(this.machine));
    await awake(this.running);
  }

  /** Measures all devices now, in place of what is known. */
  async calibrate(options: CalibrateOptions): Promise<Profile> {
    const { budget = defaultBudget, store = this.mode !== "off" } = options;
    const turn = ++this.turn;
    // A calibration in the background sees that its turn is over at its next breath.
    if (this.running !== undefined) await awake(this.running);
    try {
      await awake(this.measureAll(budget, turn));
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      const reason = "was stopped: another calibrate(), importProfile() or shutdown() came in between. Call it alone";
      throw new BackendError("calibrate", reason, { cause: error });
    }
    await awake(this.tuneKernels(budget));
    if (store) await this.save();
    return this.profile();
  }

  /** Takes a profile from elsewhere: it is neither measured again nor refined. */
  import(profile: Profile): void {
    this.turn++;
    this.apply(profile, "imported");
  }

  profile(): Profile {
    const { backends, costs } = this.engine;
    const profile = costs.export(this.machine, [...backends.keys()]);
    const devices = { ...profile.devices };
    for (const [name, { tuned }] of backends) {
      const device = devices[name];
      if (device !== undefined && tuned !== undefined) devices[name] = { ...device, variants: tuned };
    }
    return { ...profile, devices };
  }

  report(): ProfileReport {
    const { origin, measuredAt } = this.engine.costs;
    const isMeasuring = this.isMeasuring && origin === "built in";
    const place = typeof this.store === "string" || this.problem !== undefined ? null : this.store.place;
    return {
      ...{ origin, isMeasuring, measuredAt, machine: this.machine, place },
      detail: this.describe(isMeasuring),
    };
  }

  private describe(isMeasuring: boolean): string {
    const { origin, measuredAt } = this.engine.costs;
    const { store, problem } = this;
    const nowhere =
      typeof store === "string" ? `kept nowhere: ${store}` : problem === undefined ? "" : `kept in memory: ${problem}`;
    const where = nowhere === "" && typeof store !== "string" ? `kept in ${store.place}` : nowhere;
    if (origin === "imported") return "speeds imported, neither measured nor refined";
    if (this.mode === "off") return 'speeds are the built-in guesses, by init({ tune: "off" })';
    if (isMeasuring) return `speeds are being measured in the background; until then the built-in guesses (${where})`;
    if (origin === "built in")
      return "speeds are the built-in guesses: with one device there is nothing to choose. calibrate() measures";
    return `speeds measured ${measuredAt ?? ""}${origin === "stored" ? " by an earlier run" : ""}, ${where}`;
  }

  /** Forgets about measuring; keeps what runs have taught. */
  async stop(): Promise<void> {
    this.turn++;
    if (this.unsaved > 0) await this.save();
  }

  private async settle(known: string | undefined | Promise<string | undefined>): Promise<void> {
    const turn = this.turn;
    const text = await known;
    if (turn !== this.turn || (text !== undefined && this.adopt(text))) return;
    try {
      await this.measureAll(defaultBudget, turn);
      await this.save();
    } catch (error) {
      // Stopped, or a device was lost in the middle: the built-in figures stay.
      if (!(error instanceof Stopped)) this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  /** Measures device by device and applies all figures at once, so that no plan compares new ones with old. */
  private async measureAll(budget: number, turn: number): Promise<void> {
    const breathe = async (): Promise<void> => {
      await pause();
      if (turn !== this.turn) throw new Stopped();
    };
    const devices: Partial<Record<DeviceName, DeviceProfile>> = {};
    this.isMeasuring = true;
    try {
      for (const [name, backend] of [...this.engine.backends])
        devices[name] = await measure(backend, { budget, breathe });
    } finally {
      this.isMeasuring = false;
    }
    this.apply({ format, machine: this.machine, measuredAt: new Date().toISOString(), devices }, "measured");
  }

  /** Measures which forms of kernels are fastest for the shapes that were met. Plans made before are forgotten if that is news. */
  private async tuneKernels(milliseconds: number): Promise<void> {
    if (this.isTuningKernels) return;
    this.isTuningKernels = true;
    try {
      let measured = 0;
      for (const backend of this.engine.backends.values()) measured += (await backend.tune?.({ milliseconds })) ?? 0;
      if (measured === 0) return;
      this.engine.clearPlans();
      await this.save();
    } catch {
      // The device was lost: who uses it is told.
    } finally {
      this.isTuningKernels = false;
    }
  }

  /** Applies a stored text if it is a profile of all devices in use. */
  private adopt(text: string): boolean {
    let profile: Profile;
    try {
      profile = parseProfile("init", text);
    } catch {
      return false;
    }
    const isWhole = [...this.engine.backends.keys()].every((name) => profile.devices[name]?.measured === true);
    if (isWhole && profile.machine === this.machine) this.apply(profile, "stored");
    return isWhole && profile.machine === this.machine;
  }

  private apply(profile: Profile, origin: "measured" | "stored" | "imported"): void {
    this.engine.costs.adopt(profile, origin);
    for (const [name, backend] of this.engine.backends) backend.adoptTuned?.(profile.devices[name]?.variants ?? {});
    this.engine.clearPlans();
  }

  private async save(): Promise<void> {
    this.unsaved = 0;
    const { origin } = this.engine.costs;
    if (typeof this.store === "string" || (origin !== "measured" && origin !== "stored")) return;
    this.problem = await this.store.write(this.machine, JSON.stringify(this.profile()));
  }
}

/**
 * A turn of the event loop, by a message to oneself: timers wait a millisecond and more. It keeps no process alive: nobody may be
 * waiting.
 */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    (port1 as { unref?(): void }).unref?.();
    port2.postMessage(null);
  });
}

/** Keeps the process alive for work that somebody waits for. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 1000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
