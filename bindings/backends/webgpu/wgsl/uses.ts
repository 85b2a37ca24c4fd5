// Finds the arrays of a shader's text: where they are declared and where their elements are read and written. So a kernel is
// written for plain arrays, and what is bound may lie in several buffers or have elements of another type.
// Knows WGSL only as far as a declaration and `name[index]`, which is why files use arrays in no other way.
// Read next: ../memory/parts.ts and elements.ts, which put other texts in place of uses.

/** An array that a shader sees. */
export interface Declaration {
  /** The whole declaration. */
  readonly text: string;
  readonly name: string;
  /** Of an element, as WGSL. */
  readonly type: string;
}

/** The array at a binding of group 0; undefined where there is none. */
export function arrayAt(text: string, binding: number): Declaration | undefined {
  const pattern = `@group\\(0\\) @binding\\(${String(binding)}\\) var<storage, \\w+> (\\w+): array<([\\w<>]+)>;`;
  const [whole, name, type] = new RegExp(pattern).exec(text) ?? [];
  return whole === undefined || name === undefined || type === undefined ? undefined : { text: whole, name, type };
}

/** The texts that replace uses of an array. */
export interface Uses {
  /** For the value of an element. */
  readonly read: (index: string) => string;
  /** For the statement that stores one, without its semicolon. */
  readonly write: (index: string, value: string) => string;
}

/** The text with every `name[index] = value;` and every other `name[index]` replaced. */
export function withUses(text: string, name: string, uses: Uses): string {
  const use = new RegExp(`(?<![\\w.])${name}\\[`, "g");
  let result = "";
  let done = 0;
  for (let found = use.exec(text); found !== null; found = use.exec(text)) {
    const open = found.index + found[0].length;
    const close = closing(text, open);
    const index = withUses(text.slice(open, close), name, uses);
    result += text.slice(done, found.index);
    if (text.startsWith("] = ", close)) {
      const end = text.indexOf(";", close);
      result += uses.write(index, withUses(text.slice(close + 4, end), name, uses));
      done = end;
    } else {
      result += uses.read(index);
      done = close + 1;
    }
    use.lastIndex = done;
  }
  return result + text.slice(done);
}

/** Where the bracket that was opened before `from` closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; depth > 0 && at < text.length; at++) {
    if (text[at] === "[") depth += 1;
    else if (text[at] === "]") depth -= 1;
  }
  return at - 1;
}
