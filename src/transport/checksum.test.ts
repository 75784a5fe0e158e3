import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crc32 as hostCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32 } from "./checksum.ts";

suite("crc32", () => {
  test("has the standard's check value", () => {
    assert.equal(crc32(new TextEncoder().encode("123456789"), 0), 0xcbf43926);
    assert.equal(crc32(new Uint8Array(0), 0), 0);
  });

  test("equals zlib's for all lengths, offsets and seeds", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(3), fc.nat(), (bytes, offset, seed) => {
        const part = bytes.subarray(Math.min(offset, bytes.length));
        assert.equal(crc32(part, seed), hostCrc32(part, seed));
      }),
    );
  });

  test("goes on where another left off", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(crc32(b, crc32(a, 0)), crc32(Buffer.concat([a, b]), 0));
      }),
    );
  });
});
