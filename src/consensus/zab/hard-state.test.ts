import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { createMembership } from "../membership.ts";
import { genesis } from "./genesis.ts";
import { decodeHardState, encodeHardState, noHardState } from "./hard-state.ts";

describe("hard state", () => {
  it("comes back as it was written", () => {
    const epochs = fc
      .tuple(fc.nat(2 ** 40), fc.nat(2 ** 40))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(
        epochs,
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.nat(),
        fc.boolean(),
        fc.nat(0xffffffff),
        ([currentEpoch, acceptedEpoch], acceptedFrom, commit, untrusted, promiseMs) => {
          const state = { acceptedEpoch, acceptedFrom, currentEpoch, commit, untrusted, promiseMs };
          assert.deepEqual(decodeHardState(encodeHardState(state)), state);
        },
      ),
    );
  });

  it("refuses what it did not write, in words", () => {
    const good = encodeHardState(noHardState);
    const wrong = (at: number, value: number): Uint8Array => good.map((byte, i) => (i === at ? value : byte));
    assert.throws(() => decodeHardState(wrong(0, 2)), /version 2 is not known/);
    assert.throws(() => decodeHardState(wrong(1, 2)), /unknown flags 2/);
    assert.throws(() => decodeHardState(wrong(18, 1)), /current epoch 1 is above the accepted epoch 0/);
    assert.throws(() => decodeHardState(good.subarray(1)), DecodeError);
    assert.throws(() => decodeHardState(new Uint8Array([...good, 0])), DecodeError);
  });
});

describe("genesis", () => {
  it("is the history of epoch 1: who the members are", () => {
    const { state, entries } = genesis(createMembership([1n, 2n]), new Uint8Array([5]));
    assert.deepEqual(decodeHardState(state), { ...noHardState, acceptedEpoch: 1, currentEpoch: 1, commit: 1 });
    assert.deepEqual(
      entries.map(({ epoch, index }) => [epoch, index]),
      [[1, 1]],
    );
    assert.throws(() => genesis(createMembership([]), new Uint8Array(0)), /no voter/);
  });
});
