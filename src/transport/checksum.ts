/**
 * CRC-32 as in zlib, gzip and Ethernet (polynomial 0xEDB88320), four bytes a step ("slicing by four").
 *
 * A host that has a faster one (`zlib.crc32` of Node has the same signature and results) hands it to the transport.
 */

/** The checksum of what `seed` is the checksum of, followed by `bytes`; 0 is the checksum of nothing. */
export type Checksum = (bytes: Uint8Array, seed: number) => number;

/** Table k, entry b: the effect of byte b that has k more bytes behind it. One array, 256 entries a table. */
const tables: Int32Array<ArrayBuffer> = makeTables();

function makeTables(): Int32Array<ArrayBuffer> {
  const made = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 0xff] ?? 0);
  }
  return made;
}

export const crc32: Checksum = (bytes, seed) => {
  let crc = ~seed;
  let at = 0;
  for (const stop = bytes.length - 3; at < stop; at += 4) {
    crc ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    crc =
      (tables[768 + (crc & 0xff)] ?? 0) ^
      (tables[512 + ((crc >>> 8) & 0xff)] ?? 0) ^
      (tables[256 + ((crc >>> 16) & 0xff)] ?? 0) ^
      (tables[crc >>> 24] ?? 0);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
};
