/**
 * Frames of HTTP/2 (RFC 9113 §4, §6): what is on the wire between two ends.
 *
 *     0            3     4      5            9
 *     | length     | type| flags| stream     | payload ...          numbers are big-endian
 */

export const FRAME_HEADER_BYTES = 9;

/** What a client sends first (RFC 9113 §3.4), before its first frame. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Bits of a frame's flags. The same bit means different things in different frames. */
export const Flag = {
  none: 0,
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

/** Error codes (RFC 9113 §7). */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** `REFUSED_STREAM`; unknown codes by their number. */
export function errorName(code: number): string {
  const name = Object.entries(ErrorCode).find(([, known]) => known === code)?.[0];
  return name === undefined ? `error ${code}` : name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What holds until somebody says otherwise (RFC 9113 §6.5.2). */
export const DEFAULT_WINDOW = 65_535;
export const DEFAULT_MAX_FRAME = 16_384;
export const LARGEST_FRAME: number = 2 ** 24 - 1;
export const LARGEST_WINDOW: number = 2 ** 31 - 1;
export const LARGEST_STREAM_ID: number = 2 ** 31 - 1;

export function uint32At(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] ?? 0) * 0x1000000;
  return high + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
}

/** A stream's number or a window's increment: the first bit is reserved and says nothing. */
export function uint31At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) & 0x7f) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

export function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function putFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  putUint32(bytes, at + 5, stream);
}

/** A whole frame, for those that are rare. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  putFrameHeader(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function resetStreamFrame(stream: number, code: ErrorCode): Uint8Array {
  return numberFrame(FrameType.resetStream, stream, code);
}

/** @param stream 0 for the window of the connection */
export function windowUpdateFrame(stream: number, increment: number): Uint8Array {
  return numberFrame(FrameType.windowUpdate, stream, increment);
}

function numberFrame(type: number, stream: number, value: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + 4);
  putFrameHeader(bytes, 0, 4, type, Flag.none, stream);
  putUint32(bytes, FRAME_HEADER_BYTES, value);
  return bytes;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Uint8Array {
  const payload = new Uint8Array(settings.length * 6);
  settings.forEach(([id, value], n) => {
    payload[n * 6 + 1] = id;
    putUint32(payload, n * 6 + 2, value);
  });
  return frame(FrameType.settings, Flag.none, 0, payload);
}

/** @param lastStream streams above it were not looked at, and may be asked for again elsewhere */
export function goAwayFrame(lastStream: number, code: ErrorCode, text: string): Uint8Array {
  const debug = new TextEncoder().encode(text);
  const payload = new Uint8Array(8 + debug.length);
  putUint32(payload, 0, lastStream);
  putUint32(payload, 4, code);
  payload.set(debug, 8);
  return frame(FrameType.goAway, Flag.none, 0, payload);
}
