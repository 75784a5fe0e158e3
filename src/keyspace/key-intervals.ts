/**
 * A set of keys given as half-open intervals, for questions about single keys.
 *
 * Kept as disjoint intervals in order, so that a request with tens of thousands of deletions and puts is checked in
 * time for a sort and not for their product.
 */
import type { ByteString } from "../wire/kv.ts";

interface Interval {
  from: ByteString;
  /** null: no end. */
  to: ByteString | null;
}

export class KeyIntervals {
  /** In order, with gaps between them. */
  readonly #intervals: Interval[] = [];

  /** Adds keys with `from` <= key < `to` (null: no end). */
  add(from: ByteString, to: ByteString | null): void {
    if (to !== null && to <= from) return;
    // All that touch the new one become one with it.
    let first = this.#behind(from);
    const before = this.#intervals[first - 1];
    if (before !== undefined && (before.to === null || before.to >= from)) first--;
    const merged: Interval = { from, to };
    let end = first;
    for (let next = this.#intervals[end]; next !== undefined; next = this.#intervals[++end]) {
      if (merged.to !== null && next.from > merged.to) break;
      if (next.from < merged.from) merged.from = next.from;
      if (merged.to !== null && (next.to === null || next.to > merged.to)) merged.to = next.to;
    }
    this.#intervals.splice(first, end - first, merged);
  }

  addAll(other: KeyIntervals): void {
    for (const { from, to } of other.#intervals) this.add(from, to);
  }

  has(key: ByteString): boolean {
    const interval = this.#intervals[this.#behind(key) - 1];
    return interval !== undefined && (interval.to === null || key < interval.to);
  }

  /** Index of the first interval that begins behind `key`. */
  #behind(key: ByteString): number {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#intervals[middle] as Interval).from <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
