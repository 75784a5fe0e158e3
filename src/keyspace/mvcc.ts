/**
 * Versions of keys: what was when (multi-version concurrency control, as in etcd's `mvcc` package).
 *
 * A write transaction makes changes, all with the next revision, in order of `sub`; `end` makes them the past. Reads
 * within it see them at once. Three structures share the records (drawing in `record.ts`):
 *
 *   tree     the newest record of each key, tombstones among them
 *   chains   from each record to the one before
 *   history  all changes in order
 *
 * Compaction has two halves. `compact` is exact and immediate: reads below the revision are refused, and what nobody
 * can read any more is out of `historyBytes`. `sweep` frees the memory behind it, a few records at a time, and can
 * never be noticed: going up the history it cuts the chain below each change that is compacted. Whatever a chain holds
 * below a change at or before the compacted revision is invisible, so nothing has to be searched for.
 *
 * A frozen image reads the chains too, as of its own, older compacted revision. It holds a pin, which keeps the sweep
 * from going further; a forgotten pin is taken away when too much would be kept for it.
 */
import { InvariantViolation } from "../errors.ts";
import type { ByteString, LeaseId } from "../wire/kv.ts";
import { etcdErrors } from "./etcd-errors.ts";
import { History } from "./history.ts";
import { type KeyRecord, makeRecord, makeTombstone, recordBytes, setOlder } from "./record.ts";
import { Tree } from "./tree.ts";
import type { Visitor } from "./tree-walk.ts";

/** A new store's revision, as in etcd: the first write makes 2. */
export const FIRST_REVISION = 1;

/** The compacted revision of a store that was never compacted. */
export const NEVER_COMPACTED = -1;

/** Records swept along with each write that follows a compaction, so that sweeping ends also if nobody asks for it. */
const SWEPT_PER_WRITE = 4;

/** Keeps versions that were visible at `floor` from being swept while `held`. */
export interface Pin {
  readonly floor: number;
  held: boolean;
}

/** What a store is made from when it does not begin empty. */
export interface MvccStart {
  readonly tree: Tree;
  readonly revision: number;
  readonly compactRevision: number;
  /** All changes from `compactRevision` on, in order. */
  readonly changes: Iterable<KeyRecord>;
  readonly liveBytes: number;
}

export class Mvcc {
  readonly #tree: Tree;
  readonly #history: History = new History();
  readonly #pins: Set<Pin> = new Set();
  readonly #maxPinnedBytes: number;
  #revision: number;
  #compactRevision: number;
  #liveBytes: number;
  /** `history.superseded` as of the compacted revision. */
  #freed = 0;
  /** Index in the history of the next change to sweep, and the revision of the last one swept. */
  #swept = 0;
  #sweptRevision: number;
  /** Changes of the write transaction under way. */
  #changes = 0;

  /** @param maxPinnedBytes how much superseded history an image may keep in memory before it is given up */
  constructor(maxPinnedBytes: number, start?: MvccStart) {
    this.#maxPinnedBytes = maxPinnedBytes;
    this.#tree = start?.tree ?? new Tree();
    this.#revision = start?.revision ?? FIRST_REVISION;
    this.#compactRevision = start?.compactRevision ?? NEVER_COMPACTED;
    this.#sweptRevision = this.#compactRevision;
    this.#liveBytes = start?.liveBytes ?? 0;
    for (const record of start?.changes ?? []) {
      // What the changes of the compacted revision itself superseded is not part of the store any more.
      this.#history.push(record, record.modRevision > this.#compactRevision ? supersededBytes(record) : 0);
    }
  }

  /** The newest finished revision. */
  get revision(): number {
    return this.#revision;
  }

  /** The revision that reads see: within a transaction that has changed something, its own. */
  get readRevision(): number {
    return this.#changes > 0 ? this.#revision + 1 : this.#revision;
  }

  /** The oldest revision that can be read; `NEVER_COMPACTED` at first. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  get keyCount(): number {
    return this.#tree.live;
  }

  /** Bytes of the newest versions of living keys. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of older versions that can still be read, and of tombstones. */
  get historyBytes(): number {
    return this.#history.superseded - this.#freed;
  }

  // Reading

  /** The newest version of a living key. */
  get(key: ByteString): KeyRecord | null {
    const head = this.#tree.get(key);
    return head === undefined || head.deleted ? null : head;
  }

  /** The version of a key at a revision, which must not be compacted; null if there was none. */
  getAt(key: ByteString, revision: number): KeyRecord | null {
    const head = this.#tree.get(key);
    return head === undefined ? null : versionAt(head, revision);
  }

  /** Visits living keys with `from` <= key < `to` (null: no end) in order, until the visitor returns false. */
  visit(from: ByteString, to: ByteString | null, visitor: Visitor): void {
    this.#tree.visit(from, to, true, visitor);
  }

  visitDescending(from: ByteString, to: ByteString | null, visitor: Visitor): void {
    this.#tree.visitDescending(from, to, true, visitor);
  }

