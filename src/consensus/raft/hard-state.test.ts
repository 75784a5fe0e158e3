import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { decodeHardState, encodeHardState } from "./hard-state.ts";

/** fast-check's records have no prototype, decoded objects do. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

describe("hard state", () => {
  it("comes back as it was", () => {
    const any = plain({
      epoch: fc.maxSafeNat(),
      vote: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      commit: fc.maxSafeNat(),
      untrusted: fc.boolean(),
      promiseMs: fc.nat(),
    });
    fc.assert(fc.property(any, (state) => assert.deepEqual(decodeHardState(encodeHardState(state)), state)));
  });

  it("refuses every other length, version and flag", () => {
    const good = encodeHardState({ epoch: 3, vote: 1n, commit: 2, untrusted: false, promiseMs: 0 });
    for (let size = 0; size < good.length; size++)
      assert.throws(() => decodeHardState(good.subarray(0, size)), DecodeError);
    assert.throws(() => decodeHardState(new Uint8Array([...good, 0])), DecodeError);
    assert.throws(() => decodeHardState(new Uint8Array([2, ...good.subarray(1)])), /version 2 is not known/);
    assert.throws(() => decodeHardState(new Uint8Array([1, 2, ...good.subarray(2)])), /unknown flags 2/);
  });
});
