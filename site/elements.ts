// The page's elements: finding the ones that index.html has, and making new ones. Text goes in as text, never as HTML.
// Knows nothing of what is shown. Read next: page.ts.

/** The element with this id. Throws if index.html has none of this kind: the two are written together. */
export function byId<T extends Element>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} with the id ${id}`);
  return found;
}

type Content = Node | string;

/** A new element with attributes and content. An attribute that is undefined is left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...content: readonly Content[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** Calls `changed` with the value of the radio button that is chosen in a group, now and whenever it changes. */
export function onChoice(group: HTMLElement, changed: (value: string) => void): void {
  const tell = (): void => {
    const chosen = group.querySelector<HTMLInputElement>("input:checked");
    if (chosen !== null) changed(chosen.value);
  };
  group.addEventListener("change", tell);
  tell();
}

/** A radio button that looks like a part of a switch. */
export function radio(group: string, value: string, label: string, checked: boolean): HTMLLabelElement {
  const input = make("input", { type: "radio", name: group, value, ...(checked ? { checked: "" } : {}) });
  return make("label", {}, input, make("span", {}, label));
}

/** A table row of cells; the first heads the row. */
export function row(cells: readonly Content[], labels: readonly string[] = []): HTMLTableRowElement {
  return make(
    "tr",
    {},
    ...cells.map((cell, column) =>
      column === 0 ? make("th", { scope: "row" }, cell) : make("td", { "data-label": labels[column] }, cell),
    ),
  );
}
