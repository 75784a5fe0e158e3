import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { decodeHardState, encodeHardState, type HardState, noHardState } from "./hard-state.ts";

const numbers = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("the hard state", () => {
  it("comes back as it was written", () => {
    const runs = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }).map((steps) => {
      let from = 0;
      return steps.map((step, at) => ({ from: (from += step), round: at % 5 }));
    });
    const state: fc.Arbitrary<HardState> = fc.record({
      round: numbers.map((round) => Math.max(round, 5)),
      proposer: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      decided: numbers,
      untrusted: fc.boolean(),
      promiseMs: fc.nat({ max: 2 ** 32 - 1 }),
      phase2: fc.option(fc.nat({ max: 65535 })),
      runs,
    });
    fc.assert(fc.property(state, (each) => assert.deepEqual(decodeHardState(encodeHardState(each)), { ...each })));
  });

  it("refuses what it did not write", () => {
    const bytes = encodeHardState({ ...noHardState, round: 4, runs: [{ from: 2, round: 4 }] });
    for (let size = 0; size < bytes.length; size++) {
      assert.throws(() => decodeHardState(bytes.subarray(0, size)), DecodeError);
    }
    const patched = (at: number, value: number): Uint8Array => bytes.map((byte, i) => (i === at ? value : byte));
    assert.throws(() => decodeHardState(patched(0, 2)), /version 2 is not known/);
    assert.throws(() => decodeHardState(patched(1, 4)), /unknown flags 4/);
    assert.throws(() => decodeHardState(patched(44, 5)), /a run from 2 of round 5: promised is 4/);
    assert.throws(() => decodeHardState(patched(32, 9)), /9 runs in 16 bytes/);
  });
});
