/** What a peer does wrong that concerns the whole connection, in words that go to it with the GOAWAY. */
import { ErrorCode, LARGEST_WINDOW } from "./frames.ts";

/** Breaks the whole connection (RFC 9113 §5.4.1): the message goes to the peer, so that somebody can find out why. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.protocolError, message);
}

/** Nothing that the RFC forbids, but more of it than anybody needs. */
export function tooMuch(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.enhanceYourCalm, message);
}

export function windowTooLarge(whose: string): ConnectionError {
  return new ConnectionError(ErrorCode.flowControlError, `the window of ${whose} grew beyond ${LARGEST_WINDOW} bytes`);
}

export function wrongLength(name: string, length: number, wanted: string): ConnectionError {
  return new ConnectionError(ErrorCode.frameSizeError, `${name} must have ${wanted} bytes of payload, not ${length}`);
}

/** Bytes of padding at the end of a padded DATA frame. @throws ConnectionError if that cannot be */
export function paddingOf(bytes: Uint8Array, from: number, to: number): number {
  if (to === from) throw wrongLength("padded DATA", 0, "at least 1");
  const padding = bytes[from] ?? 0;
  if (padding >= to - from) throw protocolError("DATA has more padding than payload");
  return padding;
}

/** @throws ConnectionError if a frame that is a stream's belongs to none */
export function mustHaveStream(id: number, name: string): void {
  if (id === 0) throw protocolError(`${name} must belong to a stream`);
}

/** @throws ConnectionError if a frame that is the connection's belongs to a stream */
export function mustHaveNoStream(id: number, name: string): void {
  if (id !== 0) throw protocolError(`${name} must not belong to a stream, but came for ${id}`);
}

/** @throws ConnectionError if the stream was not opened: what comes for a closed one may come late */
export function mustNotBeIdle(id: number, lastId: number, name: string): void {
  if (id > lastId || (id & 1) === 0) throw protocolError(`${name} for stream ${id}, which was not opened`);
}

/** @throws ConnectionError if a frame of one size has another */
export function mustHaveLength(length: number, wanted: number, name: string): void {
  if (length !== wanted) throw wrongLength(name, length, String(wanted));
}
