/**
 * A member's log as its writes make it, by epochs alone: what a storage that does as it is told would hold.
 *
 *     index    ... base | base+1 ... last
 *     here     position |  #epochs[0..n]       up to the base a snapshot stands for the log
 */
import type { Entry, Position, Write } from "../engine.ts";

export class DiskLog {
  #base: Position;
  #epochs: number[];

  constructor(base: Position, epochs: number[]) {
    this.#base = { index: base.index, epoch: base.epoch };
    this.#epochs = epochs;
  }

  static of(base: Position, entries: readonly Entry[]): DiskLog {
    return new DiskLog(
      base,
      entries.map(({ epoch }) => epoch),
    );
  }

  get base(): Position {
    return this.#base;
  }

  get last(): number {
    return this.#base.index + this.#epochs.length;
  }

  /** The epoch of the entry at an index, or null where the log does not reach. Known for the base, too. */
  epochAt(index: number): number | null {
    if (index === this.#base.index) return this.#base.epoch;
    return this.#epochs[index - this.#base.index - 1] ?? null;
  }

  /** Whether the entry, or a snapshot that stands for it, is here. */
  holds(index: number, epoch: number): boolean {
    return index <= this.#base.index || this.epochAt(index) === epoch;
  }

  write({ snapshot, truncateFrom, entries }: Write): void {
    if (snapshot !== null && !this.cover(snapshot)) {
      this.#base = { index: snapshot.index, epoch: snapshot.epoch };
      this.#epochs = [];
    }
    if (truncateFrom !== null) this.#epochs.length = Math.max(0, truncateFrom - this.#base.index - 1);
    // A write may have been under way when a snapshot was taken of what it brings.
    for (const entry of entries) if (entry.index > this.#base.index) this.#epochs.push(entry.epoch);
  }

  /** A snapshot stands for everything up to its position from now on. False: the log does not hold that position. */
  cover(position: Position): boolean {
    if (position.index <= this.#base.index) return true;
    if (this.epochAt(position.index) !== position.epoch) return false;
    this.#epochs.splice(0, position.index - this.#base.index);
    this.#base = { index: position.index, epoch: position.epoch };
    return true;
  }

  /** Whether a start behind a snapshot at `base` that finds this log would find these entries. */
  startsWith(base: Position, entries: readonly Entry[]): boolean {
    if (base.index < this.#base.index) return false;
    const epoch = this.epochAt(base.index);
    // A snapshot is ahead of the log, or the log is of a branch that was never committed: the snapshot is all there is.
    if (epoch !== base.epoch) return entries.length === 0;
    if (entries.length !== this.last - base.index) return false;
    return entries.every((entry) => this.epochAt(entry.index) === entry.epoch);
  }

  copy(): DiskLog {
    return new DiskLog(this.#base, [...this.#epochs]);
  }
}
