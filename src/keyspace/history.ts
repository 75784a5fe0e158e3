/**
 * The changes of the keyspace in order of revision, and how many bytes each of them made superfluous.
 *
 *      first ┐                                            ┌ end
 *     ┌──────▼─────────┬────────────────┬─────────────────▼┐     blocks of 1024
 *     │ gone │ 7 7 8 9 │ 10 11 12 12 12 │ 13 14 15         │     a change's record, by its revision
 *     │      │ + + + + │  +  +  +  +  + │  +  +  +         │     bytes superseded from the beginning up to it
 *     └────────────────┴────────────────┴──────────────────┘
 *
 * A version is superseded by the next change of its key, a tombstone by itself: once that change is at or below the
 * compacted revision, nobody can read it. So the difference of two sums is what a compaction frees, at once and
 * exactly, however far the sweeping behind it has come.
 *
 * Changes have indexes that stay when older ones are dropped.
 */
import { assert, InvariantViolation } from "../errors.ts";
import { type KeyRecord, makeTombstone } from "./record.ts";

const BLOCK_BITS = 10;
const BLOCK_SIZE = 1 << BLOCK_BITS;
const BLOCK_MASK = BLOCK_SIZE - 1;

/** Stands where a dropped change was, so that its value is not kept in memory by the rest of its block. */
const GONE: KeyRecord = makeTombstone("", 0, 0, null);

interface Block {
  readonly records: KeyRecord[];
  /** Sum up to and including each. Bytes. */
  readonly superseded: Float64Array;
}

export class History {
  readonly #blocks: Block[] = [];
  /** Index of the first change in the first block, whether dropped or not. */
  #base = 0;
  #first = 0;
  #end = 0;
  #superseded = 0;
  #supersededBeforeFirst = 0;

  /** Index of the first change that is still here. */
  get first(): number {
    return this.#first;
  }

  /** Index behind the last change. */
  get end(): number {
    return this.#end;
  }

  /** Bytes superseded by all changes ever. */
  get superseded(): number {
    return this.#superseded;
  }

  /** Appends a change that supersedes this many bytes. */
  push(record: KeyRecord, superseded: number): void {
    const offset = this.#end - this.#base;
    let block = this.#blocks[offset >>> BLOCK_BITS];
    if (block === undefined) {
      block = { records: [], superseded: new Float64Array(BLOCK_SIZE) };
      this.#blocks.push(block);
    }
    this.#superseded += superseded;
    block.records.push(record);
    block.superseded[offset & BLOCK_MASK] = this.#superseded;
    this.#end++;
  }

  at(index: number): KeyRecord {
    // The text is made only when it is needed: this is asked with every write.
    if (index < this.#first || index >= this.#end) {
      assert(false, `history: no change ${index} in ${this.#first} to ${this.#end}`);
    }
    return this.#at(index);
  }

  #at(index: number): KeyRecord {
    const offset = index - this.#base;
    return (this.#blocks[offset >>> BLOCK_BITS] as Block).records[offset & BLOCK_MASK] as KeyRecord;
  }

  #supersededAt(index: number): number {
    if (index < this.#first) return this.#supersededBeforeFirst;
    const offset = index - this.#base;
    return (this.#blocks[offset >>> BLOCK_BITS] as Block).superseded[offset & BLOCK_MASK] as number;
  }

  /** Index of the first change with this revision or a later one; `end` if there is none. */
  indexOf(revision: number): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#at(middle).modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Bytes superseded by all changes up to and including a revision. */
  supersededUpTo(revision: number): number {
    return this.#supersededAt(this.indexOf(revision + 1) - 1);
  }

  /** The first revision by which at least this many bytes were superseded; the last one if there never were. */
  revisionSuperseding(bytes: number): number {
    let low = this.#first;
    let high = this.#end - 1;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#supersededAt(middle) < bytes) low = middle + 1;
      else high = middle;
    }
    return this.at(low).modRevision;
  }

  /** Visits changes from an index on, in order, until `visit` returns false. */
  forEach(from: number, visit: (record: KeyRecord) => boolean): void {
    for (let index = Math.max(from, this.#first); index < this.#end; index++) if (!visit(this.#at(index))) return;
  }

  /** Forgets all changes before an index. */
  dropBefore(index: number): void {
    if (index <= this.#first) return;
    if (index > this.#end) throw new InvariantViolation(`history: cannot drop up to ${index} of ${this.#end}`);
    this.#supersededBeforeFirst = this.#supersededAt(index - 1);
    const blocks = Math.floor((index - this.#base) / BLOCK_SIZE);
    if (blocks > 0) {
      // Also the last one, if it is full: `push` makes a new one.
      this.#blocks.splice(0, blocks);
      this.#base += blocks * BLOCK_SIZE;
    }
    const rest = index - this.#base;
    if (rest > 0) this.#blocks[0]?.records.fill(GONE, Math.max(0, this.#first - this.#base), rest);
    this.#first = index;
  }
}
