import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBatch, decodeForward, encodeBatch, forwardHeader } from "./batch.ts";

const names = fc.record({
  proposer: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  boot: fc.nat({ max: 0xffff_ffff }),
  sequence: fc.maxSafeNat().map((n) => n % 2 ** 48),
});
const commands = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 });

test("a batch comes back as it was", () => {
  fc.assert(
    fc.property(names, commands, (name, list) => {
      assert.deepEqual(decodeBatch(encodeBatch(name, list)), { name: { ...name }, commands: list });
    }),
  );
});

test("a cut or lengthened batch is refused, never read past its end", () => {
  fc.assert(
    fc.property(names, commands, fc.nat(), (name, list, cut) => {
      const bytes = encodeBatch(name, list);
      assert.throws(() => decodeBatch(bytes.subarray(0, cut % bytes.length)), RangeError);
      assert.throws(() => decodeBatch(Uint8Array.from([...bytes, 0])), RangeError);
    }),
  );
});

test("a forwarded batch names the epoch it is meant for", () => {
  const name = { proposer: 7n, boot: 9, sequence: 2 ** 32 + 3 };
  const batch = encodeBatch(name, [Uint8Array.of(1, 2, 3)]);
  const payload = Buffer.concat([forwardHeader(2 ** 40, name), batch]);
  assert.deepEqual(decodeForward(payload), { epoch: 2 ** 40, boot: 9, sequence: 2 ** 32 + 3, batch });
});

test("garbage from a peer is no forwarded batch, and no error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (payload) => {
      assert.equal(decodeForward(payload), null);
    }),
  );
});
