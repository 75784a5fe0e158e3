/**
 * A segment: one file of the log. A header, a first batch with a checkpoint of every group, then batches.
 *
 *     0       8    12     16    24        32       40        48        56           64           68      72
 *     | magic | hc | form | seq | cluster | member | prevSeq | prevEnd | firstBatch | prev chain | nonce | first batch ...
 *
 * The header says where in the segment before it the log ends that it goes on from: whatever stands behind that place
 * (a torn batch, a lost time line) is no part of the log. Header and first batch are on disk before the file gets its
 * name, so that a named segment with a bad header is always damage, never a torn write.
 */
import type { ClusterId, MemberId } from "../environment.ts";
import { checksum, mix } from "./checksum.ts";
import { readNumber, writeNumber } from "./record.ts";

const magic = "QUORLOG1";
const formatVersion = 1;
export const segmentHeaderBytes = 72;

export interface SegmentHeader {
  /** From 1, growing; also in the file's name. */
  readonly sequence: number;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  /** The segment this one goes on from; 0: none. */
  readonly previousSequence: number;
  /** Where the log ends in the previous segment. */
  readonly previousEnd: number;
  /** Number of the first batch in this segment. */
  readonly firstBatch: number;
  /** The chain behind the last batch of the previous segment. */
  readonly previousChain: number;
  /** Drawn anew for each segment: bytes of an older life of the file never pass. */
  readonly nonce: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt32LE(formatVersion, 12);
  writeNumber(bytes, header.sequence, 16);
  bytes.writeBigUInt64LE(header.clusterId, 24);
  bytes.writeBigUInt64LE(header.memberId, 32);
  writeNumber(bytes, header.previousSequence, 40);
  writeNumber(bytes, header.previousEnd, 48);
  writeNumber(bytes, header.firstBatch, 56);
  bytes.writeUInt32LE(header.previousChain, 64);
  bytes.writeUInt32LE(header.nonce, 68);
  bytes.writeUInt32LE(checksum(bytes.subarray(12), 0), 8);
  return bytes;
}

/** Null if this is no intact header of a format that is known here. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < segmentHeaderBytes || bytes.toString("latin1", 0, 8) !== magic) return null;
  if (checksum(bytes.subarray(12, segmentHeaderBytes), 0) !== bytes.readUInt32LE(8)) return null;
  if (bytes.readUInt32LE(12) !== formatVersion) return null;
  const sequence = readNumber(bytes, 16);
  const previousSequence = readNumber(bytes, 40);
  const previousEnd = readNumber(bytes, 48);
  const firstBatch = readNumber(bytes, 56);
  if (sequence === null || previousSequence === null || previousEnd === null || firstBatch === null) return null;
  return {
    sequence,
    clusterId: bytes.readBigUInt64LE(24),
    memberId: bytes.readBigUInt64LE(32),
    previousSequence,
    previousEnd,
    firstBatch,
    previousChain: bytes.readUInt32LE(64),
    nonce: bytes.readUInt32LE(68),
  };
}

/** What the checksums of all records in a segment start from. */
export function segmentSeed(header: SegmentHeader): number {
  return mix(mix(header.nonce, header.sequence), Number(header.memberId & 0xffff_ffffn));
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(16, "0")}.log`;
}

/** Null for a name that is not a segment's. */
export function sequenceOf(name: string): number | null {
  return /^\d{16}\.log$/.test(name) ? Number(name.slice(0, 16)) : null;
}
