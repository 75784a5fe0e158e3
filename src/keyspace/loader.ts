/**
 * Reads a snapshot back (format: `snapshot-format.ts`). Bytes come in chunks with any borders. The tree is built from
 * the bottom, without a search for any key.
 *
 * Whatever is wrong with the bytes is a `QuorateError` with code SNAPSHOT_DAMAGED, and no keyspace comes of it.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { LeaseId } from "../wire/kv.ts";
import { Reader } from "../wire/reader.ts";
import { Alarms } from "./alarms.ts";
import { type Lease, Leases } from "./leases.ts";
import { Members, readMember } from "./members.ts";
import { FIRST_REVISION, type MvccStart } from "./mvcc.ts";
import { type KeyRecord, makeRecord, recordBytes, setOlder } from "./record.ts";
import { BlockKind, FORMAT_VERSION, LEASE, MAGIC, MAX_BLOCK_BYTES, OLDER, SUB, TOMBSTONE } from "./snapshot-format.ts";
import { Tree } from "./tree.ts";
import type { TreeBuilder } from "./tree-builder.ts";

/** Bytes of a block's length. */
const LENGTH_BYTES = 4;

/** What a snapshot held. */
export interface LoadedState {
  readonly mvcc: MvccStart;
  readonly leases: Leases;
  readonly alarms: Alarms;
  readonly members: Members;
}

