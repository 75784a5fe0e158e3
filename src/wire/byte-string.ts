/**
 * Byte strings: JavaScript strings with one character (U+0000 to U+00FF) per byte. Why they are used: `kv.ts`.
 *
 * Where the host has Node's `Buffer` its native conversions are taken; elsewhere (a browser) portable ones. Both give
 * the same results.
 */
import type { ByteString } from "./kv.ts";

/** The part of Node's Buffer used here. Its methods work on any Uint8Array. */
interface HostBuffer {
  allocUnsafeSlow(size: number): Uint8Array;
  readonly prototype: {
    readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
    readonly latin1Write: (this: Uint8Array, string: string, offset: number, length: number) => number;
  };
}

/** A way to turn bytes into byte strings and back. */
export interface ByteStringConversion {
  /** The bytes from `start` up to `end`, both within `bytes`. */
  slice(bytes: Uint8Array, start: number, end: number): ByteString;
  /** Writes all of `string`, for which there must be room behind `offset`. */
  write(target: Uint8Array, offset: number, string: ByteString): void;
  /** New memory with any content. */
  allocate(size: number): Uint8Array;
}

/** Arguments of one `fromCharCode` call; more could exceed an engine's limit. */
const CHARACTERS_PER_CALL = 4096;

/** Works on every JavaScript engine. */
export const portableConversion: ByteStringConversion = {
  slice(bytes, start, end) {
    let string = "";
    for (let from = start; from < end; from += CHARACTERS_PER_CALL) {
      const piece = bytes.subarray(from, Math.min(end, from + CHARACTERS_PER_CALL));
      string += String.fromCharCode.apply(null, piece as unknown as number[]);
    }
    return string;
  },
  write(target, offset, string) {
    for (let i = 0; i < string.length; i++) target[offset + i] = string.charCodeAt(i);
  },
  allocate(size) {
    return new Uint8Array(size);
  },
};

/** Below this length (bytes) a loop is quicker than the call into the host. Measured on Node 24. */
const LOOP_BELOW = 12;

function hostConversion(host: HostBuffer): ByteStringConversion {
  const { latin1Slice, latin1Write } = host.prototype;
  return {
    slice(bytes, start, end) {
      return start === end ? "" : latin1Slice.call(bytes, start, end);
    },
    write(target, offset, string) {
      const length = string.length;
      if (length < LOOP_BELOW) {
        for (let i = 0; i < length; i++) target[offset + i] = string.charCodeAt(i);
      } else {
        latin1Write.call(target, string, offset, length);
      }
    },
    allocate(size) {
      return host.allocUnsafeSlow(size);
    },
  };
}

const host = (globalThis as { Buffer?: HostBuffer }).Buffer;

/** The best conversion that this engine has. */
export const conversion: ByteStringConversion =
  typeof host?.prototype?.latin1Slice === "function" && typeof host.prototype.latin1Write === "function"
    ? hostConversion(host)
    : portableConversion;

/**
 * The bytes from `start` (default 0) up to `end` (default: all) as a byte string.
 * @throws RangeError if the bounds do not lie within `bytes`.
 */
export function byteString(bytes: Uint8Array, start = 0, end: number = bytes.length): ByteString {
  if (!(start >= 0 && start <= end && end <= bytes.length)) {
    throw new RangeError(`bounds ${start} to ${end} do not lie within ${bytes.length} bytes`);
  }
  return conversion.slice(bytes, start, end);
}

/**
 * Writes a byte string at `offset` and returns the number of bytes written: its length.
 * @throws RangeError if there is no room for all of it.
 */
export function writeByteString(target: Uint8Array, offset: number, string: ByteString): number {
  if (!(offset >= 0 && offset + string.length <= target.length)) {
    throw new RangeError(`${string.length} bytes at offset ${offset} do not fit into ${target.length} bytes`);
  }
  conversion.write(target, offset, string);
  return string.length;
}

/**
 * The bytes of a byte string, in memory of their own.
 * @throws RangeError on a character above U+00FF: that is text, see `byteStringOfText`.
 */
export function bytesOf(string: ByteString): Uint8Array {
  for (let i = 0; i < string.length; i++) {
    if (string.charCodeAt(i) > 0xff) {
      throw new RangeError(`character ${i} is U+${string.charCodeAt(i).toString(16)}, not a byte: this is text`);
    }
  }
  const bytes = new Uint8Array(string.length);
  conversion.write(bytes, 0, string);
  return bytes;
}

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The UTF-8 bytes of a text. */
export function byteStringOfText(text: string): ByteString {
  const bytes = utf8Encoder.encode(text);
  return conversion.slice(bytes, 0, bytes.length);
}

/** A byte string read as UTF-8; what is no UTF-8 becomes U+FFFD. For people, not for round trips. */
export function textOf(string: ByteString): string {
  const bytes = new Uint8Array(string.length);
  conversion.write(bytes, 0, string);
  return utf8Decoder.decode(bytes);
}
