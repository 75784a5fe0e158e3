/**
 * The entries a member holds in memory: a run of the log behind a known position.
 *
 *     index   ... base | base+1 ... last
 *     here    position |  entries[0..n]        entries up to the newest snapshot may still be held (a tail for
 *                                              peers that lag a little), older ones are forgotten
 */
import { InvariantViolation } from "../../errors.ts";
import type { Entry, Position } from "../engine.ts";

export class EntryLog {
  /** The position right before the first entry held: {0, 0}, or covered by a snapshot. */
  #base: Position;
  #entries: Entry[];
  /** Sum of the entries' data, in bytes. */
  #bytes = 0;

  constructor(base: Position, entries: readonly Entry[]) {
    this.#base = { epoch: base.epoch, index: base.index };
    this.#entries = [];
    for (const entry of entries) this.append(entry);
  }

  get base(): Position {
    return this.#base;
  }

  get firstIndex(): number {
    return this.#base.index + 1;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  get lastEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? this.#base.epoch;
  }

  get bytes(): number {
    return this.#bytes;
  }

  at(index: number): Entry | null {
    return this.#entries[index - this.#base.index - 1] ?? null;
  }

  /** The epoch of the entry at an index, or null where the log does not reach. Known for the base, too. */
  epochAt(index: number): number | null {
    if (index === this.#base.index) return this.#base.epoch;
    return this.at(index)?.epoch ?? null;
  }

  holds(position: Position): boolean {
    return this.epochAt(position.index) === position.epoch;
  }

  /** Whether a log that ends at this position is at least as complete as this one (paper §5.4.1). */
  isAtMost(last: Position): boolean {
    return last.epoch > this.lastEpoch || (last.epoch === this.lastEpoch && last.index >= this.lastIndex);
  }

  append(entry: Entry): void {
    if (entry.index !== this.lastIndex + 1 || entry.epoch < this.lastEpoch) this.#refuse(entry);
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
  }

  #refuse(entry: Entry): never {
    const last = `the last entry ${this.lastIndex} of epoch ${this.lastEpoch}`;
    throw new InvariantViolation(`entry ${entry.index} of epoch ${entry.epoch} does not follow ${last}`);
  }

  /** Drops all entries from this index on. */
  truncateFrom(index: number): void {
    if (index <= this.#base.index)
      throw new InvariantViolation(`cannot drop entries from ${index}: the log begins at ${this.firstIndex}`);
    for (const entry of this.#entries.splice(index - this.firstIndex)) this.#bytes -= entry.data.length;
  }

  /** Forgets entries up to `index`. */
  compact(index: number): void {
    if (index > this.lastIndex)
      throw new InvariantViolation(`cannot forget entries up to ${index}: the log ends at ${this.lastIndex}`);
    if (index <= this.#base.index) return;
    const { epoch } = this.at(index) as Entry;
    for (const entry of this.#entries.splice(0, index - this.#base.index)) this.#bytes -= entry.data.length;
    this.#base = { epoch, index };
  }

  /** Starts anew behind a snapshot. */
  reset(base: Position): void {
    this.#base = { epoch: base.epoch, index: base.index };
    this.#entries = [];
    this.#bytes = 0;
  }

  /** Entries from `from` to `to`, both included. */
  slice(from: number, to: number): Entry[] {
    if (!(from > this.#base.index && to <= this.lastIndex))
      throw new InvariantViolation(`entries ${from} to ${to} are not all in the log`);
    return this.#entries.slice(from - this.firstIndex, to - this.#base.index);
  }

  /** Entries from `from` on, as many as fit into `maxBytes` of data, but at least one if there is one. */
  sliceBytes(from: number, maxBytes: number): Entry[] {
    const start = from - this.firstIndex;
    let end = start;
    let bytes = 0;
    while (end < this.#entries.length) {
      bytes += (this.#entries[end] as Entry).data.length + entryOverheadBytes;
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  /** Data bytes of the entries from `from` on. */
  bytesFrom(from: number): number {
    let bytes = 0;
    for (let index = Math.max(from, this.firstIndex); index <= this.lastIndex; index++) {
      bytes += (this.at(index) as Entry).data.length;
    }
    return bytes;
  }

  /**
   * The last index up to `index` whose epoch is at most `epoch`: where two logs may still agree, if the other one's
   * entry at `index` has this epoch. Epochs never fall along a log, so a binary search finds it; both sides skip whole
   * epochs with it, and a long divergent tail costs one probe an epoch.
   */
  lastAtMostEpoch(index: number, epoch: number): number {
    let low = this.#base.index;
    let high = Math.min(index, this.lastIndex);
    if (high <= low) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.epochAt(middle) as number) <= epoch) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** What an entry costs beside its data, in memory and in a message: makes many empty entries count. */
export const entryOverheadBytes = 16;
