// A visitor in headless Chromium: opens pages, looks, clicks, waits and takes pictures, in one tab.
// What a page prints as an error or throws is collected: a test can say that there was none. Knows no page in particular.
// Read next: devtools.ts, chromium.ts.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBrowser, stopBrowser } from "./chromium.ts";
import { DevTools } from "./devtools.ts";

/** The window: its width in CSS pixels and the colours its visitor prefers. */
export interface Looks {
  readonly width: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

export class Visitor {
  /** Errors and warnings of the browser about the page, exceptions of the page. */
  readonly complaints: string[] = [];
  readonly #devtools: DevTools;
  readonly #browser: ChildProcess;
  /** The folder of the browser's profile where it goes with the visitor. */
  readonly #ownProfile: string | undefined;
  readonly #session: string;

  private constructor(devtools: DevTools, browser: ChildProcess, ownProfile: string | undefined, session: string) {
    this.#devtools = devtools;
    this.#browser = browser;
    this.#ownProfile = ownProfile;
    this.#session = session;
  }

  /** With a profile folder that stays, or with a new one. */
  static async arrive(kept?: string): Promise<Visitor> {
    const profile = kept ?? mkdtempSync(join(tmpdir(), "athanor-visitor-"));
    const started: { devtools?: DevTools } = {};
    const browser = await startBrowser(["--remote-debugging-pipe", "about:blank"], profile, (error) =>
      started.devtools?.fail(error),
    );
    const devtools = (started.devtools = new DevTools(browser));
    const { targetInfos } = (await devtools.send("Target.getTargets")) as {
      readonly targetInfos: readonly { readonly targetId: string; readonly type: string }[];
    };
    const page = targetInfos.find(({ type }) => type === "page");
    const { targetId } =
      page ?? ((await devtools.send("Target.createTarget", { url: "about:blank" })) as { readonly targetId: string });
    const { sessionId } = (await devtools.send("Target.attachToTarget", { targetId, flatten: true })) as {
      readonly sessionId: string;
    };
    const visitor = new Visitor(devtools, browser, kept === undefined ? profile : undefined, sessionId);
    await visitor.#listen();
    return visitor;
  }

  async #listen(): Promise<void> {
    this.#devtools.on("Runtime.exceptionThrown", (params) => {
      const { exceptionDetails } = params as {
        readonly exceptionDetails: { readonly text: string; readonly exception?: { readonly description?: string } };
      };
      this.complaints.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
    });
    this.#devtools.on("Log.entryAdded", (params) => {
      const { entry } = params as {
        readonly entry: { readonly level: string; readonly text: string; readonly url?: string };
      };
      if (entry.level === "error") this.complaints.push(`${entry.text} ${entry.url ?? ""}`);
    });
    for (const domain of ["Page", "Runtime", "Log"]) await this.#send(`${domain}.enable`);
  }

  #send(method: string, params: object = {}): Promise<unknown> {
    return this.#devtools.send(method, params, this.#session);
  }

  async open(address: string): Promise<void> {
    await this.#send("Page.navigate", { url: address });
  }

  async look({ width, height = 900, scheme = "light" }: Looks): Promise<void> {
    const isPhone = width < 600;
    const metrics = { width, height, deviceScaleFactor: isPhone ? 2 : 1, mobile: isPhone };
    await this.#send("Emulation.setDeviceMetricsOverride", metrics);
    await this.#send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  /** The value of an expression in the page, as JSON carries it. A promise is waited for. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#send("Runtime.evaluate", {
      ...{ expression, awaitPromise: true, returnByValue: true, userGesture: true },
    })) as {
      readonly result: { readonly value?: unknown };
      readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
    };
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true; what it was waiting for is in the error when it takes too long. */
  async until(expression: string, seconds = 60): Promise<void> {
    const begun = performance.now();
    for (;;) {
      // While a page is being replaced there is nothing to ask.
      if ((await this.evaluate(expression).catch(() => false)) === true) return;
      if (performance.now() - begun > 1000 * seconds) {
        const text = await this.evaluate("document.body.innerText").catch(() => "nothing");
        throw new Error(
          `not within ${seconds} s: ${expression}\n${this.complaints.join("\n")}\nThe page says: ${String(text)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The text of the first element that matches. */
  async text(selector: string): Promise<string> {
    return String(await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`));
  }

  /** Clicks as a mouse does, in the middle of the first element that matches. */
  async click(selector: string): Promise<void> {
    const [x, y] = await this.middleOf(selector);
    for (const type of ["mousePressed", "mouseReleased"]) await this.mouse(type, x, y);
  }

  async middleOf(selector: string): Promise<readonly [number, number]> {
    const place = (await this.evaluate(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView({ block: "center", behavior: "instant" });
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    })()`)) as [number, number];
    return place;
  }

  async mouse(type: string, x: number, y: number): Promise<void> {
    await this.#send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: 1, clickCount: 1 });
  }

  async press(key: string): Promise<void> {
    const codes: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, " ": 32, ArrowRight: 39 };
    const event = { key, code: key === " " ? "Space" : key, windowsVirtualKeyCode: codes[key] ?? 0 };
    const text = key === "Enter" ? "\r" : key === " " ? " " : undefined;
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...event, text });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** A PNG of the window, or of the whole page. */
  async picture(whole = false): Promise<Buffer> {
    const { data } = (await this.#send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole })) as {
      readonly data: string;
    };
    return Buffer.from(data, "base64");
  }

  /** Where downloads go from now on. */
  async saveTo(folder: string): Promise<void> {
    await this.#devtools.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
  }

  /** Ends the process that speaks to the GPU, as a driver does that fails. The browser starts another. */
  async crashGPU(): Promise<void> {
    await this.#devtools.send("Browser.crashGpuProcess");
  }

  async leave(): Promise<void> {
    this.#devtools.fail(new Error("the visitor has left"));
    await stopBrowser(this.#browser);
    if (this.#ownProfile !== undefined)
      rmSync(this.#ownProfile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
