/**
 * One version of one key: what the tree, the history and the watchers all share, so that a read allocates nothing.
 *
 *     tree: key ─▶ newest record ─older▶ record ─older▶ … ─▶ null
 *                       ▲                  ▲
 *     history: … [rev 7] ┘     [rev 4] ────┘      (in order of revision and place in it)
 *
 * What a client can see of a record never changes: snapshots, reads and watchers share it. Only `older` is ever cut,
 * by the sweeping of versions that nobody can read any more (`mvcc.ts`).
 */
import type { ByteString, KeyValue, LeaseId } from "../wire/kv.ts";

export interface KeyRecord extends KeyValue {
  /** Place among the changes of `modRevision`, from 0. */
  readonly sub: number;
  /** A tombstone: `createRevision`, `version` 0, no value, no lease. */
  readonly deleted: boolean;
  /** The version before, or null: created here, or compacted away. */
  readonly older: KeyRecord | null;
}

/** What was changed, in order; the hub replays watches from it. */
export interface HistorySource {
  /** The newest revision. */
  readonly revision: number;
  /** Changes below it may be gone, those of this revision itself are still told (a watch may begin there); -1: none are. */
  readonly compactRevision: number;
  /**
   * Calls `visit` for every change with revision >= `from`, in order, until it returns false or the end is reached.
   * `from` must not be below `compactRevision`.
   */
  forEachChange(from: number, visit: (record: KeyRecord) => boolean): void;
  /**
   * The version of the record's key before its revision, or null if it was created by it, deleted before it, or if that
   * version is compacted.
   */
  previous(record: KeyRecord): KeyValue | null;
}

/** What a record costs in memory and in the quota beside its key and value (bytes): measured, rounded. */
export const RECORD_OVERHEAD_BYTES = 128;

/** What a record counts for in `liveBytes` and `historyBytes`. */
export function recordBytes(record: KeyValue): number {
  return record.key.length + record.value.length + RECORD_OVERHEAD_BYTES;
}

/** All records are made here or by `makeTombstone`, so that they have one shape and their use stays monomorphic. */
export function makeRecord(
  key: ByteString,
  createRevision: number,
  modRevision: number,
  version: number,
  value: ByteString,
  lease: LeaseId,
  sub: number,
  deleted: boolean,
  older: KeyRecord | null,
): KeyRecord {
  return { key, createRevision, modRevision, version, value, lease, sub, deleted, older };
}

export function makeTombstone(key: ByteString, modRevision: number, sub: number, older: KeyRecord | null): KeyRecord {
  return makeRecord(key, 0, modRevision, 0, "", 0n, sub, true, older);
}

/** Forgets (or, while loading, sets) what came before a record: the one change ever made to it. */
export function setOlder(record: KeyRecord, older: KeyRecord | null): void {
  (record as { older: KeyRecord | null }).older = older;
}
