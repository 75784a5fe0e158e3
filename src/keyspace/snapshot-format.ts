/**
 * What a snapshot of the keyspace looks like: a stream of blocks. `image.ts` writes it, `loader.ts` reads it.
 *
 *     snapshot  header block, state block, lease blocks, record blocks, floor blocks, end block
 *     block     u32 length (little endian) of the rest | u8 kind | content
 *
 *     header    "QKEY" | format version | revision | compacted revision + 1
 *     state     a protobuf message: members, ids of removed members, alarms
 *     leases    { id (as int64), TTL, remaining TTL } ...
 *     records   { flags, key unless OLDER, mod revision, sub if SUB, unless TOMBSTONE: mod - create revision, version,
 *                 lease if LEASE, value } ...
 *     floor     the same for the changes of the compacted revision, in order of `sub`; never OLDER
 *     end       number of leases | records | floor changes | living keys
 *
 * Numbers are varints, keys and values have their length before them. Records come in order of key, the versions of one
 * key from new to old, down to the one that is visible at the compacted revision. The floor is there because a watch
 * may begin at the compacted revision itself, while a tombstone of that revision is no version that can be read.
 *
 * There is no checksum: storage and transport have their own. But every count, order and reference is checked.
 */
import { InvariantViolation } from "../errors.ts";
import { conversion } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";

export const MAGIC: ByteString = "QKEY";
export const FORMAT_VERSION = 1;

export const BlockKind = { header: 1, state: 2, leases: 3, records: 4, floor: 5, end: 6 } as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** Flags of a record. */
export const OLDER = 1;
export const TOMBSTONE = 2;
export const LEASE = 4;
export const SUB = 8;

/** Bytes before a block's content. */
export const BLOCK_PREFIX = 5;

/** A block that claims to be longer is damaged. Bytes; a single record is bounded by the largest request. */
export const MAX_BLOCK_BYTES: number = 1 << 30;

/** Bytes of a record beside its key and value, at most: flags, seven numbers of up to ten bytes, rounded up. */
const MAX_RECORD_FRAME = 80;

const TWO_32 = 4294967296;

const scratch: BigInt64Array<ArrayBuffer> = new BigInt64Array(1);
const halves: Uint32Array<ArrayBuffer> = new Uint32Array(scratch.buffer);
const LOW: 0 | 1 = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH: 0 | 1 = LOW === 0 ? 1 : 0;

/**
 * Fills blocks of about a given size, all in the same memory: a finished one is good until the next is begun. New memory
 * for each would make V8 collect all garbage every few dozen megabytes, which stops a large keyspace for 100 ms.
 */
export class BlockWriter {
  readonly #blockBytes: number;
  #bytes: Uint8Array;
  #position: number = BLOCK_PREFIX;

  /** @param blockBytes a block is full when it has this many bytes; one record may exceed it */
  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
    this.#bytes = new Uint8Array(blockBytes + MAX_RECORD_FRAME);
  }

  get isEmpty(): boolean {
    return this.#position === BLOCK_PREFIX;
  }

  get isFull(): boolean {
    return this.#position >= this.#blockBytes;
  }

  finish(kind: BlockKind): Uint8Array {
    const bytes = this.#bytes;
    const length = this.#position - BLOCK_PREFIX + 1;
    bytes[0] = length & 0xff;
    bytes[1] = (length >>> 8) & 0xff;
    bytes[2] = (length >>> 16) & 0xff;
    bytes[3] = length >>> 24;
    bytes[4] = kind;
    const block = bytes.subarray(0, this.#position);
    this.#position = BLOCK_PREFIX;
    return block;
  }

  /** A whole number from 0 to 2^53 - 1. */
  number(value: number): void {
    if (!(Number.isSafeInteger(value) && value >= 0))
      throw new InvariantViolation(`snapshot: ${value} is no whole number below 2^53`);
    this.#reserve(10);
    this.#number(value);
  }

  int64(value: bigint): void {
    this.#reserve(10);
    this.#int64(value);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
  }

  /** @param older this is an older version of the key of the record before */
  record(record: KeyRecord, older: boolean): void {
    const { key, value, deleted, lease, sub, modRevision } = record;
    this.#reserve(MAX_RECORD_FRAME + key.length + value.length);
    const flags = (older ? OLDER : 0) | (deleted ? TOMBSTONE : 0) | (lease === 0n ? 0 : LEASE) | (sub === 0 ? 0 : SUB);
    this.#bytes[this.#position++] = flags;
    if (!older) this.#byteString(key);
    this.#number(modRevision);
    if (sub !== 0) this.#number(sub);
    if (deleted) return;
    this.#number(modRevision - record.createRevision);
    this.#number(record.version);
    if (lease !== 0n) this.#int64(lease);
    this.#byteString(value);
  }

  #byteString(value: ByteString): void {
    this.#number(value.length);
    conversion.write(this.#bytes, this.#position, value);
    this.#position += value.length;
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= TWO_32) {
      this.#bytes[this.#position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    rest >>>= 0;
    while (rest >= 0x80) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#position++] = rest;
  }

  #int64(value: bigint): void {
    scratch[0] = value;
    let low = halves[LOW] ?? 0;
    let high = halves[HIGH] ?? 0;
    while (high !== 0 || low >= 0x80) {
      this.#bytes[this.#position++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.#position++] = low;
  }

  #reserve(size: number): void {
    if (this.#position + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#position + size));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}
