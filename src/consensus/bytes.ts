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

/** Fills a buffer whose size is known beforehand. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  i32(value: number): void {
    this.#view.setInt32(this.#at, value, true);
    this.#at += 4;
  }

  /** A non-negative integer below 2^53 in eight bytes. */
  u53(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvariantViolation(`cannot encode ${value}: not an integer from 0 to 2^53-1`);
    }
    this.#view.setUint32(this.#at, value % twoTo32, true);
    this.#view.setUint32(this.#at + 4, Math.floor(value / twoTo32), true);
    this.#at += 8;
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  memberId(value: MemberId): void {
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  raw(value: Uint8Array): void {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  finish(): Uint8Array {
    assert(this.#at === this.#bytes.length, `encoded ${this.#at} bytes into a buffer of ${this.#bytes.length}`);
    return this.#bytes;
  }
}

/** Walks over received bytes; every method throws `DecodeError` rather than read past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u53(): number {
    const at = this.#take(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= twoTo21) throw new DecodeError(`number at offset ${at} is 2^53 or more`);
    return high * twoTo32 + this.#view.getUint32(at, true);
  }

  /** A finite number. */
  f64(): number {
    const at = this.#take(8);
    const value = this.#view.getFloat64(at, true);
    if (!Number.isFinite(value)) throw new DecodeError(`number at offset ${at} is not finite`);
    return value;
  }

  memberId(): MemberId {
    return this.#view.getBigUint64(this.#take(8), true);
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
