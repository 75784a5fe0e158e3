import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createMembership, hasQuorum } from "../membership.ts";
import { isQuorum } from "./quorum.ts";

const ids = fc.uniqueArray(fc.bigInt(1n, 7n), { maxLength: 6 });

describe("a quorum, for properties", () => {
  it("is what it is for engines", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.bigInt(1n, 7n), { minLength: 1, maxLength: 6 }), ids, ids, (voters, old, ayes) => {
        const membership = { ...createMembership(voters), outgoing: old };
        const agrees = (id: bigint): boolean => ayes.includes(id);
        assert.equal(isQuorum(membership, agrees), hasQuorum(membership, agrees));
      }),
    );
  });

  it("of two is both, of three two", () => {
    const [two, three] = [createMembership([1n, 2n]), createMembership([1n, 2n, 3n])];
    assert.equal(
      isQuorum(two, (id) => id === 1n),
      false,
    );
    assert.equal(
      isQuorum(three, (id) => id !== 3n),
      true,
    );
  });
});
