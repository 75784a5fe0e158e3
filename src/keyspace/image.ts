/**
 * A frozen keyspace: everything as it was at one moment, read in slices while the keyspace goes on.
 *
 * Freezing clones the tree (O(1)) and copies what is small: leases, members, alarms. It pins the history that can be
 * read at that moment. The pin is released when one reading has ended, or `release` is called, or when the keyspace
 * has superseded too much meanwhile: then reading on fails with a clear error and a new image must be taken.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Writer } from "../wire/writer.ts";
import type { ActiveAlarm } from "./alarms.ts";
import { Crc32c } from "./crc32c.ts";
import { etcdErrors } from "./etcd-errors.ts";
import type { Lease } from "./leases.ts";
import { type Member, writeMember } from "./members.ts";
import type { Mvcc, Pin } from "./mvcc.ts";
import type { KeyRecord } from "./record.ts";
import { BlockKind, BlockWriter, FORMAT_VERSION, MAGIC } from "./snapshot-format.ts";
import type { Tree } from "./tree.ts";

/** Bytes hashed in one slice: one or two milliseconds. */
const HASH_SLICE_BYTES = 512 * 1024;

/** What hashing calls a record's bytes beside key and value. */
const HASH_RECORD_BYTES = 64;

export interface KeyspaceHash {
  /** CRC-32C of all that can be read at the revisions from `compactRevision` to `hashRevision`. */
  readonly hash: number;
  readonly hashRevision: number;
  readonly compactRevision: number;
}

export interface KeyspaceImage {
  readonly revision: number;
  readonly compactRevision: number;
  /**
   * The content for a snapshot, in chunks of about this many bytes. Each `next` is one slice of work. A chunk is good
   * until the following `next`, which writes into the same memory: use it up, or copy it, before.
   * @throws QuorateError IMAGE_OVERTAKEN, from `next`
   */
  chunks(chunkBytes: number): Generator<Uint8Array, void, undefined>;
  /**
   * HashKV up to a revision (0: all), in slices. The same on all members with the same revision and compacted revision.
   * @throws QuorateError if the revision is compacted or in the future; IMAGE_OVERTAKEN, from `next`
   */
  hash(revision: number): Generator<void, KeyspaceHash, undefined>;
  /** Lets go of an image that is not read to its end. */
  release(): void;
}

/** What is frozen. */
export interface ImageContent {
  readonly mvcc: Mvcc;
  readonly leases: readonly Lease[];
  readonly members: readonly Member[];
  readonly removedMembers: readonly bigint[];
  readonly alarms: readonly ActiveAlarm[];
}

export class Image implements KeyspaceImage {
  readonly revision: number;
  readonly compactRevision: number;
  readonly #content: ImageContent;
  readonly #tree: Tree;
  readonly #floor: readonly KeyRecord[];
  readonly #pin: Pin;
  /** Generators that have begun and not ended. */
  #readers = 0;

  constructor(content: ImageContent) {
    const { mvcc } = content;
    this.#content = content;
    this.revision = mvcc.revision;
    this.compactRevision = mvcc.compactRevision;
    this.#tree = mvcc.cloneTree();
    this.#floor = mvcc.changesOf(this.compactRevision);
    this.#pin = mvcc.pin();
  }

  release(): void {
    this.#content.mvcc.release(this.#pin);
  }

  *chunks(chunkBytes: number): Generator<Uint8Array, void, undefined> {
    this.#begin();
    try {
      for (const block of this.#blocks(chunkBytes)) {
        yield block;
        this.#check();
      }
    } finally {
      this.#end();
    }
  }

  *#blocks(chunkBytes: number): Generator<Uint8Array, void, undefined> {
    const { leases } = this.#content;
    const block = new BlockWriter(chunkBytes);
    for (let i = 0; i < MAGIC.length; i++) block.number(MAGIC.charCodeAt(i));
    block.number(FORMAT_VERSION);
    block.number(this.revision);
    block.number(this.compactRevision + 1);
    yield block.finish(BlockKind.header);

