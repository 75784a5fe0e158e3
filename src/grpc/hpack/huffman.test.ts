import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { huffmanCodes, huffmanDecode } from "./huffman.ts";
import { huffmanEncode } from "./testing/compressing-encoder.ts";

function decode(bytes: readonly number[]): number[] | null {
  const octets = huffmanDecode(Uint8Array.from(bytes), 0, bytes.length);
  return octets === null ? null : [...octets];
}

test("the code is complete, and has the codes of the RFC's table", () => {
  const codes = huffmanCodes();
  assert.equal(codes.length, 257);
  assert.equal(
    codes.reduce((sum, { length }) => sum + 2 ** -length, 0),
    1,
  );
  // Samples of every length from RFC 7541, appendix B.
  for (const [symbol, bits, length] of [
    ["0", 0x0, 5],
    ["t", 0x9, 5],
    [" ", 0x14, 6],
    ["u", 0x2d, 6],
    [":", 0x5c, 7],
    ["z", 0x7b, 7],
    ["&", 0xf8, 8],
    ["Z", 0xfd, 8],
    ["!", 0x3f8, 10],
    ["?", 0x3fc, 10],
    ["|", 0x7fc, 11],
    [">", 0xffb, 12],
    ["\0", 0x1ff8, 13],
    ["~", 0x1ffd, 13],
    ["^", 0x3ffc, 14],
    ["}", 0x3ffd, 14],
    ["<", 0x7ffc, 15],
    ["{", 0x7ffe, 15],
    ["\\", 0x7fff0, 19],
    ["\xd0", 0x7fff2, 19],
    ["\x80", 0xfffe6, 20],
    ["\xe6", 0x1fffe8, 21],
    ["\x81", 0x3fffd2, 22],
    ["\x01", 0x7fffd8, 23],
    ["\x09", 0xffffea, 24],
    ["\xc7", 0x1ffffec, 25],
    ["\xc0", 0x3ffffe0, 26],
    ["\xcb", 0x7ffffde, 27],
    ["\x02", 0xfffffe2, 28],
    ["\xf9", 0xffffffe, 28],
    ["\n", 0x3ffffffc, 30],
    ["\x16", 0x3ffffffe, 30],
  ] as const) {
    assert.deepEqual(codes[symbol.charCodeAt(0)], { bits, length }, symbol);
  }
  assert.deepEqual(codes[256], { bits: 0x3fffffff, length: 30 });
});

test("whatever is encoded is decoded, each octet alone and any in a row", () => {
  for (let octet = 0; octet < 256; octet++) assert.deepEqual(decode(huffmanEncode([octet])), [octet]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3000 }), (octets) => {
      assert.deepEqual(decode(huffmanEncode(octets)), octets);
    }),
    { numRuns: 100 },
  );
});

test("padding must be the beginning of the end of string, and shorter than an octet", () => {
  const zero = 0b00000_111;
  assert.deepEqual(decode([zero]), [0x30]);
  assert.equal(decode([0b00000_110]), null);
  assert.equal(decode([zero, 0xff]), null);
  assert.equal(decode([0xff]), null);
  assert.equal(decode([0xff, 0xff, 0xff, 0xff]), null, "the end of string itself");
  assert.deepEqual(decode([]), []);
});
