/**
 * Takes a snapshot from the leader in chunks, writes it to the disk, and tells the engine when all of it is there.
 * One at a time; a newer one replaces an older one. Chunks that are not the next expected are answered with the offset
 * to go on from, so that duplicates and gaps (a broken link) cost nothing but the answer.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Logger, MemberId } from "../environment.ts";
import type { GroupStorage, SnapshotWriter } from "../storage/storage.ts";
import { AckState, type SnapshotAck, type SnapshotChunk } from "./snapshot-frames.ts";

interface Receiving {
  readonly meta: SnapshotMeta;
  readonly size: number;
  from: MemberId;
  writer: SnapshotWriter | null;
  /** Taken so far, written or waiting to be. */
  expected: number;
  /** The work on it, one step behind the other. */
  work: Promise<void>;
  over: boolean;
}

export class SnapshotReceiver {
  #receiving: Receiving | null = null;
  #stopped = false;
  readonly #storage: GroupStorage;
  readonly #logger: Logger;
  readonly #ack: (to: MemberId, ack: SnapshotAck) => void;
  readonly #received: (from: MemberId, meta: SnapshotMeta) => void;

  constructor(options: {
    storage: GroupStorage;
    logger: Logger;
    ack: (to: MemberId, ack: SnapshotAck) => void;
    /** All of it is on disk and checked. */
    received: (from: MemberId, meta: SnapshotMeta) => void;
  }) {
    this.#storage = options.storage;
    this.#logger = options.logger;
    this.#ack = options.ack;
    this.#received = options.received;
  }

  get busy(): boolean {
    return this.#receiving !== null;
  }

  /** `applied`: what this replica has already; an older snapshot is not needed. */
  chunk(from: MemberId, chunk: SnapshotChunk, applied: number): void {
    if (this.#stopped) return;
    const { meta } = chunk;
    if (meta.index <= applied) return this.#answer(from, meta, chunk.size, AckState.done);
    const current = this.#receiving;
    if (current !== null && !isSame(current.meta, meta)) {
      const older = meta.epoch < current.meta.epoch || meta.index < current.meta.index;
      if (older && from === current.from) return this.#answer(from, meta, 0, AckState.refused);
      this.#abandon(current);
    }
    const receiving = this.#receiving ?? this.#begin(from, chunk);
    receiving.from = from;
    if (chunk.offset !== receiving.expected || chunk.offset + chunk.content.length > chunk.size) {
      return this.#answer(from, meta, receiving.expected, AckState.more);
    }
    receiving.expected += chunk.content.length;
    // A copy: the frame's bytes belong to the link's buffer.
    this.#then(receiving, (content) => this.#write(receiving, content), new Uint8Array(chunk.content));
  }

  /** The replica got here by the log: a transfer up to that index is not needed any more. */
  applied(index: number): void {
    if (this.#receiving !== null && this.#receiving.meta.index <= index) this.#abandon(this.#receiving);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const current = this.#receiving;
    if (current === null) return;
    this.#abandon(current);
    await current.work;
  }

  #begin(from: MemberId, { meta, size }: SnapshotChunk): Receiving {
    this.#logger.info(
      { index: meta.index, bytes: size },
      `receiving snapshot ${meta.index} from ${from.toString(16)}, ${size} bytes`,
    );
    const receiving: Receiving = { meta, size, from, writer: null, expected: 0, work: Promise.resolve(), over: false };
    this.#receiving = receiving;
    return receiving;
  }

  #then(receiving: Receiving, step: (content: Uint8Array) => Promise<void>, content: Uint8Array): void {
    receiving.work = receiving.work
      .then(() => (receiving.over ? undefined : step(content)))
      .catch((error: unknown) => {
        this.#logger.warn({ error: String(error) }, `cannot take snapshot ${receiving.meta.index}: ${String(error)}`);
        this.#abandon(receiving);
        this.#answer(receiving.from, receiving.meta, 0, AckState.refused);
      });
  }

  async #write(receiving: Receiving, content: Uint8Array): Promise<void> {
    receiving.writer ??= await this.#storage.beginSnapshot(receiving.meta);
    await receiving.writer.write(content);
    if (receiving.over) return;
    if (receiving.writer.offset < receiving.size) {
      return this.#answer(receiving.from, receiving.meta, receiving.writer.offset, AckState.more);
    }
    await receiving.writer.commit();
    receiving.over = true;
    if (this.#receiving === receiving) this.#receiving = null;
    this.#received(receiving.from, receiving.meta);
    this.#answer(receiving.from, receiving.meta, receiving.size, AckState.done);
  }

  #abandon(receiving: Receiving): void {
    if (receiving.over) return;
    receiving.over = true;
    if (this.#receiving === receiving) this.#receiving = null;
    receiving.work = receiving.work
      .then(() => receiving.writer?.abort())
      .catch((error: unknown) => {
        this.#logger.warn({ error: String(error) }, `cannot clean up an abandoned snapshot: ${String(error)}`);
      });
  }

  #answer(to: MemberId, meta: SnapshotMeta, offset: number, state: AckState): void {
    this.#ack(to, { index: meta.index, epoch: meta.epoch, offset, state });
  }
}

function isSame(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return a.index === b.index && a.epoch === b.epoch;
}
