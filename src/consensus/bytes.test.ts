import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "./bytes.ts";

describe("bytes", () => {
  it("read back what was written, little endian", () => {
    const writer = new ByteWriter(1 + 2 + 4 + 4 + 8 + 8 + 8 + 2);
    writer.u8(250);
    writer.u16(65000);
    writer.u32(4000000000);
    writer.i32(-5);
    writer.u53(2 ** 40 + 3);
    writer.f64(-1.5);
    writer.memberId(0xfedcba9876543210n);
    writer.raw(new Uint8Array([1, 2]));
    const reader = new ByteReader(writer.finish());
    assert.equal(reader.u8(), 250);
    assert.equal(reader.u16(), 65000);
    assert.equal(reader.u32(), 4000000000);
    assert.equal(reader.i32(), -5);
    assert.equal(reader.u53(), 2 ** 40 + 3);
    assert.equal(reader.f64(), -1.5);
    assert.equal(reader.memberId(), 0xfedcba9876543210n);
    assert.deepEqual([...reader.raw(2)], [1, 2]);
    reader.end();
  });

  it("keeps every integer below 2^53", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const writer = new ByteWriter(8);
        writer.u53(value);
        assert.equal(new ByteReader(writer.finish()).u53(), value);
      }),
    );
  });

  it("never reads past the end, nor leaves anything unread", () => {
    const reader = new ByteReader(new Uint8Array(3));
    assert.throws(() => reader.u32(), new DecodeError("4 bytes expected at offset 0, 3 left"));
    reader.u16();
    assert.throws(() => reader.end(), /1 bytes too many/);
  });

  it("refuses numbers that do not fit, and infinities", () => {
    assert.throws(() => new ByteReader(new Uint8Array(8).fill(255)).u53(), DecodeError);
    const writer = new ByteWriter(8);
    writer.f64(Number.POSITIVE_INFINITY);
    assert.throws(() => new ByteReader(writer.finish()).f64(), DecodeError);
    assert.throws(() => new ByteWriter(8).u53(-1), /cannot encode -1/);
    assert.throws(() => new ByteWriter(8).u53(2 ** 53), /cannot encode/);
  });

  it("a buffer that is not filled exactly is found where it was made", () => {
    assert.throws(() => new ByteWriter(2).finish(), /encoded 0 bytes into a buffer of 2/);
  });
});