    block.bytes(encodeState(this.#content));
    yield block.finish(BlockKind.state);

    for (const lease of leases) {
      block.int64(lease.id);
      block.number(lease.ttl);
      block.number(lease.remainingTtl);
      if (block.isFull) yield block.finish(BlockKind.leases);
    }
    if (!block.isEmpty) yield block.finish(BlockKind.leases);

    let records = 0;
    const floor = this.compactRevision;
    const cursor = this.#tree.cursor();
    for (let head = cursor.next(); head !== null; head = cursor.next()) {
      let record: KeyRecord | null = head;
      while (record !== null && !isGone(record, floor)) {
        block.record(record, record !== head);
        records++;
        if (block.isFull) yield block.finish(BlockKind.records);
        record = record.modRevision <= floor ? null : record.older;
      }
    }
    if (!block.isEmpty) yield block.finish(BlockKind.records);

    for (const change of this.#floor) {
      block.record(change, false);
      if (block.isFull) yield block.finish(BlockKind.floor);
    }
    if (!block.isEmpty) yield block.finish(BlockKind.floor);

    for (const count of [leases.length, records, this.#floor.length, this.#tree.live]) block.number(count);
    yield block.finish(BlockKind.end);
  }

  hash(revision: number): Generator<void, KeyspaceHash, undefined> {
    const upTo = revision <= 0 ? this.revision : revision;
    if (upTo <= this.revision && upTo >= this.compactRevision) return this.#hash(upTo);
    // Nothing will be read, so nobody would let go of it.
    if (this.#readers === 0) this.release();
    throw upTo > this.revision ? etcdErrors.futureRevision() : etcdErrors.compacted();
  }

  *#hash(upTo: number): Generator<void, KeyspaceHash, undefined> {
    this.#begin();
    try {
      const crc = new Crc32c();
      const floor = this.compactRevision;
      let sliceBytes = 0;
      const cursor = this.#tree.cursor();
      for (let head = cursor.next(); head !== null; head = cursor.next()) {
        let record: KeyRecord | null = head;
        let isFirst = true;
        while (record !== null && !isGone(record, floor)) {
          if (record.modRevision <= upTo) {
            hashRecord(crc, record, isFirst);
            isFirst = false;
            sliceBytes += record.key.length + record.value.length;
          }
          sliceBytes += HASH_RECORD_BYTES;
          if (sliceBytes >= HASH_SLICE_BYTES) {
            sliceBytes = 0;
            yield;
            this.#check();
          }
          record = record.modRevision <= floor ? null : record.older;
        }
      }
      return { hash: crc.value, hashRevision: upTo, compactRevision: floor };
    } finally {
      this.#end();
    }
  }

  #begin(): void {
    if (!this.#pin.held && !this.#content.mvcc.hold(this.#pin)) throw this.#overtaken();
    this.#readers++;
  }

  #check(): void {
    if (!this.#pin.held) throw this.#overtaken();
  }

  #end(): void {
    this.#readers--;
    if (this.#readers === 0) this.release();
  }

  #overtaken(): QuorateError {
    return new QuorateError(
      "IMAGE_OVERTAKEN",
      GrpcStatus.aborted,
      `the image of revision ${this.revision} was released, or too much history was compacted while it was read; freeze a new one`,
      { retryable: true },
    );
  }
}

/** Whether a record is a tombstone that nobody can see: all readable revisions are at or behind it. */
function isGone(record: KeyRecord, floor: number): boolean {
  return record.deleted && record.modRevision <= floor;
}

function hashRecord(crc: Crc32c, record: KeyRecord, withKey: boolean): void {
  if (withKey) {
    crc.number(record.key.length);
    crc.byteString(record.key);
  }
  crc.number(record.modRevision);
  crc.number(record.sub);
  crc.number(record.createRevision);
  crc.number(record.version);
  crc.int64(record.lease);
  crc.number(record.value.length);
  crc.byteString(record.value);
}

/** { 2 member ..., 3 removed id ..., 4 { 1 member, 2 alarm } ... } */
function encodeState({ members, removedMembers, alarms }: ImageContent): Uint8Array {
  const w = new Writer();
  for (const { memberId, alarm } of alarms.toReversed()) {
    const mark = w.written;
    w.varint(alarm);
    w.tag(0x10);
    w.varint64(memberId);
    w.tag(0x08);
    w.lengthSince(mark);
    w.tag(0x22);
  }
  for (const id of removedMembers.toReversed()) {
    w.varint64(id);
    w.tag(0x18);
  }
  for (const member of members.toReversed()) writeMember(w, member);
  return w.finish();
}
