// The command's parts that need no training: arguments, IDX files, drawings. Read next: ../bindings/cli/main.ts.
import { describe, expect, test } from "vitest";
import { parse } from "../bindings/cli/arguments.ts";
import { drawImage, drawTable, showDuration, sideBySide } from "../bindings/cli/drawing.ts";
import { loadMnist, parseIdx } from "../bindings/cli/mnist.ts";

describe("arguments", () => {
  test.each([
    [["demo"], { name: "demo", json: false, quick: false, device: "auto" }],
    [["demo", "--quick", "--device", "wasm", "--json"], { name: "demo", json: true, quick: true, device: "wasm" }],
    [["demo", "--device=webgpu"], { name: "demo", json: false, quick: false, device: "webgpu" }],
    [["doctor", "--json"], { name: "doctor", json: true, matrices: false }],
    [["doctor", "--subgroup-matrices"], { name: "doctor", json: false, matrices: true }],
    [["--help"], { name: "help" }],
    [["--version"], { name: "version" }],
    [[], { name: "mistake", message: "name a command: demo or doctor" }],
    [["fire"], { name: "mistake", message: 'there is no command "fire"' }],
    [["demo", "--device", "tpu"], { name: "mistake", message: '--device must be auto, wasm or webgpu, got "tpu"' }],
    [["demo", "--fast"], { name: "mistake", message: 'demo takes no argument "--fast"' }],
    [["doctor", "now"], { name: "mistake", message: 'doctor takes no argument "now"' }],
  ])("%j", (words, expected) => {
    expect(parse(words)).toEqual(expected);
  });
});

describe("digits", () => {
  test("all of MNIST is there", async () => {
    const { training, test: held } = await loadMnist();
    expect([training.count, held.count]).toEqual([60_000, 10_000]);
    expect(Array.from(training.labels.subarray(0, 5))).toEqual([5, 0, 4, 1, 9]);
  });

  test("files that are cut or of another kind are refused", () => {
    const file = new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
    expect(Array.from(parseIdx("labels", file, 1).data)).toEqual([7, 9]);
    expect(() => parseIdx("labels", file.subarray(0, 9), 1)).toThrow(
      "mnist: labels: expected 2 bytes after the header, found 1",
    );
    expect(() => parseIdx("labels", file.subarray(0, 5), 1)).toThrow("the file ends inside its header (5 bytes)");
    expect(() => parseIdx("images", new Uint8Array(16), 3)).toThrow("not an IDX file of bytes with 3 axes");
  });
});

describe("drawing", () => {
  test("images, two rows of pixels a line", () => {
    expect(drawImage(new Uint8Array([255, 0, 255, 0, 0, 255, 255, 0]), 4)).toEqual(["▀▄█ "]);
  });

  test("blocks and tables", () => {
    expect(
      sideBySide([
        { title: "a", lines: ["xx"] },
        { title: "bb", lines: ["y", "z"] },
      ]),
    ).toBe("a   bb\nxx  y\n    z");
    expect(
      drawTable(
        ["name", " ms"],
        [
          ["conv", "1.5"],
          ["x", "10"],
        ],
      ),
    ).toBe("name   ms\n────  ───\nconv  1.5\nx      10");
    expect([0.0123, 12.34, 1234.5].map(showDuration)).toEqual(["12.3 µs", "12.3 ms", "1.23 s"]);
  });
});
