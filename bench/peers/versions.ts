// The pinned version of a peer, as package.json has it.
import { readFileSync } from "node:fs";

const { dependencies } = JSON.parse(readFileSync("bench/peers/package.json", "utf8")) as {
  dependencies: Record<string, string>;
};

export const versionOf = (name: string): string => dependencies[name] ?? "?";