export class SnapshotReader {
  readonly #leases = new Leases();
  readonly #alarms = new Alarms();
  readonly #members = new Members();
  readonly #tree: TreeBuilder<Tree> = Tree.builder();
  /** All records behind the compacted revision, as they came. */
  readonly #changes: KeyRecord[] = [];
  readonly #floor: KeyRecord[] = [];
  #revision = 0;
  #compactRevision = 0;
  #liveBytes = 0;
  #liveKeys = 0;
  #records = 0;
  #last: KeyRecord | null = null;
  /** Kind of the last block; 0 before the first. */
  #stage = 0;
  #blocks = 0;
  /** A block of which not all has come yet: its length so far, then its bytes. */
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthFilled = 0;
  #block: Uint8Array | null = null;
  #blockFilled = 0;

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#block !== null) {
        at += this.#fillBlock(chunk.subarray(at));
        continue;
      }
      if (this.#stage === BlockKind.end) throw this.#damaged("there is something behind its end");
      this.#length[this.#lengthFilled++] = chunk[at++] as number;
      if (this.#lengthFilled < LENGTH_BYTES) continue;
      this.#lengthFilled = 0;
      const length = readLength(this.#length);
      if (length < 1 || length > MAX_BLOCK_BYTES) throw this.#damaged(`a block of ${length} bytes`);
      if (chunk.length - at >= length) {
        this.#readBlock(chunk.subarray(at, at + length));
        at += length;
      } else {
        this.#block = new Uint8Array(length);
        this.#blockFilled = 0;
      }
    }
  }

  /** Takes what the current block lacks from the front of `bytes`; returns how much that was. */
  #fillBlock(bytes: Uint8Array): number {
    const block = this.#block as Uint8Array;
    const taken = Math.min(block.length - this.#blockFilled, bytes.length);
    block.set(bytes.subarray(0, taken), this.#blockFilled);
    this.#blockFilled += taken;
    if (this.#blockFilled === block.length) {
      this.#block = null;
      this.#readBlock(block);
    }
    return taken;
  }

  finish(): LoadedState {
    if (this.#stage !== BlockKind.end || this.#lengthFilled > 0 || this.#block !== null) {
      throw this.#damaged("it ends too early");
    }
    const mvcc = {
      tree: this.#tree.finish(),
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      changes: this.#floor.concat(this.#orderedChanges()),
      liveBytes: this.#liveBytes,
    };
    return { mvcc, leases: this.#leases, alarms: this.#alarms, members: this.#members };
  }

  #readBlock(block: Uint8Array): void {
    this.#blocks++;
    const kind = block[0] as number;
    const repeats = kind === BlockKind.leases || kind === BlockKind.records || kind === BlockKind.floor;
    // Header and state are there once each; what may be missing is passed over.
    const expected = this.#stage < BlockKind.state ? this.#stage + 1 : kind;
    if (kind !== expected || kind < this.#stage || (kind === this.#stage && !repeats)) {
      throw this.#damaged(`a block of kind ${kind} behind one of kind ${this.#stage}`);
    }
    this.#stage = kind;
    const r = new Reader(block, "request");
    r.position = 1;
    try {
      switch (kind) {
        case BlockKind.header:
          return this.#readHeader(r);
        case BlockKind.state:
          return this.#readState(r);
        case BlockKind.leases:
          return this.#readLeases(r);
        case BlockKind.records:
          return this.#readRecords(r);
        case BlockKind.floor:
          return this.#readFloor(r);
        case BlockKind.end:
          return this.#readEnd(r);
        default:
          throw this.#damaged(`a block of kind ${kind}`);
      }
    } catch (error) {
      if (error instanceof QuorateError && error.code === "MALFORMED_REQUEST") {
        throw this.#damaged(`a block that cannot be read at byte ${r.position}`, error);
      }
      throw error;
    }
  }

  #readHeader(r: Reader): void {
    for (let i = 0; i < MAGIC.length; i++) {
      if (this.#number(r) !== MAGIC.charCodeAt(i)) throw this.#damaged("it does not begin as a snapshot does");
    }
    const version = this.#number(r);
    if (version !== FORMAT_VERSION) {
      throw new QuorateError(
        "SNAPSHOT_VERSION",
        GrpcStatus.failedPrecondition,
        `the snapshot has format version ${version}, this program reads version ${FORMAT_VERSION}; run the one that wrote it`,
      );
    }
    this.#revision = this.#number(r);
    this.#compactRevision = this.#number(r) - 1;
    if (this.#revision < FIRST_REVISION || this.#compactRevision > this.#revision) {
      throw this.#damaged(`revision ${this.#revision} compacted to ${this.#compactRevision}`);
    }
    if (r.position < r.length) throw this.#damaged("a header that is too long");
  }

  #readState(r: Reader): void {
    while (r.position < r.length) {
      const tag = r.tag(r.length);
      if (tag === 0x12) this.#members.restore(readMember(r, r.lengthDelimited(r.length)));
      else if (tag === 0x18) this.#members.restoreRemoved(r.uint64(r.length));
      else if (tag === 0x22) this.#readAlarm(r, r.lengthDelimited(r.length));
      else r.skip(tag, r.length);
    }
  }

  #readAlarm(r: Reader, end: number): void {
    let memberId = 0n;
    let alarm = 0;
    while (r.position < end) {
      const tag = r.tag(end);
      if (tag === 0x08) memberId = r.uint64(end);
      else if (tag === 0x10) alarm = r.number(end);
      else r.skip(tag, end);
    }
    this.#alarms.activate(memberId, alarm);
  }

  #readLeases(r: Reader): void {
    while (r.position < r.length) {
      const id = r.int64(r.length);
      const lease: Lease = { id, ttl: this.#number(r), remainingTtl: this.#number(r) };
      if (!this.#leases.restore(lease)) throw this.#damaged(`lease ${id} twice`);
    }
  }

  #readRecords(r: Reader): void {
    while (r.position < r.length) {
      const record = this.#readRecord(r, this.#last);
      if (record.modRevision > this.#compactRevision) this.#changes.push(record);
      else if (record.deleted) throw this.#damaged("a tombstone that nobody can see");
      if (this.#last !== null && record.key === this.#last.key) {
        // Older versions follow down to the first that is visible at the compacted revision.
        if (this.#last.modRevision <= this.#compactRevision) throw this.#damaged("a version that nobody can see");
        if (!isBefore(record, this.#last)) throw this.#damaged("versions of a key that are not in order");
        setOlder(this.#last, record);
      } else {
        if (!this.#tree.push(record)) throw this.#damaged("keys that are not in order");
        if (!record.deleted) {
          this.#liveKeys++;
          this.#liveBytes += recordBytes(record);
          if (record.lease !== 0n && this.#leases.get(record.lease) === null) {
            throw this.#damaged(`a key on lease ${record.lease}, which does not exist`);
          }
          this.#leases.attach(record.key, record.lease, 0n);
        }
      }
      this.#last = record;
      this.#records++;
    }
  }

  #readFloor(r: Reader): void {
    while (r.position < r.length) {
      const record = this.#readRecord(r, null);
      if (record.modRevision !== this.#compactRevision || record.sub !== this.#floor.length) {
        throw this.#damaged("changes of the compacted revision that are not in order");
      }
      this.#floor.push(record);
    }
  }

  #readRecord(r: Reader, previous: KeyRecord | null): KeyRecord {
    const flags = this.#number(r);
    let key: string;
    if ((flags & OLDER) === 0) {
      key = r.byteString(r.length);
      if (previous !== null && previous.key === key) throw this.#damaged("a key twice");
    } else {
      if (previous === null) throw this.#damaged("an older version of nothing");
      key = previous.key;
    }
    const modRevision = this.#number(r);
    if (modRevision <= FIRST_REVISION || modRevision > this.#revision) {
      throw this.#damaged(`a change of revision ${modRevision} in a snapshot of ${this.#revision}`);
    }
    const sub = (flags & SUB) === 0 ? 0 : this.#number(r);
    if ((flags & TOMBSTONE) !== 0) return makeRecord(key, 0, modRevision, 0, "", 0n, sub, true, null);
    const createRevision = modRevision - this.#number(r);
    const version = this.#number(r);
    if (createRevision <= FIRST_REVISION || version < 1) {
      throw this.#damaged(`a version ${version} of a key created by revision ${createRevision}`);
    }
    const lease = (flags & LEASE) === 0 ? 0n : this.#lease(r.int64(r.length));
    const value = r.byteString(r.length);
    return makeRecord(key, createRevision, modRevision, version, value, lease, sub, false, null);
  }

  /** The lease's own number, so that records share one object. Older versions may have had one that is gone. */
  #lease(id: LeaseId): LeaseId {
    return this.#leases.get(id)?.id ?? id;
  }

  #readEnd(r: Reader): void {
    const wanted = [this.#number(r), this.#number(r), this.#number(r), this.#number(r)].join(", ");
    const found = [this.#leases.size, this.#records, this.#floor.length, this.#liveKeys].join(", ");
    if (wanted !== found) {
      throw this.#damaged(`it has ${found} leases, records, floor changes and living keys, and should have ${wanted}`);
    }
    if (r.position < r.length) throw this.#damaged("an end that is too long");
  }

  /** The changes in order. Every revision behind the compacted one has some, numbered from 0 without a gap. */
  #orderedChanges(): KeyRecord[] {
    const changes = this.#changes;
    const first = Math.max(this.#compactRevision, FIRST_REVISION) + 1;
    const revisions = this.#revision - first + 1;
    if (revisions > changes.length) throw this.#damaged(`${changes.length} changes for ${revisions} revisions`);
    // Counting instead of comparing: where each revision's changes begin.
    const starts = new Uint32Array(revisions + 1);
    for (const { modRevision } of changes) starts[modRevision - first + 1] = (starts[modRevision - first + 1] ?? 0) + 1;
    for (let i = 1; i <= revisions; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
    const ordered: (KeyRecord | null)[] = changes.map(() => null);
    for (const change of changes) {
      const at = (starts[change.modRevision - first] ?? 0) + change.sub;
      if (at >= (starts[change.modRevision - first + 1] ?? 0) || ordered[at] !== null) {
        throw this.#damaged(`change ${change.sub} of revision ${change.modRevision} twice, or behind a gap`);
      }
      ordered[at] = change;
    }
    const without = starts.findIndex((start, at) => at < revisions && start === starts[at + 1]);
    if (without >= 0) throw this.#damaged(`no change of revision ${first + without}`);
    return ordered as KeyRecord[];
  }

  #number(r: Reader): number {
    const value = r.number(r.length);
    if (value < 0) throw this.#damaged(`a negative number ${value}`);
    return value;
  }

  #damaged(detail: string, cause?: unknown): QuorateError {
    return new QuorateError(
      "SNAPSHOT_DAMAGED",
      GrpcStatus.dataLoss,
      `the snapshot is damaged: ${detail} (block ${this.#blocks}); remove it, so that an older one or a peer's is used`,
      { cause },
    );
  }
}

function isBefore(a: KeyRecord, b: KeyRecord): boolean {
  return a.modRevision < b.modRevision || (a.modRevision === b.modRevision && a.sub < b.sub);
}

function readLength(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}
