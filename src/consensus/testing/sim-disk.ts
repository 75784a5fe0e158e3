/**
 * A simulated disk of one member: writes complete late and in order; a crash loses what was not synced, except for a
 * prefix that happened to get there.
 *
 * Snapshots are files of their own, durable when said so; opening sorts out what belongs together as a storage must.
 */
import type { EngineStart, Entry, SnapshotMeta, Write } from "../engine.ts";

/** A state machine's state in a file: its hash stands for the state. */
export interface SnapshotFile {
  readonly meta: SnapshotMeta;
  readonly hash: number;
}

export class SimDisk {
  state: Uint8Array | null = null;
  snapshot: SnapshotFile | null = null;
  /** The log as far as it is durable; contiguous, beginning anywhere. */
  entries: Entry[] = [];
  /** Handed over, not durable yet; in order. */
  underway: Write[] = [];
  /** Acknowledged entries got lost and the storage knows it. */
  untrusted = false;
  /** The log before entries of it were last replaced by others; null: none were. */
  older: readonly Entry[] | null = null;
  #release: { readonly index: number; readonly after: number } | null = null;

  begin(write: Write): void {
    this.underway.push(write);
  }

  /** Completes all writes up to this number. */
  complete(number: number): void {
    while (this.underway.length > 0 && (this.underway[0] as Write).number <= number) {
      this.#perform(this.underway.shift() as Write);
    }
    this.#releaseIfDue();
  }

  #perform(write: Write): void {
    if (write.snapshot !== null) {
      const { index, epoch } = write.snapshot;
      const holds = this.entries.some((entry) => entry.index === index && entry.epoch === epoch);
      this.entries = holds ? this.entries.filter((entry) => entry.index > index) : [];
    }
    if (write.truncateFrom !== null) {
      const from = write.truncateFrom;
      this.older = this.entries;
      this.entries = this.entries.filter((entry) => entry.index < from);
    }
    const last = this.entries.at(-1);
    const first = write.entries[0];
    if (last !== undefined && first !== undefined && first.index !== last.index + 1) {
      throw new Error(`write ${write.number} appends ${first.index} behind ${last.index}`);
    }
    for (const entry of write.entries) this.entries.push(entry);
    if (write.state !== null) this.state = write.state;
  }

  /** The power fails: the first `survivors` of the writes under way made it. */
  crash(survivors: number): void {
    for (const write of this.underway.slice(0, survivors)) this.#perform(write);
    this.underway = [];
    this.#release = null;
  }

  /** A snapshot is written and synced. */
  publish(file: SnapshotFile): void {
    if (this.snapshot === null || file.meta.index > this.snapshot.meta.index) this.snapshot = file;
  }

  /**
   * Segments up to `index` are removed, once all writes under way are done: one of them may replace the very entries that
   * would be left alone behind the snapshot.
   */
  release(index: number): void {
    this.#release = { index, after: this.underway.at(-1)?.number ?? 0 };
    this.#releaseIfDue();
  }

  #releaseIfDue(): void {
    if (this.#release === null) return;
    const { index, after } = this.#release;
    const [oldest] = this.underway;
    if (oldest !== undefined && oldest.number <= after) return;
    this.#release = null;
    let drop = 0;
    while (drop < this.entries.length && (this.entries[drop] as Entry).index <= index) drop++;
    this.entries.splice(0, drop);
  }

  /** Whether an entry, or a snapshot that covers it, would be found after a crash now. */
  holds(index: number, epoch: number): boolean {
    if (this.snapshot !== null && this.snapshot.meta.index >= index) return true;
    const first = this.entries[0]?.index ?? 0;
    return this.entries[index - first]?.epoch === epoch;
  }

  open(): EngineStart {
    const { state, untrusted } = this;
    const snapshot = this.snapshot?.meta ?? null;
    if (snapshot !== null) {
      const at = this.entries.findIndex((entry) => entry.index === snapshot.index && entry.epoch === snapshot.epoch);
      const follows = this.entries[0]?.index === snapshot.index + 1;
      if (at >= 0) this.entries.splice(0, at + 1);
      else if (!follows) this.entries = [];
    }
    return { state, snapshot, entries: [...this.entries], untrusted };
  }
}
