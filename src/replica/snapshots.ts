/**
 * All of a replica's snapshots: taking its own when the log has grown, streaming the newest one to members that are too
 * far behind, and receiving one from the leader.
 */
import type { Input, SnapshotMeta } from "../consensus/engine.ts";
import type { MemberId } from "../environment.ts";
import type { KeyspaceImage } from "../keyspace/keyspace.ts";
import { FrameKind } from "../transport/transport.ts";
import type { ReplicaCounters } from "./face.ts";
import type { ReplicaOptions } from "./options.ts";
import { decodeAck, decodeChunk, encodeAck } from "./snapshot-frames.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { SnapshotTaker } from "./snapshot-taker.ts";

export interface SnapshotPorts {
  /** Bytes of an entry the engine holds; 0 if it holds none there. */
  readonly entryBytes: (index: number) => number;
  readonly counters: ReplicaCounters;
  readonly step: (input: Input) => void;
  /** What the state machine stands at, and an image of it. */
  readonly applied: () => { readonly meta: SnapshotMeta; readonly freeze: () => KeyspaceImage };
  readonly failed: (error: unknown) => void;
}

export class Snapshots {
  readonly #options: ReplicaOptions;
  readonly #ports: SnapshotPorts;
  readonly #taker: SnapshotTaker;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  /** A peer needs one that is newer than the newest. */
  #wanted = false;

  constructor(options: ReplicaOptions, ports: SnapshotPorts) {
    const { environment, storage, transport, group } = options;
    const { clock, logger } = environment;
    const { counters, step } = ports;
    this.#options = options;
    this.#ports = ports;
    this.#taker = new SnapshotTaker({
      clock,
      storage,
      policy: options.snapshotPolicy,
      logger,
      taken: (meta) => this.#taken(meta),
      failed: ports.failed,
    });
    this.#sender = new SnapshotSender({
      storage,
      clock,
      logger,
      chunkBytes: options.snapshotChunkBytes,
      resendMs: options.snapshotResendMs,
      send: (to, pieces) => {
        const sent = transport.send(to, group, FrameKind.snapshotChunk, pieces, true);
        transport.flush();
        return sent;
      },
      sent: (to, index, ok) => {
        if (ok) counters.snapshotsSent++;
        step({ type: "snapshotSent", to, index, ok });
      },
    });
    this.#receiver = new SnapshotReceiver({
      storage,
      logger,
      ack: (to, ack) => {
        transport.send(to, group, FrameKind.snapshotAck, [encodeAck(ack)], false);
        transport.flush();
      },
      received: (from, snapshot) => step({ type: "snapshotReceived", from, snapshot }),
    });
  }

  chunk(from: MemberId, payload: Uint8Array): void {
    const chunk = decodeChunk(payload);
    if (chunk !== null) this.#receiver.chunk(from, chunk, this.#ports.applied().meta.index);
  }

  ack(from: MemberId, payload: Uint8Array): void {
    const ack = decodeAck(payload);
    if (ack !== null) this.#sender.ack(from, ack);
  }

  linkUp(peer: MemberId): void {
    this.#sender.linkUp(peer);
  }

  tick(): void {
    this.#sender.tick();
  }

  entryApplied(bytes: number): void {
    this.#taker.applied(1, bytes);
  }

  /** The state machine moved on to `index`: takes a snapshot if it is time. */
  applied(index: number): void {
    this.#receiver.applied(index);
    this.#takeIfDue();
  }

  /** One from the leader replaced the state. */
  installed(meta: SnapshotMeta): void {
    this.#ports.counters.snapshotsInstalled++;
    this.#options.environment.logger.info(
      { index: meta.index, epoch: meta.epoch },
      `installed snapshot at index ${meta.index}`,
    );
    this.#taker.reset();
    this.#release(meta.index);
  }

  /** The engine wants `to` to get one of at least `index`. */
  send(to: MemberId, index: number): void {
    this.#sender.begin(to, index).then((begun) => {
      if (begun) return;
      // None is new enough: take one, and let the engine ask again.
      this.#wanted = true;
      this.#takeIfDue();
      this.#ports.step({ type: "snapshotSent", to, index, ok: false });
    }, this.#ports.failed);
  }

  /** This member does not lead any more. */
  demote(): void {
    this.#sender.stop();
  }

  async stop(): Promise<void> {
    this.#sender.stop();
    await Promise.all([this.#taker.stop(), this.#receiver.stop()]);
  }

  #takeIfDue(): void {
    const { meta, freeze } = this.#ports.applied();
    if (this.#receiver.busy || this.#taker.busy || meta.index === 0) return;
    if (!this.#wanted && !this.#taker.due) return;
    this.#wanted = false;
    this.#taker.take(meta, freeze());
  }

  #taken(snapshot: SnapshotMeta): void {
    this.#ports.step({ type: "compact", snapshot, upTo: this.#keepBehind(snapshot.index) });
    this.#release(snapshot.index);
  }

  /** The index behind which entries are kept. */
  #keepBehind(index: number): number {
    const { catchUpEntries, catchUpBytes } = this.#options;
    const { entryBytes } = this.#ports;
    let bytes = 0;
    let behind = index;
    while (behind > 0 && index - behind < catchUpEntries) {
      bytes += entryBytes(behind);
      if (bytes > catchUpBytes) break;
      behind--;
    }
    return behind;
  }

  #release(index: number): void {
    this.#options.storage.release(index).catch(this.#ports.failed);
  }
}
