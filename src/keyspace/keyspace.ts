/**
 * The keyspace: what the log means. Commands go in, in the order of the log; results, reads, changes and images come
 * out. The same commands give the same state, the same results and the same hash on every member and in every run.
 *
 * For: etcd's data model exactly (revisions, versions, ranges, transactions, leases, compaction), members and alarms.
 *
 * Promises: `apply` never throws for a command, whatever its bytes; a command does everything or nothing; freezing
 * takes no time that grows with the number of keys; sweeping can never be seen in any result.
 *
 * Must not know: time (the leader decides what expired), chance (proposers choose ids), disks, networks and engines.
 *
 *     keyspace.ts ─┬─ txn.ts ── range.ts ── mvcc.ts ─┬─ tree.ts      newest record of each key
 *      (this file) ├─ leases.ts                      └─ history.ts   changes in order
 *                  ├─ members.ts  alarms.ts
 *                  ├─ command.ts                    what an entry says
 *                  └─ image.ts  loader.ts           snapshots, hash
 */
import { QuorateError } from "../errors.ts";
import type {
  DeleteRangeResult,
  KeyValue,
  LeaseId,
  PutResult,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
} from "../wire/kv.ts";
import { type AlarmRegistry, Alarms, AlarmType } from "./alarms.ts";
import { type Command, decodeCommand } from "./command.ts";
import { etcdErrors } from "./etcd-errors.ts";
import { Image, type KeyspaceImage } from "./image.ts";
import { type LeaseRegistry, Leases } from "./leases.ts";
import { type LoadedState, SnapshotReader } from "./loader.ts";
import { decodeMemberContext, type MemberRegistry, Members } from "./members.ts";
import { Mvcc } from "./mvcc.ts";
import { rangePages } from "./pages.ts";
import { executeRange } from "./range.ts";
import type { HistorySource, KeyRecord } from "./record.ts";
import { applyDeleteRange, applyPut, applyTxn, executeReadOnly, hasPuts, type State } from "./txn.ts";

export type { KeyspaceHash, KeyspaceImage } from "./image.ts";
export { isReadOnly, isSerializable } from "./txn.ts";

/** What a command did. `revision` is the store's after it. */
export type CommandResult =
  | { readonly type: "put"; readonly revision: number; readonly result: PutResult }
  | { readonly type: "deleteRange"; readonly revision: number; readonly result: DeleteRangeResult }
  | { readonly type: "txn"; readonly revision: number; readonly result: TxnResult }
  | { readonly type: "compact"; readonly revision: number }
  /** `ttl` in seconds, as granted. */
  | { readonly type: "leaseGrant"; readonly revision: number; readonly id: LeaseId; readonly ttl: number }
  /** All others. */
  | { readonly type: "done"; readonly revision: number }
  /** Nothing was changed. */
  | { readonly type: "error"; readonly revision: number; readonly error: QuorateError };

export interface KeyspaceOptions {
  /**
   * Superseded history that a frozen image may keep in memory (bytes) before it is given up. Local: members may differ.
   * Default 1 GiB.
   */
  readonly maxPinnedBytes?: number;
}

const DEFAULT_MAX_PINNED_BYTES = 1 << 30;

export class Keyspace implements HistorySource {
  readonly #mvcc: Mvcc;
  readonly #leases: Leases;
  readonly #alarms: Alarms;
  readonly #members: Members;
  readonly #state: State;

  /** @param loaded what a snapshot held; without it the keyspace is empty, at revision 1 */
  constructor(options: KeyspaceOptions = {}, loaded?: LoadedState) {
    this.#mvcc = new Mvcc(options.maxPinnedBytes ?? DEFAULT_MAX_PINNED_BYTES, loaded?.mvcc);
    this.#leases = loaded?.leases ?? new Leases();
    this.#alarms = loaded?.alarms ?? new Alarms();
    this.#members = loaded?.members ?? new Members();
    this.#state = { mvcc: this.#mvcc, leases: this.#leases };
  }

  /** The newest revision; 1 in an empty store. */
  get revision(): number {
    return this.#mvcc.revision;
  }

  /** The oldest revision that can be read; -1: never compacted. */
  get compactRevision(): number {
    return this.#mvcc.compactRevision;
  }

  /** Living keys. */
  get keyCount(): number {
    return this.#mvcc.keyCount;
  }

  /** Bytes of living keys in their newest versions, with `RECORD_OVERHEAD_BYTES` each: what the quota is about. */
  get liveBytes(): number {
    return this.#mvcc.liveBytes;
  }

  /** Bytes of what can be read at older revisions only. 0 after a compaction to the newest one. */
  get historyBytes(): number {
    return this.#mvcc.historyBytes;
  }

  get leases(): LeaseRegistry {
    return this.#leases;
  }

  get alarms(): AlarmRegistry {
    return this.#alarms;
  }

  get members(): MemberRegistry {
    return this.#members;
  }

  // Commands

