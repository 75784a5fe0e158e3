/**
 * One version of one key: what the tree, the history and the watchers all share, so that a read allocates nothing.
 *
 *     tree: key ─▶ newest record ─older▶ record ─older▶ … ─▶ null
 *                       ▲                  ▲
 *     history: … [rev 7] ┘     [rev 4] ────┘      (in order of revision and place in it)
 *
 * Records are never changed: a snapshot shares them. Compaction that must cut a chain copies what it keeps.
 */
import type { KeyValue } from "../wire/kv.ts";

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
  /** Changes at and below it may be gone; -1: none are. */
  readonly compactRevision: number;
  /**
   * Calls `visit` for every change with revision >= `from`, in order, until it returns false or the end is reached.
   * `from` must be above `compactRevision`.
   */
  forEachChange(from: number, visit: (record: KeyRecord) => boolean): void;
  /** The version of the record's key right before it, or null if created by it, deleted before it, or compacted. */
  previous(record: KeyRecord): KeyValue | null;
}
