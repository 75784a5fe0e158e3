import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { InvariantViolation } from "../errors.ts";
import { Writer } from "./writer.ts";

function written(write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  w.begin();
  write(w);
  return w.finish();
}

suite("writer", () => {
  test("numbers are read back by another implementation, and take the fewest bytes", () => {
    const edges = [0, 1, 127, 128, 16383, 16384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1];
    const large = [2 ** 32, 2 ** 35 - 1, 2 ** 35, 2 ** 42, 2 ** 49, Number.MAX_SAFE_INTEGER];
    const check = (value: number): void => {
      const bytes = written((w) => w.varint(value));
      assert.equal(Number(new BinaryReader(bytes).int64()), value);
      const size = value < 0 ? 10 : Math.max(1, Math.ceil(value.toString(2).length / 7));
      assert.equal(bytes.length, size);
    };
    for (const edge of [...edges, ...large]) {
      check(edge);
      if (edge > 0) check(-edge);
    }
    fc.assert(fc.property(fc.maxSafeInteger(), check));
  });

  test("bigints are read back by another implementation", () => {
    const check = (value: bigint): void => {
      const bytes = written((w) => w.varint64(value));
      assert.equal(new BinaryReader(bytes).uint64(), BigInt.asUintN(64, value));
      assert.equal(new BinaryReader(bytes).int64(), BigInt.asIntN(64, value));
    };
    for (let bit = 0n; bit < 64n; bit++) {
      check(1n << bit);
      check((1n << bit) - 1n);
    }
    fc.assert(fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), check));
  });

  test("a number that is not whole or not safe is refused", () => {
    for (const bad of [0.5, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40 + 0.5]) {
      assert.throws(() => written((w) => w.varint(bad)), InvariantViolation);
    }
  });

  test("fields come out in the reverse order, each as tag, length, content", () => {
    const bytes = written((w) => {
      const mark = w.written;
      w.text("h\u00e9");
      w.tag(0x12);
      w.byteString("\u00ff");
      w.tag(0x0a);
      w.lengthSince(mark);
      w.tag(0x1a);
    });
    assert.deepEqual([...bytes], [0x1a, 8, 0x0a, 1, 0xff, 0x12, 3, 0x68, 0xc3, 0xa9]);
  });

  test("a message handed out is not written to again, however many follow and however large they are", () => {
    const w = new Writer();
    const messages: { bytes: Uint8Array; fill: string; size: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const size = i % 50 === 49 ? 400_000 : (i * 37) % 3000;
      const fill = String.fromCharCode(i % 256);
      w.begin();
      w.byteString(fill.repeat(size));
      w.tag(0x0a);
      messages.push({ bytes: w.finish(), fill, size });
    }
    for (const { bytes, fill, size } of messages) {
      const reader = new BinaryReader(bytes);
      assert.equal(reader.uint32(), 0x0a);
      const content = reader.bytes();
      assert.equal(content.length, size);
      assert.ok(content.every((byte) => byte === fill.charCodeAt(0)));
      assert.equal(reader.pos, bytes.length);
    }
  });

  test("a message that outgrows its chunk bit by bit stays whole", () => {
    const count = 100_000;
    const bytes = written((w) => {
      for (let i = count - 1; i >= 0; i--) w.varint(i);
    });
    const reader = new BinaryReader(bytes);
    for (let i = 0; i < count; i++) if (reader.uint32() !== i) assert.fail(`number ${i} is damaged`);
    assert.equal(reader.pos, bytes.length);
  });

  test("what was begun and not finished is dropped", () => {
    const w = new Writer();
    w.begin();
    w.text("unfinished");
    w.begin();
    w.varint(5);
    assert.deepEqual([...w.finish()], [5]);
    w.begin();
    assert.equal(w.finish().length, 0);
  });
});