  /** Carries out a command of the log. What it cannot or must not do is a result of type "error". */
  apply(command: Uint8Array): CommandResult {
    try {
      return this.#execute(decodeCommand(command));
    } catch (error) {
      // Anything else is a broken invariant: the member must stop.
      if (error instanceof QuorateError) return { type: "error", revision: this.#mvcc.revision, error };
      throw error;
    }
  }

  #execute(command: Command): CommandResult {
    const mvcc = this.#mvcc;
    switch (command.type) {
      case "put": {
        this.#requireSpace();
        const result = applyPut(this.#state, command.request);
        return { type: "put", revision: mvcc.end(), result };
      }
      case "deleteRange": {
        this.#requireSound();
        const result = applyDeleteRange(this.#state, command.request);
        return { type: "deleteRange", revision: mvcc.end(), result };
      }
      case "txn": {
        if (hasPuts(command.request)) this.#requireSpace();
        else this.#requireSound();
        const result = applyTxn(this.#state, command.request);
        return { type: "txn", revision: mvcc.end(), result };
      }
      case "compact":
        this.#requireSound();
        mvcc.compact(command.revision);
        return { type: "compact", revision: mvcc.revision };
      case "leaseGrant": {
        this.#requireSpace();
        const { id, ttl } = this.#leases.grant(command.id, command.ttl);
        return { type: "leaseGrant", revision: mvcc.revision, id, ttl };
      }
      case "leaseRevoke":
        this.#requireSound();
        return { type: "done", revision: this.#revoke(command.id) };
      case "leaseCheckpoint":
        for (const { id, remainingTtl } of command.checkpoints) this.#leases.checkpoint(id, remainingTtl);
        break;
      case "alarm":
        if (command.action === "activate") this.#alarms.activate(command.memberId, command.alarm);
        else this.#alarms.deactivate(command.memberId, command.alarm);
        break;
      case "memberAttributes":
        if (!this.#members.setAttributes(command.id, command.name, command.clientUrls)) {
          throw etcdErrors.memberNotFound();
        }
        break;
      case "memberUpdate":
        if (!this.#members.setPeerUrls(command.id, command.peerUrls)) throw etcdErrors.memberNotFound();
        break;
    }
    return { type: "done", revision: mvcc.revision };
  }

  /** Ends a lease and deletes its keys, in order, with one revision. */
  #revoke(id: LeaseId): number {
    if (this.#leases.get(id) === null) throw etcdErrors.leaseNotFound();
    for (const key of this.#leases.keys(id)) {
      const record = this.#mvcc.get(key);
      if (record !== null) this.#mvcc.delete(record);
    }
    this.#leases.revoke(id);
    return this.#mvcc.end();
  }

  /** While a member is out of space, nothing may grow. */
  #requireSpace(): void {
    this.#requireSound();
    if (this.#alarms.has(AlarmType.noSpace)) throw etcdErrors.noSpace();
  }

  /** While members are known to differ, nothing may be read or written. */
  #requireSound(): void {
    if (this.#alarms.has(AlarmType.corrupt)) throw etcdErrors.corrupt();
  }

  /**
   * Takes over what a committed membership entry says.
   * @throws QuorateError if this version cannot read it
   */
  applyMembership(context: Uint8Array): void {
    this.#members.apply(decodeMemberContext(context));
  }

  // Reads

  /** @throws QuorateError if the revision is compacted or lies in the future */
  range(request: RangeRequest): RangeResult {
    this.#requireSound();
    return executeRange(this.#mvcc, request);
  }

  /** Answers a transaction for which `isReadOnly`. @throws QuorateError */
  readTxn(request: TxnRequest): TxnResult {
    this.#requireSound();
    return executeReadOnly(this.#state, request);
  }

  /**
   * A range in pages of at most `maxBytes`, all of the revision that is current now (or asked for); other calls may
   * come in between. @throws QuorateError as `range`, also from `next` if the revision is compacted meanwhile
   */
  pages(request: RangeRequest, maxBytes: number): Generator<RangeResult, void, undefined> {
    this.#requireSound();
    return rangePages(this.#mvcc, request, maxBytes);
  }

  forEachChange(from: number, visit: (record: KeyRecord) => boolean): void {
    this.#mvcc.forEachChange(from, visit);
  }

  previous(record: KeyRecord): KeyValue | null {
    return this.#mvcc.previous(record);
  }

  // Housekeeping

  /** Frees memory behind a compaction, of at most this many records. Returns whether there is more to do now. */
  sweep(maxRecords: number): boolean {
    return this.#mvcc.sweep(maxRecords);
  }

  /** The smallest revision to compact to that halves a history which is over its budget; null if it is not over. */
  compactionTarget(budgetBytes: number): number | null {
    return this.#mvcc.compactionTarget(budgetBytes);
  }

  /** Everything as it is now, to be read in slices. Let go of it when it is not needed: read it, or `release` it. */
  freeze(): KeyspaceImage {
    return new Image({
      mvcc: this.#mvcc,
      leases: this.#leases.list(),
      members: this.#members.list(),
      removedMembers: this.#members.removed(),
      alarms: this.#alarms.list(),
    });
  }
}

/** Makes a keyspace from the chunks of an image, whose borders do not matter. */
export class KeyspaceLoader {
  readonly #reader = new SnapshotReader();
  readonly #options: KeyspaceOptions;

  constructor(options: KeyspaceOptions = {}) {
    this.#options = options;
  }

  /** @throws QuorateError if the bytes are no snapshot that this version can read */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  /** @throws QuorateError if something is missing */
  finish(): Keyspace {
    return new Keyspace(this.#options, this.#reader.finish());
  }
}
