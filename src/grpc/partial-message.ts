/**
 * A message that does not come in one piece: its prefix, then its bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
 *
 * Memory is taken as bytes come, not as the prefix announces them: who only says that much will follow costs nothing.
 */
import { uint32At } from "./http2/frames.ts";

/** A flag, 1 if the message is compressed, and the message's length. */
export const PREFIX_BYTES = 5;
const LEAST_CAPACITY = 1_024;
/** Memory taken for each byte that has come: the more, the less often what has come is copied. */
const GROWTH = 8;

export class PartialMessage {
  readonly #prefix: Uint8Array<ArrayBuffer> = new Uint8Array(PREFIX_BYTES);
  #prefixBytes = 0;
  #body: Uint8Array = new Uint8Array(0);
  #have = 0;

  get hasPrefix(): boolean {
    return this.#prefixBytes === PREFIX_BYTES;
  }

  get flag(): number {
    return this.#prefix[0] ?? 0;
  }

  /** The message's, once the prefix is there. */
  get length(): number {
    return uint32At(this.#prefix, 1);
  }

  /** Bytes of the message that have not come. */
  get missing(): number {
    return this.length - this.#have;
  }

  /** Bytes of memory taken. */
  get capacity(): number {
    return this.#body.length;
  }

  /** The whole message, once nothing is missing. */
  get message(): Uint8Array {
    return this.#body;
  }

  /** Takes what is the prefix's; returns where the rest begins. */
  takePrefix(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.#prefixBytes < PREFIX_BYTES) this.#prefix[this.#prefixBytes++] = bytes[at++] ?? 0;
    return at;
  }

  /** Takes what is the message's; returns where the next one begins. */
  takeBody(bytes: Uint8Array, from: number, to: number): number {
    const taken = Math.min(to - from, this.missing);
    const need = this.#have + taken;
    if (need > this.#body.length) {
      const capacity = Math.min(this.length, Math.max(LEAST_CAPACITY, GROWTH * need));
      const body = new Uint8Array(capacity);
      body.set(this.#body.subarray(0, this.#have));
      this.#body = body;
    }
    this.#body.set(bytes.subarray(from, from + taken), this.#have);
    this.#have = need;
    return from + taken;
  }
}
