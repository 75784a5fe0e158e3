/** A group's storage in memory: writes take time to become durable, and a crash loses those that were not. */

import type { Entry, SnapshotMeta, Write } from "../../consensus/engine.ts";
import type { Clock } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { GroupStorage, Recovered, SnapshotReader, SnapshotWriter } from "../../storage/storage.ts";

interface Stored {
  readonly meta: SnapshotMeta;
  readonly content: Uint8Array;
}

/** What is on the disk: survives a crash of the member that uses it. */
export class MemoryDisk {
  entries: Entry[] = [];
  state: Uint8Array | null = null;
  snapshot: Stored | null = null;

  apply(write: Write): void {
    const { snapshot, truncateFrom } = write;
    if (snapshot !== null) {
      const joins = this.entries.some(({ index, epoch }) => index === snapshot.index && epoch === snapshot.epoch);
      this.entries = joins ? this.entries.filter(({ index }) => index > snapshot.index) : [];
    }
    if (truncateFrom !== null) this.entries = this.entries.filter(({ index }) => index < truncateFrom);
    this.entries.push(...write.entries);
    if (write.state !== null) this.state = write.state;
  }

  recover(): Recovered {
    const behind = this.snapshot?.meta.index ?? 0;
    return {
      state: this.state,
      snapshot: this.snapshot?.meta ?? null,
      entries: this.entries.filter(({ index }) => index > behind),
      untrusted: false,
      findings: [],
    };
  }
}

export class MemoryStorage implements GroupStorage {
  readonly recovered: Recovered;
  crashed = false;
  /** How long a sync takes; writes that wait are synced together. */
  syncMs = 1;
  readonly #disk: MemoryDisk;
  readonly #clock: Clock;
  readonly #durable: (write: number) => void;
  #waiting: Write[] = [];
  #busy = false;

  constructor(disk: MemoryDisk, clock: Clock, durable: (write: number) => void) {
    this.#disk = disk;
    this.#clock = clock;
    this.#durable = durable;
    this.recovered = disk.recover();
  }

  write(write: Write): void {
    this.#waiting.push(write);
    if (!this.#busy) this.#sync();
  }

  #sync(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#busy = batch.length > 0;
    if (!this.#busy) return;
    this.#clock.after(this.syncMs, () => {
      if (this.crashed) return;
      for (const write of batch) this.#disk.apply(write);
      this.#durable(batch.at(-1)?.number ?? 0);
      this.#sync();
    });
  }

  markTrusted(): void {}

  async beginSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const disk = this.#disk;
    const parts: Uint8Array[] = [];
    let offset = 0;
    return {
      meta,
      get offset() {
        return offset;
      },
      write: async (chunk) => {
        parts.push(new Uint8Array(chunk));
        offset += chunk.length;
      },
      commit: async () => {
        if (this.crashed) return;
        if ((disk.snapshot?.meta.index ?? 0) < meta.index) disk.snapshot = { meta, content: Buffer.concat(parts) };
      },
      abort: async () => {},
    };
  }

  async openSnapshot(): Promise<SnapshotReader | null> {
    const stored = this.#disk.snapshot;
    if (stored === null) return null;
    return {
      meta: stored.meta,
      size: stored.content.length,
      read: async (offset, length) => stored.content.subarray(offset, offset + length),
      close: async () => {},
    };
  }

  async release(upTo: number): Promise<void> {
    assert(upTo <= (this.#disk.snapshot?.meta.index ?? 0), `released up to ${upTo} without a snapshot of it`);
    this.#disk.entries = this.#disk.entries.filter(({ index }) => index > upTo);
  }
}
