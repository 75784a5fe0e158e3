/**
 * The file of a snapshot: a header, the content in blocks that each have a checksum, and a footer that closes it.
 *
 *     | header, membership, zeros to 8 | block | block | ... | last block (shorter) | footer |
 *
 *     header  0 magic  8 hc  12 format  16 cluster  24 member  32 group  36 nonce  40 index  48 epoch
 *             56 membership bytes  60 block bytes
 *     block   0 checksum of content  4 length of content  8 content
 *     footer  0 magic  8 checksum  12 blocks  16 content bytes  24 digest over the blocks' checksums  28 zero
 */
import { DecodeError } from "../consensus/bytes.ts";
import type { SnapshotMeta } from "../consensus/engine.ts";
import { decodeMembership, encodeMembership, type Membership } from "../consensus/membership.ts";
import type { ClusterId, GroupId, MemberId } from "../environment.ts";
import { checksum, mix } from "./checksum.ts";
import { aligned, readNumber, writeNumber } from "./record.ts";

const magic = "QUORSNP1";
const footerMagic = "QSNPEND1";
const formatVersion = 1;
export const fixedHeaderBytes = 64;
export const footerBytes = 32;
export const blockHeaderBytes = 8;
/** Content bytes of every block but the last. */
export const blockBytes: number = 64 * 1024;
/** The most bytes a membership takes in a header: thousands of members. */
export const maxMembershipBytes: number = 64 * 1024;

export interface SnapshotHeader {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly group: GroupId;
  /** Seeds the blocks' checksums: blocks of another file do not pass. */
  readonly nonce: number;
  readonly meta: SnapshotMeta;
}

export interface SnapshotFooter {
  readonly blocks: number;
  /** Content bytes. */
  readonly size: number;
  readonly digest: number;
}

export function encodeSnapshotHeader(header: SnapshotHeader): Buffer {
  const members = encodeMembership(header.meta.membership);
  const bytes = Buffer.alloc(aligned(fixedHeaderBytes + members.length));
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt32LE(formatVersion, 12);
  bytes.writeBigUInt64LE(header.clusterId, 16);
  bytes.writeBigUInt64LE(header.memberId, 24);
  bytes.writeUInt32LE(header.group, 32);
  bytes.writeUInt32LE(header.nonce, 36);
  writeNumber(bytes, header.meta.index, 40);
  writeNumber(bytes, header.meta.epoch, 48);
  bytes.writeUInt32LE(members.length, 56);
  bytes.writeUInt32LE(blockBytes, 60);
  bytes.set(members, fixedHeaderBytes);
  bytes.writeUInt32LE(checksum(bytes.subarray(12), 0), 8);
  return bytes;
}

/** How long the header that begins with these bytes is; null if it is none. */
export function snapshotHeaderBytes(fixed: Buffer): number | null {
  if (fixed.length < fixedHeaderBytes || fixed.toString("latin1", 0, 8) !== magic) return null;
  const members = fixed.readUInt32LE(56);
  if (fixed.readUInt32LE(12) !== formatVersion || members > maxMembershipBytes) return null;
  return aligned(fixedHeaderBytes + members);
}

export function decodeSnapshotHeader(bytes: Buffer): SnapshotHeader | null {
  if (snapshotHeaderBytes(bytes) !== bytes.length) return null;
  if (checksum(bytes.subarray(12), 0) !== bytes.readUInt32LE(8)) return null;
  const index = readNumber(bytes, 40);
  const epoch = readNumber(bytes, 48);
  const membership = membershipIn(bytes.subarray(fixedHeaderBytes, fixedHeaderBytes + bytes.readUInt32LE(56)));
  if (index === null || epoch === null || membership === null || bytes.readUInt32LE(60) !== blockBytes) return null;
  return {
    clusterId: bytes.readBigUInt64LE(16),
    memberId: bytes.readBigUInt64LE(24),
    group: bytes.readUInt32LE(32),
    nonce: bytes.readUInt32LE(36),
    meta: { index, epoch, membership },
  };
}

function membershipIn(bytes: Uint8Array): Membership | null {
  try {
    return decodeMembership(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

export function encodeSnapshotFooter(footer: SnapshotFooter, nonce: number): Buffer {
  const bytes = Buffer.alloc(footerBytes);
  bytes.write(footerMagic, 0, "latin1");
  bytes.writeUInt32LE(footer.blocks, 12);
  writeNumber(bytes, footer.size, 16);
  bytes.writeUInt32LE(footer.digest, 24);
  bytes.writeUInt32LE(checksum(bytes.subarray(12), nonce), 8);
  return bytes;
}

export function decodeSnapshotFooter(bytes: Buffer, nonce: number): SnapshotFooter | null {
  if (bytes.length !== footerBytes || bytes.toString("latin1", 0, 8) !== footerMagic) return null;
  if (checksum(bytes.subarray(12), nonce) !== bytes.readUInt32LE(8)) return null;
  const size = readNumber(bytes, 16);
  const blocks = bytes.readUInt32LE(12);
  if (size === null || blocks !== Math.ceil(size / blockBytes)) return null;
  return { blocks, size, digest: bytes.readUInt32LE(24) };
}

/** Checksum of the content of block `number` (from 0). */
export function blockChecksum(content: Uint8Array, nonce: number, number: number): number {
  return checksum(content, mix(nonce, number));
}

/** Where block `number` begins in a file whose header has `headerBytes`. */
export function blockOffset(headerBytes: number, number: number): number {
  return headerBytes + number * (blockHeaderBytes + blockBytes);
}
