/**
 * A record of the log: a header of fixed size, data, and zeros up to the next multiple of eight.
 *
 *     0    4    8    12   13   14     16    20    24        32        40
 *     | hc | dc | len|type|kind|batch | grp | 0   | index   | epoch   | data ... | zeros
 *
 * `hc` covers bytes 4 to 39, `dc` the data; both start from a seed made of segment and offset. The header has a checksum
 * of its own so that a length is never believed before it is proven, and damaged data does not hide what follows.
 */
import { InvariantViolation } from "../errors.ts";
import { checksum, mix } from "./checksum.ts";

/** The numbers are part of the disk format. */
export const RecordType = {
  /** An entry of a group's log; `kind` is the entry's. */
  entry: 1,
  /** A group's engine state, in `data`. */
  state: 2,
  /** Drop the group's entries from `index` on. */
  truncate: 3,
  /** The group's log starts behind the snapshot at (`epoch`, `index`); `kind` says what of it stays: `ResetKind`. */
  snapshot: 4,
  /** At the head of a segment: position of a group's last entry, engine state in `data`, `kind` is `CheckpointFlag`s. */
  checkpoint: 5,
  /** `kind` 1: the group may have lost what it acknowledged; 0: a leader has made good what was lost. */
  trust: 6,
  /** Closes a batch; `index` is the batch's number, data as in `batch.ts`. */
  commit: 7,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** What a snapshot record does to the entries of its group. */
export const ResetKind = {
  /** The log holds the snapshot's position: entries behind it stay. */
  keep: 0,
  /** All entries go. */
  drop: 1,
} as const;

export const CheckpointFlag = {
  hasState: 1,
  untrusted: 2,
} as const;

export const recordHeaderBytes = 40;

/** The most data bytes in one record. */
export const maxRecordBytes: number = 64 * 1024 * 1024;

/** Positions and batch numbers stay below this, so that they are exact as numbers. */
const numberLimit = 2 ** 53;

export interface LogRecord {
  readonly type: RecordType;
  readonly kind: number;
  readonly group: number;
  readonly index: number;
  readonly epoch: number;
  readonly data: Uint8Array;
}

/** A record as found: where, and in which batch. */
export interface FoundRecord extends LogRecord {
  /** Offset of the first byte behind it. */
  readonly end: number;
  /** Lower 16 bits of the batch's number. */
  readonly batch: number;
  readonly headerChecksum: number;
  readonly dataChecksum: number;
}

/** Bytes a record with this much data takes. */
export function recordBytes(dataBytes: number): number {
  return recordHeaderBytes + aligned(dataBytes);
}

/** The next multiple of eight. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** What the checksums of a record at this offset of a segment start from. */
export function placeSeed(segmentSeed: number, offset: number): number {
  return mix(segmentSeed, offset / 8);
}

/** Writes the header of a record that will stand at `offset`; returns both checksums folded into `digest`. */
export function encodeHeader(
  into: Buffer,
  at: number,
  record: LogRecord,
  batch: number,
  seed: number,
  digest: number,
): number {
  const { data } = record;
  if (data.length > maxRecordBytes)
    throw new InvariantViolation(`a record of ${data.length} bytes exceeds the limit of ${maxRecordBytes}`);
  const dataChecksum = data.length === 0 ? seed : checksum(data, seed);
  into.writeUInt32LE(dataChecksum, at + 4);
  into.writeUInt32LE(data.length, at + 8);
  into.writeUInt8(record.type, at + 12);
  into.writeUInt8(record.kind, at + 13);
  into.writeUInt16LE(batch % 0x10000, at + 14);
  into.writeUInt32LE(record.group, at + 16);
  into.writeUInt32LE(0, at + 20);
  writeNumber(into, record.index, at + 24);
  writeNumber(into, record.epoch, at + 32);
  const headerChecksum = checksum(into.subarray(at + 4, at + recordHeaderBytes), seed);
  into.writeUInt32LE(headerChecksum, at);
  return mix(mix(digest, headerChecksum), dataChecksum);
}

/** What a place in a segment may hold. `data damaged`: the header is good and says how far the record reaches. */
export type Found =
  | { readonly is: "record"; readonly record: FoundRecord }
  | { readonly is: "data damaged"; readonly record: Omit<FoundRecord, "data"> }
  | { readonly is: "nothing" };

const nothing: Found = { is: "nothing" };

/** Reads the record at `at`, if there is one whose place this is. Data is a view into `from`. */
export function decodeRecord(from: Buffer, at: number, limit: number, segmentSeed: number): Found {
  if (!looksLikeHeader(from, at, limit)) return nothing;
  const seed = placeSeed(segmentSeed, at);
  const headerChecksum = from.readUInt32LE(at);
  if (checksum(from.subarray(at + 4, at + recordHeaderBytes), seed) !== headerChecksum) return nothing;
  const index = readNumber(from, at + 24);
  const epoch = readNumber(from, at + 32);
  if (index === null || epoch === null) return nothing;
  const length = from.readUInt32LE(at + 8);
  const dataChecksum = from.readUInt32LE(at + 4);
  const dataAt = at + recordHeaderBytes;
  const type = from.readUInt8(at + 12) as RecordType;
  const kind = from.readUInt8(at + 13);
  const batch = from.readUInt16LE(at + 14);
  const group = from.readUInt32LE(at + 16);
  const end = at + recordBytes(length);
  const header = { type, kind, batch, group, index, epoch, end, headerChecksum, dataChecksum };
  if (dataAt + length > limit) return { is: "data damaged", record: header };
  const data = from.subarray(dataAt, dataAt + length);
  if ((length === 0 ? seed : checksum(data, seed)) !== dataChecksum) return { is: "data damaged", record: header };
  return { is: "record", record: { type, kind, batch, group, index, epoch, end, headerChecksum, dataChecksum, data } };
}

/** A cheap look that sorts out zeros and most else, before the checksum is worked out. */
function looksLikeHeader(from: Buffer, at: number, limit: number): boolean {
  if (at + recordHeaderBytes > limit) return false;
  const type = from[at + 12] ?? 0;
  if (type < RecordType.entry || type > RecordType.commit) return false;
  return from.readUInt32LE(at + 20) === 0 && from.readUInt32LE(at + 8) <= maxRecordBytes;
}

/** Writes a whole number below 2^53 as 64 bits. */
export function writeNumber(into: Buffer, value: number, at: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) throw new InvariantViolation(`${value} is no position in a log`);
  into.writeUInt32LE(value % 0x1_0000_0000, at);
  into.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** Null for what is not below 2^53. */
export function readNumber(from: Buffer, at: number): number | null {
  const value = from.readUInt32LE(at + 4) * 0x1_0000_0000 + from.readUInt32LE(at);
  return value < numberLimit ? value : null;
}
