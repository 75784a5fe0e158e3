import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { deleteRequest, getRequest, keyRange, prefixEnd, putRequest } from "./requests.ts";

const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
});

test("a prefix's range holds exactly the keys that begin with it", () => {
  fc.assert(
    fc.property(bytes, bytes, (prefix, key) => {
      const end = prefixEnd(prefix);
      const inRange = key >= prefix && (end === "\0" || key < end);
      assert.equal(inRange, key.startsWith(prefix));
    }),
  );
  assert.equal(prefixEnd("a\xff\xff"), "b");
  assert.equal(prefixEnd("\xff"), "\0");
});

test("ranges as the protocol writes them", () => {
  assert.deepEqual(keyRange("a", undefined, {}), { key: "a", rangeEnd: "" });
  assert.deepEqual(keyRange("a", "c", {}), { key: "a", rangeEnd: "c" });
  assert.deepEqual(keyRange("a", undefined, { fromKey: true }), { key: "a", rangeEnd: "\0" });
  assert.deepEqual(keyRange("", undefined, { prefix: true }), { key: "\0", rangeEnd: "\0" });
  assert.deepEqual(keyRange("", undefined, { fromKey: true }), { key: "\0", rangeEnd: "\0" });
});

test("options that contradict each other are refused", () => {
  const refusals: readonly (readonly [() => unknown, RegExp])[] = [
    [() => keyRange("a", "b", { prefix: true }), /^range_end and --prefix contradict/],
    [() => keyRange("a", undefined, { prefix: true, fromKey: true }), /^--prefix and --from-key contradict/],
    [() => getRequest("a", undefined, { keysOnly: true, countOnly: true }), /--keys-only and --count-only/],
    [() => getRequest("a", undefined, { printValueOnly: true, keysOnly: true }), /--print-value-only and --keys-only/],
    [() => getRequest("a", undefined, { sortBy: "SIZE" }), /--sort-by "SIZE" is unknown: use KEY, CREATE/],
    [() => getRequest("a", undefined, { order: "up" }), /--order "up" is unknown: use ASCEND, DESCEND/],
    [() => putRequest("a", "v", { ignoreValue: true }), /--ignore-value and a value/],
    [() => putRequest("a", "v", { ignoreLease: true, lease: 1n }), /--ignore-lease and --lease/],
    [() => putRequest("a", null, {}), /needs a value/],
    [() => deleteRequest("a", "b", { fromKey: true }), /range_end and --from-key/],
  ];
  for (const [make, message] of refusals) assert.throws(make, { code: "USAGE", message });
});

test("sorting in key order is left to the server's own order", () => {
  assert.deepEqual(
    [getRequest("a", undefined, {}).sortOrder, getRequest("a", undefined, { order: "descend" }).sortOrder],
    [0, 2],
  );
  assert.equal(getRequest("a", undefined, { sortBy: "VALUE" }).sortOrder, 1);
});
