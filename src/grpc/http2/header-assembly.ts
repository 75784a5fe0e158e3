/**
 * Header blocks out of HEADERS and the CONTINUATION frames behind it (RFC 9113 §6.2, §6.10). A block that stands in one
 * frame, as all of decent peers do, is not copied.
 */
import { mustHaveStream, protocolError, tooMuch, wrongLength } from "./faults.ts";
import { Flag } from "./frames.ts";
import type { Limits } from "./limits.ts";

export interface HeaderBlockHandler {
  /** A block from `from` up to `to`. */
  headerBlock(bytes: Uint8Array, from: number, to: number, stream: number, endStream: boolean): void;
}

/** What one header block may cost. */
type BlockLimits = Pick<Limits, "maxContinuations" | "maxHeaderListBytes">;

/** A block that goes on. */
interface OpenBlock {
  readonly stream: number;
  readonly endStream: boolean;
  bytes: Uint8Array;
  continuations: number;
}

/** A weight and the stream that it depends on, which nobody looks at any more (RFC 9113 §5.3). */
const PRIORITY_BYTES = 5;

export class HeaderAssembly {
  readonly #limits: BlockLimits;
  readonly #handler: HeaderBlockHandler;
  #open: OpenBlock | null = null;

  constructor(limits: BlockLimits, handler: HeaderBlockHandler) {
    this.#limits = limits;
    this.#handler = handler;
  }

  /** The stream whose block goes on: only its CONTINUATION may come. 0 if there is none. */
  get openStream(): number {
    return this.#open === null ? 0 : this.#open.stream;
  }

  /** HEADERS, with a payload from `start` up to `end`. @throws ConnectionError if they are malformed */
  headers(bytes: Uint8Array, start: number, end: number, flags: number, stream: number): void {
    mustHaveStream(stream, "HEADERS");
    const isPadded = (flags & Flag.padded) !== 0;
    const from = start + (isPadded ? 1 : 0) + ((flags & Flag.priority) !== 0 ? PRIORITY_BYTES : 0);
    if (from > end) throw wrongLength("HEADERS with padding or priority", end - start, `at least ${from - start}`);
    const to = isPadded ? end - (bytes[start] ?? 0) : end;
    if (to < from) throw protocolError("HEADERS have more padding than payload");
    const endStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) this.#handler.headerBlock(bytes, from, to, stream, endStream);
    else this.#open = { stream, endStream, bytes: bytes.slice(from, to), continuations: 0 };
  }

  /** @throws ConnectionError if there is no block to go on with, or if it becomes too long */
  continuation(bytes: Uint8Array, from: number, to: number, flags: number): void {
    const block = this.#open;
    if (block === null) throw protocolError("CONTINUATION without a header block that goes on");
    const { maxContinuations, maxHeaderListBytes } = this.#limits;
    block.continuations += 1;
    if (block.continuations > maxContinuations) {
      throw tooMuch(`a header block in more than ${maxContinuations} CONTINUATION frames`);
    }
    const length = block.bytes.length + to - from;
    if (length > maxHeaderListBytes) throw tooMuch(`a header block of more than ${maxHeaderListBytes} bytes`);
    const joined = new Uint8Array(length);
    joined.set(block.bytes);
    joined.set(bytes.subarray(from, to), block.bytes.length);
    block.bytes = joined;
    if ((flags & Flag.endHeaders) === 0) return;
    this.#open = null;
    this.#handler.headerBlock(joined, 0, length, block.stream, block.endStream);
  }
}
