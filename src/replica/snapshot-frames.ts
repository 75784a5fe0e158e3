/**
 * The two frames of a snapshot's transfer, little endian:
 *
 *     chunk:  u64 index | u64 epoch | u64 size | u64 offset | u16 length, membership | content from offset on
 *     ack:    u64 index | u64 epoch | u64 offset | u8 state
 *
 * (index, epoch) names the transfer, `offset` in an ack is what the receiver has on disk: a sender that was cut off
 * goes on from there.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import { decodeMembership, encodeMembership } from "../consensus/membership.ts";

export interface SnapshotChunk {
  readonly meta: SnapshotMeta;
  /** Bytes of the whole content. */
  readonly size: number;
  readonly offset: number;
  readonly content: Uint8Array;
}

/** Numbers are part of the wire format. */
export const AckState = {
  /** Go on from `offset`. */
  more: 0,
  /** All is there and checked, or not needed any more. */
  done: 1,
  /** It cannot be taken now. */
  refused: 2,
} as const;
export type AckState = (typeof AckState)[keyof typeof AckState];

export interface SnapshotAck {
  readonly index: number;
  readonly epoch: number;
  readonly offset: number;
  readonly state: AckState;
}

const CHUNK_HEADER_BYTES = 34;
const ACK_BYTES = 25;

export function encodeChunk(chunk: SnapshotChunk): Uint8Array[] {
  const membership = encodeMembership(chunk.meta.membership);
  const header = new Uint8Array(CHUNK_HEADER_BYTES + membership.length);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(chunk.meta.index), true);
  view.setBigUint64(8, BigInt(chunk.meta.epoch), true);
  view.setBigUint64(16, BigInt(chunk.size), true);
  view.setBigUint64(24, BigInt(chunk.offset), true);
  view.setUint16(32, membership.length, true);
  header.set(membership, CHUNK_HEADER_BYTES);
  return [header, chunk.content];
}

/** Null if malformed. */
export function decodeChunk(payload: Uint8Array): SnapshotChunk | null {
  if (payload.length < CHUNK_HEADER_BYTES) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const contentAt = CHUNK_HEADER_BYTES + view.getUint16(32, true);
  if (contentAt > payload.length) return null;
  const [index, epoch, size, offset] = [0, 8, 16, 24].map((at) => Number(view.getBigUint64(at, true)));
  if (index === undefined || epoch === undefined || size === undefined || offset === undefined) return null;
  if (![index, epoch, size, offset].every(Number.isSafeInteger)) return null;
  try {
    const membership = decodeMembership(payload.subarray(CHUNK_HEADER_BYTES, contentAt));
    return { meta: { index, epoch, membership }, size, offset, content: payload.subarray(contentAt) };
  } catch {
    return null;
  }
}

export function encodeAck(ack: SnapshotAck): Uint8Array {
  const bytes = new Uint8Array(ACK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(ack.index), true);
  view.setBigUint64(8, BigInt(ack.epoch), true);
  view.setBigUint64(16, BigInt(ack.offset), true);
  view.setUint8(24, ack.state);
  return bytes;
}

/** Null if malformed. */
export function decodeAck(payload: Uint8Array): SnapshotAck | null {
  if (payload.length !== ACK_BYTES) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const state = Object.values(AckState).find((value) => value === view.getUint8(24));
  if (state === undefined) return null;
  const at = (offset: number): number => Number(view.getBigUint64(offset, true));
  return { index: at(0), epoch: at(8), offset: at(16), state };
}
