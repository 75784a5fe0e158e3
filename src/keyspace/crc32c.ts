/** CRC-32C (Castagnoli), as HashKV uses it: over byte strings and numbers, one after the other. */
import type { ByteString } from "../wire/kv.ts";

const POLYNOMIAL = 0x82f63b78;

const table: Uint32Array<ArrayBuffer> = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

const TWO_32 = 4294967296;

/** A checksum that is fed piece by piece. */
export class Crc32c {
  #crc = -1;

  byteString(bytes: ByteString): void {
    let crc = this.#crc;
    for (let i = 0; i < bytes.length; i++) {
      crc = (table[(crc ^ bytes.charCodeAt(i)) & 0xff] as number) ^ (crc >>> 8);
    }
    this.#crc = crc;
  }

  /** The eight bytes, low first, of a whole number from 0 to 2^53 - 1. */
  number(value: number): void {
    this.#word(value >>> 0);
    this.#word(Math.floor(value / TWO_32));
  }

  /** The eight bytes, low first. */
  int64(value: bigint): void {
    this.#word(Number(BigInt.asUintN(32, value)));
    this.#word(Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** An unsigned 32-bit number. More may be added afterwards. */
  get value(): number {
    return (this.#crc ^ -1) >>> 0;
  }

  #word(word: number): void {
    let crc = this.#crc ^ word;
    for (let i = 0; i < 4; i++) crc = (table[crc & 0xff] as number) ^ (crc >>> 8);
    this.#crc = crc;
  }
}
