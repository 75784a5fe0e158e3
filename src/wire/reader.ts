/**
 * Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding/) from bytes that anybody may have
 * sent: each length is checked against what is there before anything is made of it, and what is malformed is answered
 * with a `QuorateError`, never with another exception.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { conversion } from "./byte-string.ts";
import type { ByteString } from "./kv.ts";

/** Wire types, the low three bits of a tag. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups within groups that are skipped; they are long out of use. */
const MAX_GROUP_DEPTH = 32;

const TWO_32 = 4294967296;

const scratch: BigInt64Array<ArrayBuffer> = new BigInt64Array(1);
const unsigned: BigUint64Array<ArrayBuffer> = new BigUint64Array(scratch.buffer);
const halves: Uint32Array<ArrayBuffer> = new Uint32Array(scratch.buffer);
const LOW: 0 | 1 = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH: 0 | 1 = LOW === 0 ? 1 : 0;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Who sent what is read: a client its request, or a server its response. Decides the error's code. */
export type Origin = "request" | "response";

/** Reads one message, whose nested messages are parts of the same bytes: hence `end` in place of sub-readers. */
export class Reader {
  /** Offset of the next byte. */
  position = 0;
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #origin: Origin;
  /** Halves of the varint that `#varint64` read last. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, origin: Origin) {
    this.#bytes = bytes;
    this.#origin = origin;
    this.length = bytes.length;
  }

  /** An error for what was found at `position`. */
  malformed(detail: string, at: number = this.position): QuorateError {
    return this.#origin === "request"
      ? new QuorateError(
          "MALFORMED_REQUEST",
          GrpcStatus.invalidArgument,
          `the request is not a valid protobuf message: ${detail} (byte ${at} of ${this.length})`,
        )
      : new QuorateError(
          "MALFORMED_RESPONSE",
          GrpcStatus.internal,
          `the response is not a valid protobuf message: ${detail} (byte ${at} of ${this.length}); is the endpoint an etcd v3 server?`,
        );
  }

  /** A field's tag: number times 8 plus wire type. */
  tag(end: number): number {
    const start = this.position;
    const first = this.#bytes[start] ?? 0;
    if (first < 0x80 && first >= 8 && start < end) {
      this.position = start + 1;
      return first;
    }
    this.#varint64(end);
    if (this.#high !== 0) throw this.malformed("a tag of more than 32 bits", start);
    if (this.#low < 8) throw this.malformed("a field with number 0", start);
    return this.#low;
  }

  /** An int64 or uint64 as a number. @throws QuorateError if it is not below 2^53. */
  number(end: number): number {
    const start = this.position;
    const value = this.#signed(end);
    if (!Number.isSafeInteger(value)) throw this.malformed("a number that is not below 2^53", start);
    return value;
  }

  /**
   * An int64 as a number, and the largest or least safe number for one beyond.
   *
   * For bounds and comparands: no revision, version or count reaches 2^53, so that a comparison with a bound beyond
   * it has the same outcome as one with the bound itself. Clients do say "no limit" with the largest int64.
   */
  bound(end: number): number {
    const value = this.#signed(end);
    return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  }

  /** An int32 or enum: the low 32 bits of the varint, signed. */
  int32(end: number): number {
    this.#varint64(end);
    return this.#low | 0;
  }

  bool(end: number): boolean {
    this.#varint64(end);
    return (this.#low | this.#high) !== 0;
  }

  int64(end: number): bigint {
    this.#varint64(end);
    if ((this.#low | this.#high) === 0) return 0n;
    halves[LOW] = this.#low;
    halves[HIGH] = this.#high;
    return scratch[0] ?? 0n;
  }

  uint64(end: number): bigint {
    this.#varint64(end);
    halves[LOW] = this.#low;
    halves[HIGH] = this.#high;
    return unsigned[0] ?? 0n;
  }

  /** The length of a field, and with it the end of what follows. */
  lengthDelimited(end: number): number {
    const start = this.position;
    this.#varint64(end);
    const left = end - this.position;
    if (this.#high !== 0 || this.#low > left) {
      throw this.malformed(`a field of ${this.#high * TWO_32 + this.#low} bytes where ${left} are left`, start);
    }
    return this.position + this.#low;
  }

  byteString(end: number): ByteString {
    const stop = this.lengthDelimited(end);
    const string = conversion.slice(this.#bytes, this.position, stop);
    this.position = stop;
    return string;
  }

  /** A text. @throws QuorateError if it is no UTF-8. */
  text(end: number): string {
    const stop = this.lengthDelimited(end);
    const bytes = this.#bytes.subarray(this.position, stop);
    try {
      const text = utf8.decode(bytes);
      this.position = stop;
      return text;
    } catch {
      throw this.malformed("a text that is not UTF-8");
    }
  }

  /** Passes over a field that is not known. */
  skip(tag: number, end: number): void {
    this.#skip(tag, end, 0);
  }

  #skip(tag: number, end: number, depth: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.#varint64(end);
        return;
      case WireType.fixed64:
        this.#advance(8, end);
        return;
      case WireType.bytes:
        this.position = this.lengthDelimited(end);
        return;
      case WireType.fixed32:
        this.#advance(4, end);
        return;
      case WireType.startGroup: {
        if (depth === MAX_GROUP_DEPTH) throw this.malformed(`groups nested more than ${MAX_GROUP_DEPTH} deep`);
        const endTag = tag - WireType.startGroup + WireType.endGroup;
        for (let inner = this.tag(end); inner !== endTag; inner = this.tag(end)) this.#skip(inner, end, depth + 1);
        return;
      }
      case WireType.endGroup:
        throw this.malformed("the end of a group that was not begun");
      default:
        throw this.malformed(`wire type ${tag & 7}, which does not exist`);
    }
  }

  #advance(size: number, end: number): void {
    if (end - this.position < size) throw this.malformed("it ends within a field");
    this.position += size;
  }

  #signed(end: number): number {
    const first = this.#bytes[this.position] ?? 0x80;
    if (first < 0x80 && this.position < end) {
      this.position++;
      return first;
    }
    this.#varint64(end);
    return (this.#high | 0) * TWO_32 + this.#low;
  }

  /** Reads 1 to 10 bytes into `#low` and `#high`; bits above the 64th are dropped, as protobuf prescribes. */
  #varint64(end: number): void {
    const bytes = this.#bytes;
    const start = this.position;
    let at = start;
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end) throw this.malformed("it ends within a number", start);
      if (shift === 70) throw this.malformed("a number of more than 10 bytes", start);
      const byte = bytes[at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) break;
    }
    this.position = at;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }
}
