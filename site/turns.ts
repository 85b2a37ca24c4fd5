// One thing has the machine at a time: what is measured beside a training or the conformance suite would say nothing. Whoever
// begins ends what another section is doing. Knows no section. Read next: page.ts, sections/.

export class Turns {
  #stop: (() => void) | undefined;

  /** Takes the turn; whoever has it is told to stop. Returns what gives it back. */
  take(stop: () => void): () => void {
    this.#stop?.();
    this.#stop = stop;
    return () => {
      if (this.#stop === stop) this.#stop = undefined;
    };
  }
}
