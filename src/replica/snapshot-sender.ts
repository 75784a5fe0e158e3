/**
 * Streams the newest snapshot on disk to peers that are too far behind for the log: a few chunks ahead of what the
 * peer has acknowledged, so that memory stays bounded and heartbeats get through; taken up again where it broke.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Clock, Logger, MemberId } from "../environment.ts";
import type { GroupStorage, SnapshotReader } from "../storage/storage.ts";
import { AckState, encodeChunk, type SnapshotAck } from "./snapshot-frames.ts";

/** Chunks sent and not acknowledged, per peer. */
const WINDOW_CHUNKS = 8;
/** Without progress for so many times as long as it takes to send again, the transfer failed. */
const GIVE_UP_AFTER = 15;

interface Transfer {
  readonly to: MemberId;
  readonly reader: SnapshotReader;
  sent: number;
  acked: number;
  progressAt: number;
  sentAt: number;
  reading: boolean;
  over: boolean;
}

export class SnapshotSender {
  readonly #transfers = new Map<MemberId, Transfer>();
  readonly #opening = new Set<MemberId>();
  /** Counts the stops: what was being opened at one is not sent any more. */
  #round = 0;
  readonly #storage: GroupStorage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #chunkBytes: number;
  readonly #resendMs: number;
  readonly #send: (to: MemberId, pieces: readonly Uint8Array[]) => boolean;
  readonly #sent: (to: MemberId, index: number, ok: boolean) => void;

  constructor(options: {
    storage: GroupStorage;
    clock: Clock;
    logger: Logger;
    /** The most bytes of a snapshot in one message. */
    chunkBytes: number;
    /** Without an acknowledgement for this long, what was sent counts as lost. */
    resendMs: number;
    send: (to: MemberId, pieces: readonly Uint8Array[]) => boolean;
    /** The transfer is over. */
    sent: (to: MemberId, index: number, ok: boolean) => void;
  }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#chunkBytes = options.chunkBytes;
    this.#resendMs = options.resendMs;
    this.#send = options.send;
    this.#sent = options.sent;
  }

  isSendingTo(peer: MemberId): boolean {
    return this.#transfers.has(peer) || this.#opening.has(peer);
  }

  /**
   * Begins; resolves to false if there is no snapshot of at least `index` yet. Never rejects: a snapshot that cannot be
   * opened is a transfer that failed.
   */
  async begin(to: MemberId, index: number): Promise<boolean> {
    if (this.isSendingTo(to)) return true;
    const round = this.#round;
    this.#opening.add(to);
    let reader: SnapshotReader | null;
    try {
      reader = await this.#storage.openSnapshot();
    } catch (error) {
      this.#logger.error({ error: String(error) }, `cannot open the snapshot to send it: ${String(error)}`);
      this.#sent(to, index, false);
      return true;
    } finally {
      this.#opening.delete(to);
    }
    if (round !== this.#round) {
      if (reader !== null) this.#close(reader);
      this.#sent(to, index, false);
      return true;
    }
    if (reader === null || reader.meta.index < index) {
      if (reader !== null) this.#close(reader);
      return false;
    }
    const now = this.#clock.now();
    const transfer = { to, reader, sent: 0, acked: 0, progressAt: now, sentAt: now, reading: false, over: false };
    this.#transfers.set(to, transfer);
    const { meta, size } = reader;
    this.#logger.info(
      { to: to.toString(16), index: meta.index, bytes: size },
      `sending snapshot ${meta.index} to ${to.toString(16)}`,
    );
    this.#pump(transfer);
    return true;
  }

  ack(from: MemberId, ack: SnapshotAck): void {
    const transfer = this.#transfers.get(from);
    if (transfer === undefined || !isOf(ack, transfer.reader.meta)) return;
    if (ack.state !== AckState.more) return this.#end(transfer, ack.state === AckState.done);
    if (ack.offset > transfer.reader.size) return;
    if (ack.offset > transfer.acked) transfer.progressAt = this.#clock.now();
    // An offset behind what is acknowledged: the receiver started anew.
    transfer.acked = ack.offset;
    if (ack.offset > transfer.sent) transfer.sent = ack.offset;
    this.#pump(transfer);
  }

  linkUp(peer: MemberId): void {
    const transfer = this.#transfers.get(peer);
    if (transfer === undefined) return;
    transfer.sent = transfer.acked;
    this.#pump(transfer);
  }

  tick(): void {
    const now = this.#clock.now();
    for (const transfer of this.#transfers.values()) {
      if (now - transfer.progressAt > GIVE_UP_AFTER * this.#resendMs) this.#end(transfer, false);
      else if (now - transfer.sentAt > this.#resendMs && transfer.sent > transfer.acked) transfer.sent = transfer.acked;
      if (!transfer.over) this.#pump(transfer);
    }
  }

  /** This member does not lead any more, or stops. */
  stop(): void {
    this.#round++;
    for (const transfer of this.#transfers.values()) this.#end(transfer, false);
  }

  #pump(transfer: Transfer): void {
    if (transfer.reading || transfer.over) return;
    const finished = transfer.sent >= transfer.reader.size && transfer.reader.size > 0;
    if (finished || transfer.sent - transfer.acked >= WINDOW_CHUNKS * this.#chunkBytes) return;
    transfer.reading = true;
    const offset = transfer.sent;
    transfer.reader.read(offset, this.#chunkBytes).then(
      (content) => {
        transfer.reading = false;
        if (transfer.over) return;
        if (transfer.sent !== offset) return this.#pump(transfer);
        const { meta, size } = transfer.reader;
        if (!this.#send(transfer.to, encodeChunk({ meta, size, offset, content }))) return;
        transfer.sent = offset + content.length;
        transfer.sentAt = this.#clock.now();
        this.#pump(transfer);
      },
      (error: unknown) => {
        transfer.reading = false;
        this.#logger.error({ error: String(error) }, `cannot read the snapshot to send it: ${String(error)}`);
        this.#end(transfer, false);
      },
    );
  }

  #end(transfer: Transfer, ok: boolean): void {
    if (transfer.over) return;
    transfer.over = true;
    this.#transfers.delete(transfer.to);
    this.#close(transfer.reader);
    this.#sent(transfer.to, transfer.reader.meta.index, ok);
  }

  #close(reader: SnapshotReader): void {
    reader.close().catch((error: unknown) => {
      this.#logger.warn({ error: String(error) }, `cannot close a snapshot: ${String(error)}`);
    });
  }
}

function isOf(ack: SnapshotAck, meta: SnapshotMeta): boolean {
  return ack.index === meta.index && ack.epoch === meta.epoch;
}
