/**
 * What a command entry carries: all commands that one replica proposed in one turn.
 *
 *     u8 format (1) | u8 0 | u16 sequence, high part | u32 boot | u64 proposer | u32 sequence, low part | u32 count
 *     count × ( u32 length | command )
 *
 * Numbers are little endian. (proposer, boot, sequence) names the batch, so that the replica that waits for it knows it
 * when it comes back through the log; boot is drawn at each start, so that a restarted member never takes an old batch
 * for its own.
 */
import type { MemberId } from "../environment.ts";

const HEADER_BYTES = 24;
const FORMAT = 1;

/** The most bytes of commands in one batch, unless a single command is larger. */
export const MAX_BATCH_BYTES: number = 1 << 20;

const LOW_BITS = 2 ** 32;

export interface BatchName {
  readonly proposer: MemberId;
  readonly boot: number;
  /** Below 2^48: enough for 890 years at ten thousand turns a second. */
  readonly sequence: number;
}

/** Encoded size a command adds to a batch. */
export function sizeInBatch(command: Uint8Array): number {
  return 4 + command.length;
}

export function encodeBatch(name: BatchName, commands: readonly Uint8Array[]): Uint8Array {
  let size = HEADER_BYTES;
  for (const command of commands) size += sizeInBatch(command);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORMAT);
  view.setUint16(2, Math.floor(name.sequence / LOW_BITS), true);
  view.setUint32(4, name.boot, true);
  view.setBigUint64(8, name.proposer, true);
  view.setUint32(16, name.sequence % LOW_BITS, true);
  view.setUint32(20, commands.length, true);
  let at = HEADER_BYTES;
  for (const command of commands) {
    view.setUint32(at, command.length, true);
    bytes.set(command, at + 4);
    at += 4 + command.length;
  }
  return bytes;
}

/** @throws RangeError if the bytes are no batch: the log is then not ours to read. */
export function decodeBatch(bytes: Uint8Array): { name: BatchName; commands: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint8(0) !== FORMAT) {
    throw new RangeError(`not a command batch of format ${FORMAT}: ${bytes.length} bytes`);
  }
  const count = view.getUint32(20, true);
  const commands: Uint8Array[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.length) throw new RangeError(`command ${i} of ${count} ends behind its batch`);
    commands.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== bytes.length) throw new RangeError(`${bytes.length - at} bytes too many behind ${count} commands`);
  const name = {
    proposer: view.getBigUint64(8, true),
    boot: view.getUint32(4, true),
    sequence: view.getUint16(2, true) * LOW_BITS + view.getUint32(16, true),
  };
  return { name, commands };
}

/** A forwarded batch on its way to the leader of an epoch: u64 epoch | u32 boot | u64 sequence, then the batch. */
export const FORWARD_HEADER_BYTES = 20;

export interface Forwarded {
  readonly epoch: number;
  readonly boot: number;
  readonly sequence: number;
  readonly batch: Uint8Array;
}

export function forwardHeader(epoch: number, name: BatchName): Uint8Array {
  const bytes = new Uint8Array(FORWARD_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(epoch), true);
  view.setUint32(8, name.boot, true);
  view.setBigUint64(12, BigInt(name.sequence), true);
  return bytes;
}

/** Null if the bytes are no forwarded batch. */
export function decodeForward(payload: Uint8Array): Forwarded | null {
  if (payload.length < FORWARD_HEADER_BYTES + HEADER_BYTES) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const epoch = Number(view.getBigUint64(0, true));
  const sequence = Number(view.getBigUint64(12, true));
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(sequence)) return null;
  const batch = new Uint8Array(payload.subarray(FORWARD_HEADER_BYTES));
  try {
    decodeBatch(batch);
  } catch {
    return null;
  }
  return { epoch, boot: view.getUint32(8, true), sequence, batch };
}
