/**
 * Writes protobuf's wire format (https://protobuf.dev/programming-guides/encoding/), from the last byte to the first.
 *
 *     chunk  [ free ............. | this message | messages handed out before ]
 *                                 ^ position     ^ end
 *
 * Backwards, because a message inside another is preceded by its length: written last, the length is known, and no
 * pass is needed to compute it. So whoever writes a message writes its fields in descending order, and each field as
 * content, then length, then tag. Messages are cut from a shared chunk without a copy.
 */
import { assert } from "../errors.ts";
import { conversion } from "./byte-string.ts";
import type { ByteString } from "./kv.ts";

/** Bytes. A message that does not fit into the rest of a chunk goes to a new one. */
const CHUNK_SIZE = 128 * 1024;

const TWO_32 = 4294967296;

/** A number's eight bytes, to take a bigint apart without arithmetic on it. */
const scratch: BigUint64Array<ArrayBuffer> = new BigUint64Array(1);
const halves: Uint32Array<ArrayBuffer> = new Uint32Array(scratch.buffer);
/** Where the low half is: 0 on little-endian machines. */
const LOW: 0 | 1 = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH: 0 | 1 = LOW === 0 ? 1 : 0;

const utf8 = new TextEncoder();

export class Writer {
  #chunk: Uint8Array;
  #position: number;
  #end: number;

  constructor() {
    this.#chunk = conversion.allocate(CHUNK_SIZE);
    this.#position = CHUNK_SIZE;
    this.#end = CHUNK_SIZE;
  }

  /** Starts a message; what was written since the last `finish` is dropped. */
  begin(): void {
    this.#position = this.#end;
  }

  /** The message written since `begin`. It is the caller's; nothing writes there again. */
  finish(): Uint8Array {
    const message = this.#chunk.subarray(this.#position, this.#end);
    this.#end = this.#position;
    return message;
  }

  /** Bytes written since `begin`. The difference of two is the length of what was written between. */
  get written(): number {
    return this.#end - this.#position;
  }

  /** A field's number and wire type in one byte: fields 1 to 15. */
  tag(tag: number): void {
    if (this.#position === 0) this.#grow(1);
    this.#chunk[--this.#position] = tag;
  }

  /** The length of a message within a message: of all that was written since `written` was `mark`. */
  lengthSince(mark: number): void {
    this.#unsigned32(this.#end - this.#position - mark);
  }

  /** An int64, uint64, int32 or enum. @throws InvariantViolation unless it is a whole number below 2^53. */
  varint(value: number): void {
    if (value >= 0 && value < TWO_32) {
      // A fraction would be lost in the shifts.
      if (!Number.isInteger(value)) assert(false, `varint: ${value} is no whole number`);
      this.#unsigned32(value);
      return;
    }
    if (!Number.isSafeInteger(value)) assert(false, `varint: ${value} is no whole number below 2^53`);
    this.#unsigned64(value >>> 0, Math.floor(value / TWO_32) >>> 0);
  }

  /** An int64 or uint64; taken modulo 2^64. */
  varint64(value: bigint): void {
    scratch[0] = value;
    this.#unsigned64(halves[LOW] ?? 0, halves[HIGH] ?? 0);
  }

  /** Bytes, then their length. */
  byteString(value: ByteString): void {
    const length = value.length;
    if (this.#position < length) this.#grow(length);
    this.#position -= length;
    conversion.write(this.#chunk, this.#position, value);
    this.#unsigned32(length);
  }

  /** A text as UTF-8, then its length. */
  text(value: string): void {
    const bytes = utf8.encode(value);
    if (this.#position < bytes.length) this.#grow(bytes.length);
    this.#position -= bytes.length;
    this.#chunk.set(bytes, this.#position);
    this.#unsigned32(bytes.length);
  }

  #unsigned32(value: number): void {
    if (this.#position < 5) this.#grow(5);
    const chunk = this.#chunk;
    if (value < 0x80) {
      chunk[--this.#position] = value;
    } else if (value < 0x4000) {
      const at = this.#position - 2;
      this.#position = at;
      chunk[at] = (value & 0x7f) | 0x80;
      chunk[at + 1] = value >>> 7;
    } else if (value < 0x200000) {
      const at = this.#position - 3;
      this.#position = at;
      chunk[at] = (value & 0x7f) | 0x80;
      chunk[at + 1] = ((value >>> 7) & 0x7f) | 0x80;
      chunk[at + 2] = value >>> 14;
    } else {
      let at = this.#position - (value < 0x10000000 ? 4 : 5);
      this.#position = at;
      let rest = value;
      while (rest >= 0x80) {
        chunk[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      chunk[at] = rest;
    }
  }

  /** `low` and `high` are the halves of the number, each from 0 to 2^32 - 1. */
  #unsigned64(low: number, high: number): void {
    if (high === 0) {
      this.#unsigned32(low);
      return;
    }
    if (this.#position < 10) this.#grow(10);
    const chunk = this.#chunk;
    // Bits above the 28 of four full bytes: the top four of `low`, then `high`.
    const highBits = 64 - Math.clz32(high) - 32;
    const size = Math.ceil((32 + highBits) / 7);
    let at = this.#position - size;
    this.#position = at;
    chunk[at++] = (low & 0x7f) | 0x80;
    chunk[at++] = ((low >>> 7) & 0x7f) | 0x80;
    chunk[at++] = ((low >>> 14) & 0x7f) | 0x80;
    chunk[at++] = ((low >>> 21) & 0x7f) | 0x80;
    const fifth = (low >>> 28) | ((high & 0x07) << 4);
    if (size === 5) {
      chunk[at] = fifth;
      return;
    }
    chunk[at++] = fifth | 0x80;
    let rest = high >>> 3;
    while (rest >= 0x80) {
      chunk[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[at] = rest;
  }

  /** Makes room for `size` more bytes in front of what this message has so far. */
  #grow(size: number): void {
    const written = this.#end - this.#position;
    const capacity = Math.max(CHUNK_SIZE, 2 * (written + size));
    const chunk = conversion.allocate(capacity);
    chunk.set(this.#chunk.subarray(this.#position, this.#end), capacity - written);
    this.#chunk = chunk;
    this.#position = capacity - written;
    this.#end = capacity;
  }
}
