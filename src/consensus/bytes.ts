/**
 * Fixed-layout little-endian reading and writing, shared by everything the engines put on disk or on the wire.
 *
 * A reader never looks past its end and a writer must be filled exactly: a wrong length is found where it is made.
 */
import type { MemberId } from "../environment.ts";
import { assert, InvariantViolation } from "../errors.ts";

/** The bytes are not what they should be. Thrown by decoders; a remote cause is dropped and counted, never fatal. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

const twoTo32 = 4294967296;
const twoTo21 = 2097152;

/** Where eight bytes are put together or taken apart: a view of its own for each small buffer costs more than the bytes. */
const eight = new Uint8Array(8);
const eightView = new DataView(eight.buffer);

/** Fills a buffer whose size is known beforehand. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  /** The place of so many bytes more. */
  #take(size: number): number {
    const at = this.#at;
    this.#at = at + size;
    if (this.#at > this.#bytes.length)
      throw new InvariantViolation(`${this.#at} bytes do not fit into a buffer of ${this.#bytes.length}`);
    return at;
  }

  u8(value: number): void {
    this.#bytes[this.#take(1)] = value;
  }

  u16(value: number): void {
    const at = this.#take(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
  }

  u32(value: number): void {
    this.#word(this.#take(4), value);
  }

  i32(value: number): void {
    this.#word(this.#take(4), value);
  }

  #word(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** A non-negative integer below 2^53 in eight bytes. */
  u53(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvariantViolation(`cannot encode ${value}: not an integer from 0 to 2^53-1`);
    }
    const at = this.#take(8);
    this.#word(at, value % twoTo32);
    this.#word(at + 4, Math.floor(value / twoTo32));
  }

  f64(value: number): void {
    eightView.setFloat64(0, value, true);
    this.raw(eight);
  }

  memberId(value: MemberId): void {
    eightView.setBigUint64(0, value, true);
    this.raw(eight);
  }

  raw(value: Uint8Array): void {
    this.#bytes.set(value, this.#take(value.length));
  }

  finish(): Uint8Array {
    assert(this.#at === this.#bytes.length, `encoded ${this.#at} bytes into a buffer of ${this.#bytes.length}`);
    return this.#bytes;
  }
}

/** Walks over received bytes; every method throws `DecodeError` rather than read past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) {
      throw new DecodeError(`${size} bytes expected at offset ${at}, ${this.#bytes.length - at} left`);
    }
    this.#at = at + size;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8);
  }

  u32(): number {
    return this.#word(this.#take(4)) >>> 0;
  }

  i32(): number {
    return this.#word(this.#take(4));
  }

  /** Four bytes as a signed number. */
  #word(at: number): number {
    const bytes = this.#bytes;
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
  }

  /** The next eight bytes, in `eight`. */
  #takeEight(): void {
    const at = this.#take(8);
    for (let byte = 0; byte < 8; byte++) eight[byte] = this.#bytes[at + byte] as number;
  }

  u53(): number {
    const at = this.#take(8);
    const high = this.#word(at + 4) >>> 0;
    if (high >= twoTo21) throw new DecodeError(`number at offset ${at} is 2^53 or more`);
    return high * twoTo32 + (this.#word(at) >>> 0);
  }

  /** A finite number. */
  f64(): number {
    const at = this.#at;
    this.#takeEight();
    const value = eightView.getFloat64(0, true);
    if (!Number.isFinite(value)) throw new DecodeError(`number at offset ${at} is not finite`);
    return value;
  }

  memberId(): MemberId {
    this.#takeEight();
    return eightView.getBigUint64(0, true);
  }

  /** A view, not a copy. */
  raw(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  end(): void {
    if (this.left !== 0) throw new DecodeError(`${this.left} bytes too many`);
  }
}
