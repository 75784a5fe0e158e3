import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { allVoters, createMembership, emptyMembership, hasQuorum, type Membership } from "../membership.ts";
import { changeMembership, leaveJoint } from "../membership-change.ts";
import { quorumsMeet } from "./configuration-safety.ts";

/** By trying all sets of members: a quorum of one membership whose complement holds a quorum of the other. */
function canMiss(a: Membership, b: Membership): boolean {
  const ids = [...new Set([...allVoters(a), ...allVoters(b)])];
  for (let bits = 0; bits < 2 ** ids.length; bits++) {
    const inside = (id: bigint): boolean => ((bits >> ids.indexOf(id)) & 1) === 1;
    if (hasQuorum(a, inside) && hasQuorum(b, (id) => !inside(id))) return true;
  }
  return false;
}

const voters = fc.uniqueArray(fc.bigInt(1n, 6n), { minLength: 1, maxLength: 5 });
const simple = voters.map((ids) => createMembership(ids));
const membership = fc.oneof(
  simple,
  fc.tuple(simple, simple).map(([a, b]): Membership => ({ ...a, outgoing: b.voters })),
);

describe("quorums of memberships that follow each other", () => {
  it("are never said to meet when they can miss each other", () => {
    fc.assert(
      fc.property(membership, membership, (a, b) => {
        if (quorumsMeet(a, b)) assert.ok(!canMiss(a, b));
      }),
    );
  });

  it("of memberships that are not joint, are known exactly", () => {
    fc.assert(fc.property(simple, simple, (a, b) => assert.equal(quorumsMeet(a, b), !canMiss(a, b))));
  });

  it("meet in every step of every change", () => {
    fc.assert(
      fc.property(voters, voters, (before, after) => {
        const current = createMembership(before);
        const set = after.map((id) => ({ id, role: "voter" }) as const);
        const step = changeMembership(current, { set, remove: before.filter((id) => !after.includes(id)) });
        assert.ok(step.kind === "simple" || step.kind === "joint");
        assert.ok(quorumsMeet(current, step.next));
        if (step.kind === "joint") assert.ok(quorumsMeet(step.next, leaveJoint(step.next)));
      }),
    );
  });

  it("before the founding there are none", () => {
    assert.ok(quorumsMeet(emptyMembership, createMembership([1n])));
  });
});
