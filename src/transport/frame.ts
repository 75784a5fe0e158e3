/**
 * Frames: what a connection carries once both ends have greeted each other. Numbers are little-endian.
 *
 *     0        4     5      6         8        12         16    20
 *     | length | kind| flags| reserved| group  | sequence | crc | payload ...
 *
 * `length` is the payload's. `sequence` counts the frames of one direction of one connection from 0 (modulo 2^32), so
 * that a gap or a repetition is seen. `crc` covers all before it and the payload. Flags and reserved bytes are zero.
 */
import type { Checksum } from "./checksum.ts";
import { FrameKind } from "./transport.ts";

export const FRAME_HEADER_BYTES = 20;

/** Bytes of the header that the checksum covers. */
const CHECKED_BYTES = 16;

/** Frames of the transport itself, without group and payload: "I live", each way. */
export const PING = 254;
export const PONG = 255;

const known: ReadonlySet<number> = new Set<number>([...Object.values(FrameKind), PING, PONG]);

/** The header of a frame whose payload are `pieces`, `length` bytes together. */
export function frameHeader(
  kind: number,
  group: number,
  sequence: number,
  pieces: readonly Uint8Array[],
  length: number,
  checksum: Checksum,
): Uint8Array {
  putUint32(checked, 0, length);
  checked[4] = kind;
  putUint32(checked, 8, group);
  putUint32(checked, 12, sequence);
  let crc = checksum(checked, 0);
  for (const piece of pieces) crc = checksum(piece, crc);
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  header.set(checked);
  putUint32(header, CHECKED_BYTES, crc);
  return header;
}

/** What `frameHeader` works on: a view of part of a fresh array costs more than all the rest. */
const checked = new Uint8Array(CHECKED_BYTES);

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

const NOTHING = new Uint8Array(0);

/**
 * Cuts frames out of the chunks of one direction of one connection.
 *
 * A payload within one chunk is a part of that chunk, not a copy; one that spans several is put together once.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #checksum: Checksum;
  readonly #deliver: (kind: number, group: number, payload: Uint8Array) => void;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #checked = this.#header.subarray(0, CHECKED_BYTES);
  /** How much of `#header` is there. */
  #headerBytes = 0;
  /** The payload of the frame that `#header` begins, when it spans chunks. */
  #payload = NOTHING;
  #payloadBytes = 0;
  #sequence = 0;
  #stopped = false;

  constructor(
    maxFrameBytes: number,
    checksum: Checksum,
    deliver: (kind: number, group: number, payload: Uint8Array) => void,
  ) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#checksum = checksum;
    this.#deliver = deliver;
  }

  /** Delivers nothing any more, not even what is left of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#payload = NOTHING;
  }

  /** Takes a chunk. Returns why the stream cannot be trusted any more, after which it is over; null: all is well. */
  push(chunk: Uint8Array): string | null {
    let at = 0;
    while (!this.#stopped) {
      if (this.#headerBytes < FRAME_HEADER_BYTES) {
        while (this.#headerBytes < FRAME_HEADER_BYTES) {
          if (at === chunk.length) return null;
          this.#header[this.#headerBytes++] = chunk[at++] as number;
        }
        const problem = this.#inspectHeader();
        if (problem !== null) return this.#break(problem);
      }
      const length = uint32(this.#header, 0);
      let payload: Uint8Array;
      if (this.#payloadBytes === 0 && chunk.length - at >= length) {
        payload = chunk.subarray(at, at + length);
        at += length;
      } else {
        if (this.#payload.length === 0) this.#payload = new Uint8Array(length);
        const part = chunk.subarray(at, at + length - this.#payloadBytes);
        this.#payload.set(part, this.#payloadBytes);
        this.#payloadBytes += part.length;
        at += part.length;
        if (this.#payloadBytes < length) return null;
        payload = this.#payload;
      }
      const problem = this.#finishFrame(payload);
      if (problem !== null) return this.#break(problem);
    }
    return null;
  }

  #inspectHeader(): string | null {
    const header = this.#header;
    const length = uint32(header, 0);
    const kind = header[4] ?? 0;
    const sequence = uint32(header, 12);
    if (length > this.#maxFrameBytes) return `a frame of ${length} bytes, above the limit of ${this.#maxFrameBytes}`;
    if (!known.has(kind)) return `a frame of the unknown kind ${kind}`;
    if (header[5] !== 0 || header[6] !== 0 || header[7] !== 0) return "a frame with unknown flags";
    if (sequence !== this.#sequence) {
      return `frame ${sequence} where ${this.#sequence} was due: frames were lost or repeated`;
    }
    return null;
  }

  #finishFrame(payload: Uint8Array): string | null {
    const header = this.#header;
    const crc = this.#checksum(payload, this.#checksum(this.#checked, 0));
    if (crc !== uint32(header, 16)) return `frame ${this.#sequence} is damaged: its checksum does not match`;
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#headerBytes = 0;
    this.#payload = NOTHING;
    this.#payloadBytes = 0;
    this.#deliver(header[4] ?? 0, uint32(header, 8), payload);
    return null;
  }

  #break(problem: string): string {
    this.stop();
    return problem;
  }
}
