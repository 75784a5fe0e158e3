/** Messages out of the bytes of a stream, wherever these were cut (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { uint32At } from "./http2/frames.ts";
import { PartialMessage, PREFIX_BYTES } from "./partial-message.ts";

/** Who takes the messages of one direction of a call. */
export interface MessageTaker {
  /** False: what else comes is nobody's. */
  readonly takesMessages: boolean;
  /** Whether a message that begins like this may come; if not, it takes none any more. */
  accepts(flag: number, length: number): boolean;
  /** A message that has begun takes so many more bytes of memory, or fewer. Whether it may; if not, it takes none any more. */
  keeps(bytes: number): boolean;
  /** So many bytes of a message have not come. */
  expects(bytes: number): void;
  /** A whole message. */
  take(message: Uint8Array): void;
}

/**
 * Takes those of `bytes` from `from` up to `to`.
 * @param begun what it returned for the bytes before
 * @returns a message that is not whole; null: none has begun, or nobody wants it
 */
export function readMessages(
  taker: MessageTaker,
  begun: PartialMessage | null,
  bytes: Uint8Array,
  from: number,
  to: number,
): PartialMessage | null {
  let at = from;
  if (begun !== null) {
    at = goOn(taker, begun, bytes, at, to);
    if (!taker.takesMessages) return null;
    if (at < 0) return begun;
  }
  // Whole ones are not copied.
  while (to - at >= PREFIX_BYTES) {
    const length = uint32At(bytes, at + 1);
    const end = at + PREFIX_BYTES + length;
    if (end > to) break;
    if (!taker.accepts(bytes[at] ?? 0, length)) return null;
    taker.take(bytes.subarray(at + PREFIX_BYTES, end));
    if (!taker.takesMessages) return null;
    at = end;
  }
  if (at >= to) return null;
  const partial = new PartialMessage();
  goOn(taker, partial, bytes, at, to);
  return taker.takesMessages ? partial : null;
}

/** Adds to a message that has begun. Returns where the next one begins; -1: nowhere here. */
function goOn(taker: MessageTaker, partial: PartialMessage, bytes: Uint8Array, from: number, to: number): number {
  let at = partial.takePrefix(bytes, from, to);
  if (!partial.hasPrefix || !taker.accepts(partial.flag, partial.length)) return NOWHERE;
  const before = partial.capacity;
  at = partial.takeBody(bytes, at, to);
  if (!taker.keeps(partial.capacity - before)) return NOWHERE;
  if (partial.missing > 0) {
    taker.expects(partial.missing);
    return NOWHERE;
  }
  taker.keeps(-partial.capacity);
  taker.take(partial.message);
  return at;
}

const NOWHERE = -1;
