/**
 * A binary heap of things with a deadline; the earliest is on top. An entry knows its own place, so that one in the
 * middle can be moved or taken out in O(log n).
 */
export interface DeadlineEntry {
  /** Milliseconds on the caller's clock. Change it only through the heap. */
  at: number;
  /** Place in the heap; -1: not in it. Kept by the heap. */
  slot: number;
}

export class DeadlineHeap<T extends DeadlineEntry> {
  readonly #entries: T[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The entry that is due first. */
  get first(): T | null {
    return this.#entries[0] ?? null;
  }

  /** Puts an entry in, or moves one that is in already. */
  set(entry: T, at: number): void {
    entry.at = at;
    if (entry.slot < 0) {
      entry.slot = this.#entries.length;
      this.#entries.push(entry);
    }
    this.#sink(this.#rise(entry));
  }

  /** Takes an entry out; one that is not in is left alone. */
  remove(entry: T): void {
    const { slot } = entry;
    if (slot < 0) return;
    entry.slot = -1;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    this.#put(last, slot);
    this.#sink(this.#rise(last));
  }

  clear(): void {
    for (const entry of this.#entries) entry.slot = -1;
    this.#entries.length = 0;
  }

  #rise(entry: T): T {
    while (entry.slot > 0) {
      const above = this.#entries[(entry.slot - 1) >> 1];
      if (above === undefined || above.at <= entry.at) break;
      this.#swap(entry, above);
    }
    return entry;
  }

  #sink(entry: T): void {
    for (;;) {
      const left = this.#entries[2 * entry.slot + 1];
      const right = this.#entries[2 * entry.slot + 2];
      if (left === undefined) return;
      const below = right !== undefined && right.at < left.at ? right : left;
      if (entry.at <= below.at) return;
      this.#swap(entry, below);
    }
  }

  #swap(a: T, b: T): void {
    const slot = a.slot;
    this.#put(a, b.slot);
    this.#put(b, slot);
  }

  #put(entry: T, slot: number): void {
    entry.slot = slot;
    this.#entries[slot] = entry;
  }
}
