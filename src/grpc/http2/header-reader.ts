/**
 * Makes of header blocks what they mean. A client asks again and again with the same few blocks, a dozen bytes each once
 * its table is filled: a block that was read before, with the same table, is not read again.
 */
import { HpackDecoder } from "../hpack/decoder.ts";
import type { Field } from "../hpack/field.ts";
import { ConnectionError } from "./faults.ts";
import { ErrorCode } from "./frames.ts";

/** Octets of our dynamic table: what every endpoint begins with, so that clients need not be told. */
const TABLE_BYTES = 4_096;
/** Blocks remembered of one connection; clients have about one for each method that they call. */
const REMEMBERED = 8;
/** Longer ones are none that come again and again. */
const LONGEST_REMEMBERED = 256;

interface Remembered<Meaning> {
  readonly block: Uint8Array;
  /** Of the table that it was read with. */
  readonly version: number;
  readonly meaning: Meaning;
}

export class HeaderReader<Meaning> {
  readonly #decoder: HpackDecoder;
  readonly #interpret: (fields: readonly Field[] | null) => Meaning;
  readonly #remembered: Remembered<Meaning>[] = [];
  /** Where the last block was found: the next one is likely the same. */
  #lastHit = 0;
  #oldest = 0;

  /** @param interpret is given null for a list of fields above `maxListBytes` */
  constructor(maxListBytes: number, interpret: (fields: readonly Field[] | null) => Meaning) {
    this.#decoder = new HpackDecoder(TABLE_BYTES, maxListBytes);
    this.#interpret = interpret;
  }

  /** What a request's block means. @throws ConnectionError if it cannot be read */
  read(bytes: Uint8Array, from: number, to: number): Meaning {
    const known = this.#recall(bytes, from, to);
    if (known !== null) return known.meaning;
    const { version } = this.#decoder;
    const meaning = this.#interpret(this.fields(bytes, from, to));
    // One that changed the table does not mean the same the next time.
    if (this.#decoder.version === version && to - from <= LONGEST_REMEMBERED) {
      this.#remembered[this.#oldest] = { block: bytes.slice(from, to), version, meaning };
      this.#lastHit = this.#oldest;
      this.#oldest = (this.#oldest + 1) % REMEMBERED;
    }
    return meaning;
  }

  /** The fields of a block, null above the limit. @throws ConnectionError if it cannot be read */
  fields(bytes: Uint8Array, from: number, to: number): Field[] | null {
    try {
      return this.#decoder.decode(bytes, from, to);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ConnectionError(ErrorCode.compressionError, `a header block cannot be read: ${why}`);
    }
  }

  #recall(bytes: Uint8Array, from: number, to: number): Remembered<Meaning> | null {
    const { version } = this.#decoder;
    const remembered = this.#remembered;
    for (let n = 0, slot = this.#lastHit; n < remembered.length; n++) {
      const candidate = remembered[slot];
      if (candidate?.version === version && isBlock(candidate.block, bytes, from, to)) {
        this.#lastHit = slot;
        return candidate;
      }
      slot = slot + 1 === remembered.length ? 0 : slot + 1;
    }
    return null;
  }
}

function isBlock(block: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (block.length !== to - from) return false;
  for (let n = 0; n < block.length; n++) if (block[n] !== bytes[from + n]) return false;
  return true;
}
