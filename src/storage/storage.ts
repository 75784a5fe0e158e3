/**
 * What survives a crash: a log of entries, the engine's own state, and snapshots, for all groups of one member.
 *
 * Promises: writes become durable in the order they were given; a torn tail is told from damage by a total decision
 * table; nothing damaged is ever handed out as good; an fsync error poisons the store for good. Must not know what a
 * command means or which engine is running.
 */
import type { Entry, SnapshotMeta, Write } from "../consensus/engine.ts";
import type { ClusterId, GroupId, MemberId } from "../environment.ts";

/** Who a data directory belongs to. Written once, when the directory is made; checked at each start. */
export interface StorageIdentity {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  /** The engine's name; a directory made by one engine is refused by another. */
  readonly engine: string;
}

/** What a group's storage held when it was opened. */
export interface Recovered {
  readonly state: Uint8Array | null;
  readonly snapshot: SnapshotMeta | null;
  /** Contiguous, behind the snapshot. */
  readonly entries: readonly Entry[];
  /** See `EngineStart.untrusted`. */
  readonly untrusted: boolean;
  /** What was found and done, in words for a log line: a torn tail dropped, a snapshot skipped. Empty if all was well. */
  readonly findings: readonly string[];
}

export interface StorageEvents {
  /** All writes of the group up to this number are on disk. */
  durable(group: GroupId, write: number): void;
  /** The disk is full (true): writes wait and are tried again. Or has room again (false). */
  full(isFull: boolean): void;
  /** The store is poisoned: nothing further will become durable. The member must end. */
  failed(error: Error): void;
}

/** A snapshot being written. Chunks arrive in order. Invisible until `commit` resolves. */
export interface SnapshotWriter {
  readonly meta: SnapshotMeta;
  /** Bytes taken so far: where a resumed transfer goes on. */
  readonly offset: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Checks, syncs and publishes it. Older snapshots of the group are removed afterwards, except one being read. */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** A published snapshot opened for reading: a file that stays readable until closed, also when a newer one replaces it. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  /** Bytes of content, without the file's own header and checksums. */
  readonly size: number;
  /** The content from `offset` on, at most `length` bytes, checked against its checksums. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface GroupStorage {
  /** Until the first `write`, with which it is let go: the entries are the engine's by then. */
  readonly recovered: Recovered;
  /** Queues a write; `StorageEvents.durable` tells when it is on disk. Writes that wait are synced together. */
  write(write: Write): void;
  /**
   * The engine is not `untrusted` any more: a leader has made good what was lost. Until this is durable, each start is
   * `untrusted` again.
   */
  markTrusted(): void;
  /** Begins a snapshot of this state machine's state, or of one received from a peer. */
  beginSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter>;
  /** The newest published snapshot, or null. */
  openSnapshot(): Promise<SnapshotReader | null>;
  /** Entries up to this index are covered by a published snapshot: their segments may go. */
  release(upTo: number): Promise<void>;
}

export interface Storage {
  readonly identity: StorageIdentity;
  group(id: GroupId): GroupStorage;
  /** Bytes on disk, for status and metrics. */
  readonly bytes: number;
  /**
   * Takes no more writes, and resolves when those that are queued are durable or given up. A full disk gets one more
   * chance; then snapshots that wait for the log fail, so that whoever writes one can end. A disk that hangs is waited
   * for.
   */
  finish(): Promise<void>;
  /** Finishes and lets go of the directory. Nobody may be writing or reading a snapshot any more. */
  close(): Promise<void>;
}
