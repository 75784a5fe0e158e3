/**
 * A batch: the records that one sync makes durable together, closed by a commit record.
 *
 *     | record | record | ... | commit: header, digest, previous chain, count, bytes |
 *
 * The digest binds all records of the batch in their order; the chain binds the batch to all before it. One batch is
 * written at a time, and its successor is begun only when it is on disk: any valid record of batch n+1 proves that batch
 * n was durable.
 */
import { mix } from "./checksum.ts";
import {
  aligned,
  encodeHeader,
  type LogRecord,
  placeSeed,
  type RecordType,
  recordBytes,
  recordHeaderBytes,
  RecordType as Type,
} from "./record.ts";

/** Data bytes of a commit record. */
const commitDataBytes = 16;
export const commitRecordBytes: number = recordBytes(commitDataBytes);

/** Data from this size on is not copied into the arena. */
const ownPieceBytes = 16 * 1024;
/** Headers and small data are gathered in buffers of this size; the first is used again for each batch. */
const arenaBytes = 128 * 1024;

/** What a commit record says of its batch. */
export interface Commit {
  readonly digest: number;
  readonly previousChain: number;
  readonly records: number;
  /** Bytes of the records before the commit record. */
  readonly bytes: number;
}

export interface EncodedBatch {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly chain: number;
}

/** The chain behind a batch. */
export function nextChain(previousChain: number, digest: number, number: number): number {
  return mix(mix(mix(previousChain, digest), number % 0x1_0000_0000), Math.floor(number / 0x1_0000_0000));
}

/** Null if this is not the data of a commit record. */
export function decodeCommit(data: Uint8Array): Commit | null {
  if (data.length !== commitDataBytes) return null;
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  return {
    digest: view.readUInt32LE(0),
    previousChain: view.readUInt32LE(4),
    records: view.readUInt32LE(8),
    bytes: view.readUInt32LE(12),
  };
}

/** Encodes one batch after the other. The pieces of a batch are valid until the next one is begun. */
export class BatchEncoder {
  readonly #firstArena: Buffer = Buffer.allocUnsafeSlow(arenaBytes);
  #arena: Buffer = this.#firstArena;
  /** Bytes of the arena in use, and how many of them are already in `#pieces`. */
  #used = 0;
  #taken = 0;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #records = 0;
  #digest = 0;
  #seed = 0;
  #offset = 0;
  #number = 0;

  /** Begins batch `number`, which will stand at `offset` of the segment with this seed. */
  begin(segmentSeed: number, offset: number, number: number): void {
    this.#arena = this.#firstArena;
    this.#used = 0;
    this.#taken = 0;
    this.#pieces = [];
    this.#bytes = 0;
    this.#records = 0;
    this.#digest = 0;
    this.#seed = segmentSeed;
    this.#offset = offset;
    this.#number = number;
  }

  add(record: LogRecord): void {
    const { data } = record;
    const own = data.length >= ownPieceBytes;
    this.#room(own ? recordHeaderBytes : recordBytes(data.length));
    const seed = placeSeed(this.#seed, this.#offset + this.#bytes);
    this.#digest = encodeHeader(this.#arena, this.#used, record, this.#number, seed, this.#digest);
    this.#used += recordHeaderBytes;
    const padding = aligned(data.length) - data.length;
    if (own) {
      this.#cut();
      this.#pieces.push(data);
      this.#room(padding);
    } else {
      this.#arena.set(data, this.#used);
      this.#used += data.length;
    }
    this.#arena.fill(0, this.#used, this.#used + padding);
    this.#used += padding;
    this.#bytes += recordBytes(data.length);
    this.#records++;
  }

  /** Closes the batch. */
  finish(previousChain: number): EncodedBatch {
    const chain = nextChain(previousChain, this.#digest, this.#number);
    const data = Buffer.alloc(commitDataBytes);
    data.writeUInt32LE(this.#digest, 0);
    data.writeUInt32LE(previousChain, 4);
    data.writeUInt32LE(this.#records, 8);
    data.writeUInt32LE(this.#bytes, 12);
    const type: RecordType = Type.commit;
    this.add({ type, kind: 0, group: 0, index: this.#number, epoch: 0, data });
    this.#cut();
    return { pieces: this.#pieces, bytes: this.#bytes, chain };
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#arena.length) return;
    this.#cut();
    this.#arena = Buffer.allocUnsafe(arenaBytes);
    this.#used = 0;
    this.#taken = 0;
  }

  #cut(): void {
    if (this.#used > this.#taken) this.#pieces.push(this.#arena.subarray(this.#taken, this.#used));
    this.#taken = this.#used;
  }
}
