import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Field } from "./hpack/field.ts";
import { percentDecode, percentEncode } from "./status-message.ts";

test("a text is sent as it is, but for what no field may have", () => {
  assert.equal(percentEncode("etcdserver: key not found"), "etcdserver: key not found");
  assert.equal(percentEncode(" 100%\n naïve "), "%20100%25%0A na%C3%AFve%20");
});

test("every text comes back, in a field that is sound", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const field = new Field("grpc-message", percentEncode(text));
      assert.equal(field.flaw, null);
      assert.equal(percentDecode(field.value), text);
    }),
  );
});

test("a text that is too long is cut, and still sound", () => {
  for (const text of [" ".repeat(5_000), "x ".repeat(4_000), "é".repeat(3_000)]) {
    const field = new Field("grpc-message", percentEncode(text));
    assert.equal(field.flaw, null);
    assert.ok(field.value.length < 4_100);
  }
});

test("what is no encoding stands for itself", () => {
  assert.equal(percentDecode("100% %zz %4"), "100% %zz %4");
  assert.equal(percentDecode("%e4%"), "\ufffd%");
});
