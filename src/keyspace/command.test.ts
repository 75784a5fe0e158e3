import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodePutRequest } from "../wire/kv-codec.ts";
import { type Command, CommandKind, decodeCommand, encodeCommand, rawCommand } from "./command.ts";
import { command as generated } from "./testing/arbitraries.ts";
import { NO_PUT } from "./testing/driver.ts";

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const number = fc.maxSafeNat();
const texts = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 });

const command: fc.Arbitrary<Command> = fc.oneof(
  generated,
  fc.record({ type: fc.constant("compact" as const), revision: number }, { noNullPrototype: true }),
  fc.record({ type: fc.constant("leaseGrant" as const), id: int64, ttl: number }, { noNullPrototype: true }),
  fc.record({ type: fc.constant("leaseRevoke" as const), id: int64 }, { noNullPrototype: true }),
  fc.record(
    {
      type: fc.constant("leaseCheckpoint" as const),
      checkpoints: fc.array(fc.record({ id: int64, remainingTtl: number }, { noNullPrototype: true }), {
        maxLength: 4,
      }),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      type: fc.constant("alarm" as const),
      action: fc.constantFrom("activate" as const, "deactivate" as const),
      memberId: uint64,
      alarm: fc.nat(),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      type: fc.constant("memberAttributes" as const),
      id: uint64,
      name: fc.string({ unit: "grapheme" }),
      clientUrls: texts,
    },
    { noNullPrototype: true },
  ),
  fc.record({ type: fc.constant("memberUpdate" as const), id: uint64, peerUrls: texts }, { noNullPrototype: true }),
);

test("a command comes back as it was written", () => {
  fc.assert(
    fc.property(command, (one) => {
      assert.deepEqual(decodeCommand(encodeCommand(one)), one);
    }),
    { numRuns: 500 },
  );
});

test("a client's bytes are carried unchanged behind one byte for the kind", () => {
  const request = encodePutRequest({ ...NO_PUT, key: "key", value: "value" });
  const raw = rawCommand(CommandKind.put, request);
  assert.equal(raw[0], 1);
  assert.deepEqual(new Uint8Array(raw.subarray(1)), new Uint8Array(request));
  assert.deepEqual(
    new Uint8Array(encodeCommand({ type: "put", request: { ...NO_PUT, key: "key", value: "value" } })),
    raw,
  );
});

test("any other bytes are a command or a clear error, never anything else", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 24 }), (kind, rest) => {
      try {
        decodeCommand(Uint8Array.of(kind, ...rest));
      } catch (error) {
        assert.match((error as { code: string }).code, /^MALFORMED_(COMMAND|REQUEST)$/);
      }
    }),
    { numRuns: 2000 },
  );
  assert.throws(() => decodeCommand(new Uint8Array(0)), /a command with no bytes/);
  assert.throws(() => decodeCommand(Uint8Array.of(11)), /a command with kind 11, which this version does not know/);
  assert.throws(() => decodeCommand(Uint8Array.of(8, 0x08, 3)), /an alarm with action 3/);
});

test("fields of later versions are passed over", () => {
  const later = Uint8Array.of(...encodeCommand({ type: "leaseRevoke", id: 5n }), 0x7d, 1, 2, 3, 4, 0x72, 1, 65);
  assert.deepEqual(decodeCommand(later), { type: "leaseRevoke", id: 5n });
});
