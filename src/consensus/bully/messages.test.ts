import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import {
  type BullyEnvelope,
  type BullyMessage,
  decodeBullyMessage,
  encodeBullyMessage,
  largestGeneration,
} from "./messages.ts";

const incarnation = fc.integer({ min: 1, max: 0xffffffff });
const round = fc.maxSafeNat();
const envelope: fc.Arbitrary<BullyEnvelope> = fc
  .tuple(incarnation, fc.nat({ max: largestGeneration }))
  .map(([drawn, generation]) => ({ incarnation: drawn, generation }));
const message: fc.Arbitrary<BullyMessage> = fc.oneof(
  fc.tuple(round, fc.boolean()).map(([n, takesOver]): BullyMessage => ({ type: "election", round: n, takesOver })),
  fc.tuple(round, incarnation).map(([n, toIncarnation]): BullyMessage => ({ type: "answer", round: n, toIncarnation })),
  fc.constant<BullyMessage>({ type: "coordinator" }),
  incarnation.map((toIncarnation): BullyMessage => ({ type: "objection", toIncarnation })),
);

describe("messages", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(envelope, message, (e, m) => {
        assert.deepEqual(decodeBullyMessage(encodeBullyMessage(e, m)), { envelope: e, message: m });
      }),
    );
  });

  it("look as the table says", () => {
    const bytes = encodeBullyMessage(
      { incarnation: 0x01020304, generation: 9 },
      { type: "answer", round: 5, toIncarnation: 7 },
    );
    assert.equal(Buffer.from(bytes).toString("hex"), "0102040302010900000000000000050000000000000007000000");
  });

  it("that are cut off or too long are refused", () => {
    fc.assert(
      fc.property(envelope, message, fc.nat(100), (e, m, cut) => {
        const bytes = encodeBullyMessage(e, m);
        assert.throws(() => decodeBullyMessage(bytes.subarray(0, cut % bytes.length)), DecodeError);
        assert.throws(() => decodeBullyMessage(new Uint8Array([...bytes, 0])), DecodeError);
      }),
    );
  });

  it("of arbitrary bytes are refused, or would have been written the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.boolean(), (bytes, plausible) => {
        if (plausible && bytes.length > 1) bytes.set([1, 1 + ((bytes[1] as number) % 4)]);
        try {
          const { envelope: e, message: m } = decodeBullyMessage(bytes);
          assert.deepEqual(encodeBullyMessage(e, m), bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });

  it("with values that no member sends are refused", () => {
    const sound = (m: BullyMessage): Uint8Array => encodeBullyMessage({ incarnation: 1, generation: 1 }, m);
    const refused = (bytes: Uint8Array, at: number, value: number[], why: RegExp): void => {
      const changed = Uint8Array.from(bytes);
      changed.set(value, at);
      assert.throws(() => decodeBullyMessage(changed), why);
    };
    const coordinator = sound({ type: "coordinator" });
    refused(coordinator, 0, [2], /version 2/);
    refused(coordinator, 1, [5], /type 5/);
    refused(coordinator, 2, [0], /incarnation 0/);
    refused(coordinator, 12, [16], /generation 4503599627370497 is out of reach/);
    refused(sound({ type: "election", round: 1, takesOver: true }), 22, [2], /flag 2/);
    refused(sound({ type: "objection", toIncarnation: 1 }), 14, [0], /incarnation 0/);
  });
});
