import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  byteString,
  byteStringOfText,
  bytesOf,
  conversion,
  portableConversion,
  textOf,
  writeByteString,
} from "./byte-string.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);

suite("byte strings", () => {
  for (const [name, way] of [
    ["the host's conversion", conversion],
    ["the portable conversion", portableConversion],
  ] as const) {
    test(`${name} keeps every byte, at any offset`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(5), (bytes, offset) => {
          const string = way.slice(bytes, 0, bytes.length);
          assert.deepEqual(
            Array.from(string, (character) => character.charCodeAt(0)),
            Array.from(bytes),
          );
          const target = new Uint8Array(offset + bytes.length + 1).fill(7);
          way.write(target, offset, string);
          assert.deepEqual(target.subarray(offset, offset + bytes.length), bytes);
          assert.equal(target[offset + bytes.length], 7);
          if (offset > 0) assert.equal(target[offset - 1], 7);
        }),
      );
      assert.equal(way.allocate(10).length, 10);
    });

    test(`${name} takes values of megabytes`, () => {
      const bytes = new Uint8Array(3_000_001);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7) & 0xff;
      const string = way.slice(bytes, 0, bytes.length);
      assert.equal(string.length, bytes.length);
      const target = new Uint8Array(bytes.length);
      way.write(target, 0, string);
      assert.equal(Buffer.compare(target, bytes), 0);
    });
  }

  test("both conversions agree", () => {
    assert.equal(portableConversion.slice(everyByte, 3, 250), conversion.slice(everyByte, 3, 250));
  });

  test("the order of byte strings is the order of their bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
        const order = Buffer.compare(a, b);
        assert.equal(byteString(a) < byteString(b), order < 0);
        assert.equal(byteString(a) === byteString(b), order === 0);
      }),
    );
  });

  test("byteString and bytesOf are inverse", () => {
    assert.deepEqual(bytesOf(byteString(everyByte)), everyByte);
    assert.equal(byteString(everyByte, 65, 68), "ABC");
    assert.equal(byteString(everyByte, 256), "");
  });

  test("writeByteString returns the length, and refuses what does not fit", () => {
    const target = new Uint8Array(5);
    assert.equal(writeByteString(target, 1, "\u00ffab"), 3);
    assert.deepEqual([...target], [0, 255, 97, 98, 0]);
    assert.throws(() => writeByteString(target, 3, "abc"), /3 bytes at offset 3 do not fit into 5 bytes/);
    assert.throws(() => writeByteString(target, -1, "a"), RangeError);
  });

  test("bounds outside the bytes are refused", () => {
    assert.throws(() => byteString(everyByte, 0, 257), /do not lie within 256 bytes/);
    assert.throws(() => byteString(everyByte, 5, 4), RangeError);
    assert.throws(() => byteString(everyByte, Number.NaN), RangeError);
  });

  test("text is not taken for bytes", () => {
    assert.throws(() => bytesOf("caf\u00e9 \u20ac"), /character 5 is U\+20ac, not a byte/);
  });

  test("text goes through UTF-8 and back, a byte order mark included", () => {
    assert.equal(byteStringOfText("\u20ac"), "\u00e2\u0082\u00ac");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        assert.equal(textOf(byteStringOfText(text)), text);
      }),
    );
    assert.equal(textOf(byteStringOfText("\ufeffx")), "\ufeffx");
    assert.equal(textOf("\u00ff"), "\ufffd");
  });
});
