// The cheapest way to cut a network in two: maximum flow from a source to a sink by blocking flows (Dinic 1970), whose
// saturated edges are the cut (Ford and Fulkerson 1956). Capacities are any positive numbers.
// Knows no graph of ops. Read next: place.ts, which asks which ops to run on which of two devices.

/** Flow below this is rounding. */
const negligible = 1e-9;

export class Network {
  static readonly source = 0;
  static readonly sink = 1;
  /** Edges in pairs: 2e is an edge, 2e + 1 its reverse. */
  private readonly targets: number[] = [];
  private readonly room: number[] = [];
  private readonly edgesOf: number[][] = [[], []];
  private levels: number[] = [];
  private next: number[] = [];

  /** A new node. */
  add(): number {
    return this.edgesOf.push([]) - 1;
  }

  /** An edge that costs `capacity` when it is cut: when `from` is on the source's side and `to` on the sink's. */
  connect(from: number, to: number, capacity: number): void {
    this.edgesOf[from]?.push(this.targets.push(to) - 1);
    this.edgesOf[to]?.push(this.targets.push(from) - 1);
    this.room.push(capacity, 0);
  }

  /** Cuts, and says for every node whether it is on the source's side; where both are as cheap, it is. */
  cut(): boolean[] {
    while (this.layer()) {
      this.next = this.edgesOf.map(() => 0);
      while (this.push(Network.source, Number.POSITIVE_INFINITY) > negligible);
    }
    return this.reachesSink().map((reaches) => !reaches);
  }

  /** Distances from the source over edges with room; false if the sink is out of reach. */
  private layer(): boolean {
    this.levels = this.edgesOf.map(() => -1);
    this.levels[Network.source] = 0;
    const queue = [Network.source];
    for (const node of queue) {
      for (const edge of this.edgesOf[node] ?? []) {
        const target = this.targets[edge] ?? 0;
        if ((this.room[edge] ?? 0) <= negligible || (this.levels[target] ?? 0) >= 0) continue;
        this.levels[target] = (this.levels[node] ?? 0) + 1;
        queue.push(target);
      }
    }
    return (this.levels[Network.sink] ?? -1) >= 0;
  }

  /** Pushes at most `flow` from `node` to the sink along one path of growing distance; what it could push. */
  private push(node: number, flow: number): number {
    if (node === Network.sink) return flow;
    const edges = this.edgesOf[node] ?? [];
    for (; (this.next[node] ?? 0) < edges.length; this.next[node] = (this.next[node] ?? 0) + 1) {
      const edge = edges[this.next[node] ?? 0] ?? 0;
      const target = this.targets[edge] ?? 0;
      const room = this.room[edge] ?? 0;
      if (room <= negligible || this.levels[target] !== (this.levels[node] ?? 0) + 1) continue;
      const pushed = this.push(target, Math.min(flow, room));
      if (pushed <= negligible) continue;
      this.room[edge] = room - pushed;
      this.room[edge ^ 1] = (this.room[edge ^ 1] ?? 0) + pushed;
      return pushed;
    }
    return 0;
  }

  private reachesSink(): boolean[] {
    const reaches = this.edgesOf.map((_, node) => node === Network.sink);
    const queue = [Network.sink];
    for (const node of queue) {
      for (const edge of this.edgesOf[node] ?? []) {
        const from = this.targets[edge] ?? 0;
        if ((this.room[edge ^ 1] ?? 0) <= negligible || reaches[from] === true) continue;
        reaches[from] = true;
        queue.push(from);
      }
    }
    return reaches;
  }
}
