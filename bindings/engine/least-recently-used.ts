// A map that keeps a bounded number of entries and disposes the one unused for longest.
// Knows nothing of what it holds. Read next: engine.ts, whose plan cache it is.

export class LeastRecentlyUsed<K, V> {
  private readonly entries = new Map<K, V>();
  /** The key at the end; once the map is cleared it finds nothing. */
  private newest: K | undefined;
  private readonly capacity: number;
  private readonly dispose: (value: V) => void;

  constructor(capacity: number, dispose: (value: V) => void) {
    this.capacity = capacity;
    this.dispose = dispose;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined || key === this.newest) return value;
    // A map keeps insertion order: moving the entry to the end makes it the most recent.
    this.entries.delete(key);
    this.entries.set(key, value);
    this.newest = key;
    return value;
  }

  set(key: K, value: V): void {
    this.entries.set(key, value);
    this.newest = key;
    if (this.entries.size <= this.capacity) return;
    for (const [oldest, dropped] of this.entries) {
      this.entries.delete(oldest);
      this.dispose(dropped);
      return;
    }
  }

  clear(): void {
    for (const value of this.entries.values()) this.dispose(value);
    this.entries.clear();
  }
}
