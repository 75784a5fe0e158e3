/**
 * Cuts what a peer sends into frames, wherever the network has cut it.
 *
 *     chunk   | ...rest of a frame | frame | frame | beginning of a fr
 *               └ copied together    └ handed on where they stand   └ kept
 *
 * A frame that is whole within one chunk is not copied. One that is not is put together in memory of its own size, so
 * that a peer which sends byte by byte costs no more work than its bytes.
 */
import { ConnectionError } from "./faults.ts";
import { DEFAULT_MAX_FRAME, ErrorCode, FRAME_HEADER_BYTES, lengthAt, PREFACE } from "./frames.ts";

export interface FrameHandler {
  /** A frame that begins at `at`, with a payload of `length` bytes. The bytes are not changed afterwards. */
  frame(bytes: Uint8Array, at: number, length: number): void;
}

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #preface: string;
  /** Bytes of the preface that have come. */
  #greeting = 0;
  /** A frame, or the header of one, that has not come whole; the first `#have` bytes are there. */
  #partial: Uint8Array | null = null;
  #have = 0;

  /** @param preface what comes before the first frame: a client sends PREFACE, a server nothing */
  constructor(handler: FrameHandler, preface: string = PREFACE) {
    this.#handler = handler;
    this.#preface = preface;
  }

  /** @throws ConnectionError for what is no preface or a frame that is too large; and what the handler throws */
  feed(chunk: Uint8Array): void {
    const end = chunk.length;
    let at = this.#greeting < this.#preface.length ? this.#greet(chunk) : 0;
    if (this.#partial !== null) at = this.#complete(this.#partial, chunk, at);
    while (end - at >= FRAME_HEADER_BYTES) {
      const length = lengthAt(chunk, at);
      checkLength(length);
      const next = at + FRAME_HEADER_BYTES + length;
      if (next > end) break;
      this.#handler.frame(chunk, at, length);
      at = next;
    }
    if (at < end) this.#keep(chunk, at);
  }

  #greet(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && this.#greeting < this.#preface.length) {
      if (chunk[at] !== this.#preface.charCodeAt(this.#greeting)) {
        throw new ConnectionError(ErrorCode.protocolError, "this is not the preface of HTTP/2");
      }
      at += 1;
      this.#greeting += 1;
    }
    return at;
  }

  #keep(chunk: Uint8Array, from: number): void {
    const have = chunk.length - from;
    const need = have < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + lengthAt(chunk, from);
    const partial = new Uint8Array(need);
    partial.set(chunk.subarray(from));
    this.#partial = partial;
    this.#have = have;
  }

  /** Adds to the frame that has not come whole. Returns where the next one begins. */
  #complete(partial: Uint8Array, chunk: Uint8Array, from: number): number {
    let at = this.#fill(partial, chunk, from);
    if (this.#have < partial.length) return at;
    if (partial.length === FRAME_HEADER_BYTES) {
      const length = lengthAt(partial, 0);
      checkLength(length);
      const whole = new Uint8Array(FRAME_HEADER_BYTES + length);
      whole.set(partial);
      this.#partial = whole;
      at = this.#fill(whole, chunk, at);
      if (this.#have < whole.length) return at;
      partial = whole;
    }
    this.#partial = null;
    this.#handler.frame(partial, 0, partial.length - FRAME_HEADER_BYTES);
    return at;
  }

  #fill(partial: Uint8Array, chunk: Uint8Array, from: number): number {
    const to = Math.min(chunk.length, from + partial.length - this.#have);
    partial.set(chunk.subarray(from, to), this.#have);
    this.#have += to - from;
    return to;
  }
}

/** Peers may send frames of the size that every HTTP/2 endpoint takes, and no larger ones: we never offer more. */
function checkLength(length: number): void {
  if (length <= DEFAULT_MAX_FRAME) return;
  const text = `a frame of ${length} bytes is larger than SETTINGS_MAX_FRAME_SIZE, ${DEFAULT_MAX_FRAME}`;
  throw new ConnectionError(ErrorCode.frameSizeError, text);
}
