import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Reader } from "./reader.ts";

function reader(...bytes: number[]): Reader {
  return new Reader(Uint8Array.from(bytes), "request");
}

function isMalformed(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof QuorateError);
    assert.equal(error.code, "MALFORMED_REQUEST");
    assert.equal(error.status, GrpcStatus.invalidArgument);
    assert.match(error.message, pattern);
    return true;
  };
}

suite("reader", () => {
  test("reads the numbers of another implementation", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        const bytes = new BinaryWriter().int64(value).finish();
        const end = bytes.length;
        assert.equal(new Reader(bytes, "request").int64(end), value);
        assert.equal(new Reader(bytes, "request").uint64(end), BigInt.asUintN(64, value));
        assert.equal(new Reader(bytes, "request").int32(end), Number(BigInt.asIntN(32, value)));
        assert.equal(new Reader(bytes, "request").bool(end), value !== 0n);
        const number = Number(value);
        if (Number.isSafeInteger(number)) {
          assert.equal(new Reader(bytes, "request").number(end), number);
          assert.equal(new Reader(bytes, "request").bound(end), number);
        } else {
          assert.throws(() => new Reader(bytes, "request").number(end), isMalformed(/not below 2\^53/));
          const bound = value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
          assert.equal(new Reader(bytes, "request").bound(end), bound);
        }
      }),
    );
  });

  test("the largest safe numbers are read exactly", () => {
    for (const value of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 0]) {
      const bytes = new BinaryWriter().int64(BigInt(value)).finish();
      assert.equal(new Reader(bytes, "request").number(bytes.length), value);
    }
  });

  test("a number must end, within ten bytes and within its message", () => {
    assert.throws(() => reader().number(0), isMalformed(/ends within a number/));
    assert.throws(() => reader(0x80).number(1), isMalformed(/ends within a number/));
    assert.throws(() => reader(0x80, 0x01).number(1), isMalformed(/ends within a number/));
    assert.throws(() => reader(5).number(0), isMalformed(/ends within a number/));
    assert.throws(() => reader(...Array(11).fill(0x80)).number(11), isMalformed(/more than 10 bytes/));
  });

  test("a number in more bytes than needed is still that number", () => {
    assert.equal(reader(0x81, 0x80, 0x00).number(3), 1);
    assert.equal(reader(0x80, 0x00).bool(2), false);
  });

  test("a length beyond the message is refused before anything is taken", () => {
    assert.throws(
      () => reader(5, 1, 2).byteString(3),
      isMalformed(/a field of 5 bytes where 2 are left \(byte 0 of 3/),
    );
    const huge = new BinaryWriter().uint64(1n << 40n).finish();
    assert.throws(() => new Reader(huge, "request").byteString(huge.length), isMalformed(/1099511627776 bytes/));
    // The nested message's end counts, not that of the bytes.
    assert.throws(() => reader(2, 1, 2).byteString(2), isMalformed(/2 bytes where 1 are left/));
  });

  test("a text must be UTF-8", () => {
    assert.equal(reader(3, 0xe2, 0x82, 0xac).text(4), "\u20ac");
    assert.throws(() => reader(2, 0xc3, 0x28).text(3), isMalformed(/not UTF-8/));
  });

  test("field number 0 and tags above 32 bits do not exist", () => {
    assert.throws(() => reader(0x02).tag(1), isMalformed(/number 0/));
    assert.throws(() => reader(0x80, 0x00).tag(2), isMalformed(/number 0/));
    assert.throws(() => reader(0x88, 0x80, 0x80, 0x80, 0x10).tag(5), isMalformed(/more than 32 bits/));
    assert.equal(reader(0x82, 0x04).tag(2), 0x202);
  });

  test("unknown fields of every wire type are passed over exactly", () => {
    const group = (w: BinaryWriter, depth: number): void => {
      w.tag(99, WireType.StartGroup);
      w.tag(1, WireType.Bit64).fixed64(5n);
      if (depth > 1) group(w, depth - 1);
      w.tag(99, WireType.EndGroup);
    };
    const w = new BinaryWriter();
    w.tag(100, WireType.Varint).uint64((1n << 64n) - 1n);
    w.tag(101, WireType.Bit64).fixed64(1n);
    w.tag(102, WireType.LengthDelimited).bytes(new Uint8Array(200));
    w.tag(103, WireType.Bit32).fixed32(1);
    group(w, 3);
    const bytes = w.finish();
    const r = new Reader(bytes, "request");
    for (let fields = 0; fields < 5; fields++) r.skip(r.tag(bytes.length), bytes.length);
    assert.equal(r.position, bytes.length);
  });

  test("what cannot be passed over is refused", () => {
    assert.throws(() => reader(1, 2, 3).skip(0x09, 3), isMalformed(/ends within a field/));
    assert.throws(() => reader(1, 2, 3).skip(0x0d, 3), isMalformed(/ends within a field/));
    assert.throws(() => reader().skip(0x0c, 0), isMalformed(/was not begun/));
    assert.throws(() => reader().skip(0x0e, 0), isMalformed(/wire type 6/));
    assert.throws(() => reader().skip(0x0f, 0), isMalformed(/wire type 7/));
    assert.throws(() => reader(0x08, 0x01).skip(0x0b, 2), isMalformed(/ends within a number/));
    assert.throws(() => reader(0x14).skip(0x0b, 1), isMalformed(/was not begun/));
    assert.throws(() => reader(...Array(5000).fill(0x0b)).skip(0x0b, 5000), isMalformed(/nested more than 32 deep/));
  });

  test("a server's bytes are blamed on the server", () => {
    assert.throws(
      () => new Reader(new Uint8Array([0x80]), "response").number(1),
      (error: unknown) =>
        error instanceof QuorateError &&
        error.code === "MALFORMED_RESPONSE" &&
        error.status === GrpcStatus.internal &&
        /is the endpoint an etcd v3 server/.test(error.message),
    );
  });
});
