// The command line: what was asked for, or what is wrong with it. Knows no command's work.
// Read next: main.ts.

/** Devices a command can be held to. */
export type DeviceChoice = "auto" | "wasm" | "webgpu";

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | { readonly name: "doctor"; readonly json: boolean; readonly matrices: boolean }
  | { readonly name: "demo"; readonly json: boolean; readonly quick: boolean; readonly device: DeviceChoice };

/** A command line that makes no sense; the message says why. */
export interface Mistake {
  readonly name: "mistake";
  readonly message: string;
}

export const help = `athanor: a machine-learning compute engine

usage: athanor demo [--quick] [--device auto|wasm|webgpu] [--json]
       athanor doctor [--json] [--subgroup-matrices]

demo     trains LeNet-5 on the MNIST digits, shows what it misreads, and measures the main kernels on each device
           --quick    fewer digits and shorter measurements
           --device   hold everything to one device (auto: athanor chooses, op by op)
           --json     one JSON object a line on standard output; progress goes to standard error
doctor   says what this machine offers, what is used, and what would make it faster
           --json     the same as one JSON object
           --subgroup-matrices
                      ask the GPU for them, and say what is missing

--help     this text
--version  the number of this version
`;

/** Reads arguments without the program's name. */
export function parse(words: readonly string[]): Command | Mistake {
  const [name, ...rest] = words;
  if (words.includes("--help") || words.includes("-h") || name === "help") return { name: "help" };
  if (name === "--version") return { name: "version" };
  if (name === undefined) return mistake("name a command: demo or doctor");
  if (name === "doctor") return parseDoctor(rest);
  if (name === "demo") return parseDemo(rest);
  return mistake(`there is no command "${name}"`);
}

function parseDoctor(words: readonly string[]): Command | Mistake {
  const unknown = words.find((word) => word !== "--json" && word !== "--subgroup-matrices");
  return unknown === undefined
    ? { name: "doctor", json: words.includes("--json"), matrices: words.includes("--subgroup-matrices") }
    : mistake(`doctor takes no argument "${unknown}"`);
}

function parseDemo(words: readonly string[]): Command | Mistake {
  let json = false;
  let quick = false;
  let device: DeviceChoice = "auto";
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const [flag, attached] = word.split("=", 2);
    if (word === "--json") json = true;
    else if (word === "--quick") quick = true;
    else if (flag === "--device") {
      const value = attached ?? left.shift();
      if (value !== "auto" && value !== "wasm" && value !== "webgpu") {
        return mistake(`--device must be auto, wasm or webgpu, got ${value === undefined ? "nothing" : `"${value}"`}`);
      }
      device = value;
    } else return mistake(`demo takes no argument "${word}"`);
  }
  return { name: "demo", json, quick, device };
}

function mistake(message: string): Mistake {
  return { name: "mistake", message };
}
