/**
 * Calls of programs on a simulated connection: what HTTP/2 and gRPC are on a real one, without what they have beyond
 * calls, streams and their ends.
 *
 *     frame    length of the payload (u32)  call (u32)  kind (u8)  payload
 *
 *     program ──▶ member   call: head, request      stream: head      message: one request of a stream
 *                          read: one more message was taken          cancel      ping: is anybody there?
 *     member ──▶ program   message      answer: the one of a call, and its end      end: empty, or why
 *                          refused: nobody is there to take it, it was not done
 *                          pong
 */
import { byteString, byteStringOfText, bytesOf, textOf } from "../../wire/byte-string.ts";

export const FrameKind = {
  call: 1,
  stream: 2,
  message: 3,
  read: 4,
  cancel: 5,
  answer: 6,
  end: 7,
  refused: 8,
  ping: 9,
  pong: 10,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface Frame {
  /** Numbered by the program, one connection's own. */
  readonly call: number;
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 9;
const LENGTH_BYTES = 4;
export const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

export function encodeFrame({ call, kind, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, call);
  view.setUint8(8, kind);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** Cuts what arrives into frames. */
export class FrameReader {
  #rest: Uint8Array = NO_PAYLOAD;

  /** The frames that are complete with this chunk. */
  take(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : joined([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + view.getUint32(at);
      if (bytes.length < end) break;
      // A copy: the chunk's memory may be used again.
      const payload = bytes.slice(at + HEADER_BYTES, end);
      frames.push({ call: view.getUint32(at + 4), kind: view.getUint8(at + 8) as FrameKind, payload });
      at = end;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}

/** What a call or a stream begins with. */
export interface Head {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A head, and behind it a request. */
export function encodeHead(head: Head, request: Uint8Array = NO_PAYLOAD): Uint8Array {
  const text = encodeText(JSON.stringify(head));
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, text.length);
  return joined([length, text, request]);
}

export function decodeHead(payload: Uint8Array): { readonly head: Head; readonly request: Uint8Array } {
  const end = LENGTH_BYTES + new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  const head = JSON.parse(decodeText(payload.subarray(LENGTH_BYTES, end))) as Head;
  return { head, request: payload.subarray(end) };
}

/** Why a call ended. */
export interface Reason {
  /** gRPC. */
  readonly status: number;
  readonly message: string;
}

export function encodeReason(reason: Reason | null): Uint8Array {
  if (reason === null) return NO_PAYLOAD;
  const { status, message } = reason;
  return encodeText(JSON.stringify({ status, message }));
}

export function decodeReason(payload: Uint8Array): Reason | null {
  return payload.length === 0 ? null : (JSON.parse(decodeText(payload)) as Reason);
}

function encodeText(text: string): Uint8Array {
  return bytesOf(byteStringOfText(text));
}

function decodeText(bytes: Uint8Array): string {
  return textOf(byteString(bytes));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
