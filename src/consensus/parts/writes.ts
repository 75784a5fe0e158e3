/**
 * What the disk still has to do, and what it has done.
 *
 * Changes gather here during a batch of inputs and leave as one numbered `Write`. Writes complete in order, so
 * "durable up to n" says exactly what is on disk. An index alone would not: entry 5 may be written, overwritten by
 * another leader and written again (etcd's "ABA"); therefore a truncation also takes the dropped indexes away from
 * the writes that are still under way.
 *
 *     changed in memory --(issue)--> write n under way --(complete n)--> durable
 */
import { InvariantViolation } from "../../errors.ts";
import type { SnapshotMeta, Write } from "../engine.ts";
import type { EntryLog } from "./entry-log.ts";

interface Underway {
  readonly number: number;
  /** Last index of the log that is on disk once this write is, as far as it is still in the log. */
  lastIndex: number;
  readonly issuedAt: number;
}

export class Writes {
  /** Number of the newest write handed out. */
  #issued = 0;
  #durable = 0;
  #durableIndex: number;
  #underway: Underway[] = [];
  #snapshot: SnapshotMeta | null = null;
  #truncateFrom: number | null = null;
  /** First index that no write has carried yet. */
  #nextIndex: number;
  #stateChanged = false;

  /** @param lastIndex the last entry the disk held at the start. */
  constructor(lastIndex: number) {
    this.#durableIndex = lastIndex;
    this.#nextIndex = lastIndex + 1;
  }

  /** Last index of the present log known to be on disk. */
  get durableIndex(): number {
    return this.#durableIndex;
  }

  get durable(): number {
    return this.#durable;
  }

  get issued(): number {
    return this.#issued;
  }

  pending(log: EntryLog): boolean {
    return (
      this.#stateChanged || this.#snapshot !== null || this.#truncateFrom !== null || log.lastIndex >= this.#nextIndex
    );
  }

  /** The write that everything changed so far is part of: what a promise made now must wait for. 0: all is durable. */
  barrier(log: EntryLog): number {
    if (this.pending(log)) return this.#issued + 1;
    return this.#underway.length > 0 ? this.#issued : 0;
  }

  stateChanged(): void {
    this.#stateChanged = true;
  }

  /** The log dropped its entries from `index` on. */
  truncated(index: number): void {
    if (index < this.#nextIndex) {
      this.#nextIndex = index;
      this.#truncateFrom = index;
    }
    this.#durableIndex = Math.min(this.#durableIndex, index - 1);
    for (const write of this.#underway) write.lastIndex = Math.min(write.lastIndex, index - 1);
  }

  /**
   * The log starts anew behind a snapshot that is on disk already. `whole`: entries behind it, which the storage keeps if
   * it holds the snapshot's position, are dropped there too; those that stay are appended after this.
   */
  restarted(snapshot: SnapshotMeta, whole = false): void {
    this.#snapshot = snapshot;
    this.#truncateFrom = whole ? snapshot.index + 1 : null;
    this.#nextIndex = snapshot.index + 1;
    this.#durableIndex = snapshot.index;
    for (const write of this.#underway) write.lastIndex = snapshot.index;
  }

  /** Hands out what has changed as one write, or null. `encodeState` is asked only if the state changed. */
  issue(log: EntryLog, encodeState: () => Uint8Array, now: number): Write | null {
    if (!this.pending(log)) return null;
    this.#issued++;
    const write: Write = {
      number: this.#issued,
      snapshot: this.#snapshot,
      truncateFrom: this.#truncateFrom,
      entries: log.lastIndex >= this.#nextIndex ? log.slice(this.#nextIndex, log.lastIndex) : [],
      state: this.#stateChanged ? encodeState() : null,
    };
    this.#underway.push({ number: this.#issued, lastIndex: log.lastIndex, issuedAt: now });
    this.#snapshot = null;
    this.#truncateFrom = null;
    this.#nextIndex = log.lastIndex + 1;
    this.#stateChanged = false;
    return write;
  }

  /** All writes up to `number` are on disk. Returns whether that was news. */
  complete(number: number): boolean {
    if (number > this.#issued)
      throw new InvariantViolation(`write ${number} cannot be durable: the newest handed out is ${this.#issued}`);
    if (number <= this.#durable) return false;
    this.#durable = number;
    let done = 0;
    while (done < this.#underway.length && (this.#underway[done] as Underway).number <= number) {
      this.#durableIndex = Math.max(this.#durableIndex, (this.#underway[done] as Underway).lastIndex);
      done++;
    }
    this.#underway.splice(0, done);
    return true;
  }

  /** When the oldest write that is not durable was handed out, in ms; null: all is durable. */
  get oldestIssuedAt(): number | null {
    return this.#underway[0]?.issuedAt ?? null;
  }
}