  /** As `visit`, of what was at a revision. Takes time for all keys in between, living or not. */
  visitAt(from: ByteString, to: ByteString | null, revision: number, visitor: Visitor): void {
    this.#tree.visit(from, to, false, (head) => {
      const record = versionAt(head, revision);
      return record === null || visitor(record);
    });
  }

  /** Living keys with `from` <= key < `to`. O(log n). */
  count(from: ByteString, to: ByteString | null): number {
    return this.#tree.count(from, to);
  }

  /** Visits changes from a revision on. */
  forEachChange(from: number, visit: Visitor): void {
    if (from < this.#compactRevision)
      throw new InvariantViolation(`changes from ${from} on are compacted: ${this.#compactRevision}`);
    this.#history.forEach(this.#history.indexOf(from), visit);
  }

  /** See `HistorySource.previous`. */
  previous(record: KeyRecord): KeyRecord | null {
    // The version before is that of revision mod - 1, which must be readable. A transaction can put and delete one key.
    if (record.version === 1 || record.modRevision <= this.#compactRevision) return null;
    let older = record.older;
    while (older !== null && older.modRevision === record.modRevision) older = older.older;
    return older === null || older.deleted ? null : older;
  }

  // Writing

  /** Puts a new version of a key. */
  put(key: ByteString, value: ByteString, lease: LeaseId): void {
    const head = this.#tree.get(key);
    const older = head ?? null;
    const living = older !== null && !older.deleted;
    const revision = this.#revision + 1;
    const record = makeRecord(
      // All versions share one string.
      head?.key ?? key,
      living ? older.createRevision : revision,
      revision,
      living ? older.version + 1 : 1,
      value,
      lease,
      this.#changes++,
      false,
      older,
    );
    this.#tree.set(record);
    this.#changed(record);
  }

  /** Deletes a key; `head` is its newest version, living. */
  delete(head: KeyRecord): void {
    const tombstone = makeTombstone(head.key, this.#revision + 1, this.#changes++, head);
    this.#tree.set(tombstone);
    this.#changed(tombstone);
  }

  #changed(record: KeyRecord): void {
    this.#history.push(record, supersededBytes(record));
    this.#liveBytes += liveBytesChange(record);
  }

  /** Ends the write transaction. Returns the revision now: a new one if something was changed. */
  end(): number {
    if (this.#changes > 0) {
      this.#revision++;
      this.#changes = 0;
      if (this.#swept < this.#history.end && this.#history.at(this.#swept).modRevision <= this.#compactRevision) {
        this.sweep(SWEPT_PER_WRITE);
      }
    }
    return this.#revision;
  }

  // Compaction

  /**
   * Makes everything before a revision unreadable.
   * @throws QuorateError if it is compacted already, or lies in the future
   */
  compact(revision: number): void {
    if (revision <= this.#compactRevision) throw etcdErrors.compacted();
    if (revision > this.#revision) throw etcdErrors.futureRevision();
    this.#compactRevision = revision;
    this.#freed = this.#history.supersededUpTo(revision);
    for (const pin of this.#pins) {
      if (this.#freed - this.#history.supersededUpTo(pin.floor) > this.#maxPinnedBytes) this.release(pin);
    }
  }

  /** The smallest revision to compact to that halves a `historyBytes` which is over budget; null if it is not over. */
  compactionTarget(budgetBytes: number): number | null {
    if (this.historyBytes <= budgetBytes) return null;
    const target = this.#history.revisionSuperseding(this.#history.superseded - budgetBytes / 2);
    return Math.min(target, this.#revision);
  }

  /** Frees memory of at most this many compacted changes. Returns whether it could go on. */
  sweep(maxRecords: number): boolean {
    let floor = this.#compactRevision;
    for (const pin of this.#pins) floor = Math.min(floor, pin.floor);
    const history = this.#history;
    const until = Math.min(history.end, this.#swept + maxRecords);
    let more = false;
    while (this.#swept < history.end) {
      const record = history.at(this.#swept);
      if (record.modRevision > floor) break;
      if (this.#swept === until) {
        more = true;
        break;
      }
      setOlder(record, null);
      if (record.deleted && this.#tree.get(record.key) === record) this.#tree.delete(record.key);
      this.#sweptRevision = record.modRevision;
      this.#swept++;
    }
    history.dropBefore(Math.min(this.#swept, history.indexOf(floor)));
    return more;
  }

  /** Keeps what is visible now from being swept, until `release`. */
  pin(): Pin {
    const pin = { floor: this.#compactRevision, held: true };
    this.#pins.add(pin);
    return pin;
  }

  release(pin: Pin): void {
    pin.held = false;
    this.#pins.delete(pin);
  }

  /** Holds a released pin once more. Returns false if what it stood for has been swept. */
  hold(pin: Pin): boolean {
    if (this.#sweptRevision > pin.floor) return false;
    pin.held = true;
    this.#pins.add(pin);
    return true;
  }

  // Images

  /** A clone of the tree, for an image that holds a pin. */
  cloneTree(): Tree {
    return this.#tree.clone();
  }

  /** The changes of exactly one revision. */
  changesOf(revision: number): KeyRecord[] {
    const changes: KeyRecord[] = [];
    this.#history.forEach(this.#history.indexOf(revision), (record) => {
      if (record.modRevision !== revision) return false;
      changes.push(record);
      return true;
    });
    return changes;
  }
}

/** The version of a key at a revision, given its newest record; null if it did not exist. */
export function versionAt(head: KeyRecord, revision: number): KeyRecord | null {
  let record: KeyRecord | null = head;
  while (record !== null && record.modRevision > revision) record = record.older;
  return record === null || record.deleted ? null : record;
}

/** Bytes that nobody can read any more once a change is at or before the compacted revision. */
export function supersededBytes(change: KeyRecord): number {
  const { older } = change;
  return (older === null || older.deleted ? 0 : recordBytes(older)) + (change.deleted ? recordBytes(change) : 0);
}

function liveBytesChange(change: KeyRecord): number {
  const { older } = change;
  return (change.deleted ? 0 : recordBytes(change)) - (older === null || older.deleted ? 0 : recordBytes(older));
}
