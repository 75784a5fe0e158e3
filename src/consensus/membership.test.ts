import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "./bytes.ts";
import {
  createMembership,
  decodeMembership,
  decodeMembershipEntry,
  emptyMembership,
  encodeMembership,
  encodeMembershipEntry,
  hasQuorum,
  isMember,
  isVoter,
  type Membership,
  majority,
  maxMembers,
  membershipFault,
  quorumReached,
  voteOutcome,
} from "./membership.ts";
import { changeMembership, leaveJoint } from "./membership-change.ts";

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 9n }), { maxLength: 7 });
const voters = fc.uniqueArray(fc.bigInt({ min: 1n, max: 9n }), { minLength: 1, maxLength: 7 });
const plain = fc.tuple(voters, ids).map(([yes, rest]) =>
  createMembership(
    yes,
    rest.filter((id) => !yes.includes(id)),
  ),
);
const change = fc.record({
  set: fc.uniqueArray(fc.record({ id: fc.bigInt({ min: 1n, max: 9n }), role: fc.constantFrom("voter", "learner") }), {
    maxLength: 5,
    selector: (wish) => wish.id,
  }),
  remove: ids,
});
const joint = fc.tuple(plain, change).map(([from, wish]) => {
  const step = changeMembership(from, wish);
  return step.kind === "joint" || step.kind === "simple" ? step.next : from;
});

/** Every subset of 1..9 that is a quorum. */
function quorums(membership: Membership): Set<bigint>[] {
  const all = [...new Set([...membership.voters, ...membership.outgoing])];
  const found: Set<bigint>[] = [];
  for (let bits = 0; bits < 1 << all.length; bits++) {
    const subset = new Set(all.filter((_, i) => (bits & (1 << i)) !== 0));
    if (hasQuorum(membership, (id) => subset.has(id))) found.push(subset);
  }
  return found;
}

describe("quorums", () => {
  it("needs more than half", () => {
    assert.deepEqual([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
  });

  it("an empty set of voters agrees, so a membership that is not joint has no special case", () => {
    assert.equal(
      hasQuorum(createMembership([1n, 2n, 3n]), (id) => id !== 3n),
      true,
    );
    assert.equal(
      hasQuorum(createMembership([1n, 2n, 3n]), (id) => id === 1n),
      false,
    );
    assert.equal(
      quorumReached(emptyMembership, () => 0),
      Number.POSITIVE_INFINITY,
    );
  });

  it("a joint decision needs a majority of each set", () => {
    const both = { voters: [1n, 2n, 3n], outgoing: [3n, 4n, 5n], learners: [], learnersNext: [] };
    assert.equal(
      hasQuorum(both, (id) => [1n, 2n].includes(id)),
      false,
    );
    assert.equal(
      hasQuorum(both, (id) => [1n, 3n, 4n].includes(id)),
      true,
    );
  });

  // Scenario 8 [openraft#1802]: the count is made anew each time, and agrees with the definition.
  it("scenario 8: quorumReached is the highest index that a quorum holds", () => {
    fc.assert(
      fc.property(joint, fc.array(fc.nat(20), { minLength: 10, maxLength: 10 }), (membership, reached) => {
        const at = (id: bigint): number => reached[Number(id)] ?? 0;
        const index = quorumReached(membership, at);
        assert.equal(
          hasQuorum(membership, (id) => at(id) >= index),
          true,
        );
        assert.equal(
          hasQuorum(membership, (id) => at(id) >= index + 1),
          false,
        );
      }),
    );
  });

  it("counts votes: won, lost for good, or open", () => {
    const three = createMembership([1n, 2n, 3n]);
    const votes = (given: Record<string, boolean>) => voteOutcome(three, (id) => given[String(id)] ?? null);
    assert.equal(votes({ 1: true }), "pending");
    assert.equal(votes({ 1: true, 2: false }), "pending");
    assert.equal(votes({ 1: true, 2: true }), "won");
    assert.equal(votes({ 2: false, 3: false }), "lost");
  });

  // Scenario 23 [etcd-io/raft#372], thesis §4.1 and §4.3.
  it("scenario 23: any quorum of one membership meets any quorum of the one before and after it", () => {
    fc.assert(
      fc.property(plain, change, (from, wish) => {
        const step = changeMembership(from, wish);
        if (step.kind !== "simple" && step.kind !== "joint") return;
        const chain = step.kind === "joint" ? [from, step.next, step.afterwards] : [from, step.next];
        if (step.kind === "joint") assert.deepEqual(leaveJoint(step.next), step.afterwards);
        for (const [i, membership] of chain.entries()) {
          assert.equal(membershipFault(membership), null);
          const next = chain[i + 1];
          if (next === undefined) continue;
          for (const a of quorums(membership)) {
            for (const b of quorums(next))
              assert.ok(
                [...a].some((id) => b.has(id)),
                `${[...a].join()} and ${[...b].join()}`,
              );
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("changing a membership", () => {
  const three = createMembership([1n, 2n, 3n], [7n]);

  it("goes in one step when at most one voter changes", () => {
    const added = changeMembership(three, { set: [{ id: 4n, role: "voter" }], remove: [] });
    assert.deepEqual(added, { kind: "simple", next: createMembership([1n, 2n, 3n, 4n], [7n]) });
    const promoted = changeMembership(three, { set: [{ id: 7n, role: "voter" }], remove: [] });
    assert.deepEqual(promoted, { kind: "simple", next: createMembership([1n, 2n, 3n, 7n]) });
    const demoted = changeMembership(three, { set: [{ id: 3n, role: "learner" }], remove: [] });
    assert.deepEqual(demoted, { kind: "simple", next: createMembership([1n, 2n], [3n, 7n]) });
    const removed = changeMembership(three, { set: [], remove: [2n, 7n] });
    assert.deepEqual(removed, { kind: "simple", next: createMembership([1n, 3n]) });
  });

  it("goes through a joint membership when more change, and demoted voters become learners only after it", () => {
    const step = changeMembership(three, {
      set: [
        { id: 3n, role: "learner" },
        { id: 9n, role: "voter" },
      ],
      remove: [2n],
    });
    assert.equal(step.kind, "joint");
    assert.ok(step.kind === "joint");
    assert.deepEqual(step.next, { voters: [1n, 9n], outgoing: [1n, 2n, 3n], learners: [7n], learnersNext: [3n] });
    assert.deepEqual(step.afterwards, createMembership([1n, 9n], [3n, 7n]));
    assert.ok(isVoter(step.next, 2n) && isVoter(step.next, 9n) && isMember(step.next, 7n) && !isVoter(step.next, 7n));
  });

  it("setting a role that a member has changes nothing", () => {
    assert.deepEqual(changeMembership(three, { set: [{ id: 1n, role: "voter" }], remove: [] }), {
      kind: "simple",
      next: three,
    });
  });

  it("refuses what cannot work, naming the member", () => {
    assert.deepEqual(changeMembership(three, { set: [], remove: [8n] }), { kind: "unknown", member: 8n });
    const none = changeMembership(createMembership([1n]), { set: [], remove: [1n] });
    assert.ok(none.kind === "invalid" && none.fault.includes("no voter would be left"));
    const twice = changeMembership(three, { set: [{ id: 2n, role: "voter" }], remove: [2n] });
    assert.ok(twice.kind === "invalid" && twice.fault.includes("member 2 is named twice"));
    const zero = changeMembership(three, { set: [{ id: 0n, role: "voter" }], remove: [] });
    assert.ok(zero.kind === "invalid" && zero.fault.includes("member id 0"));
    const again = changeMembership({ ...three, outgoing: [1n] }, { set: [], remove: [2n] });
    assert.ok(again.kind === "invalid" && again.fault.includes("joint"));
  });

  it("createMembership throws what is wrong", () => {
    assert.throws(() => createMembership([]), /no voter would be left/);
    assert.throws(() => createMembership([1n, 1n]), /listed twice/);
    assert.throws(() => createMembership([1n], [1n]), /both a voter and a learner/);
    assert.throws(() => createMembership([1n << 64n]), /from 1 to 2\^64-1/);
  });
});

describe("memberships as bytes", () => {
  it("come back as they were, with their context", () => {
    fc.assert(
      fc.property(joint, fc.uint8Array({ maxLength: 30 }), (membership, context) => {
        assert.deepEqual(decodeMembership(encodeMembership(membership)), membership);
        const entry = decodeMembershipEntry(encodeMembershipEntry({ membership, context }));
        assert.deepEqual(entry.membership, membership);
        assert.deepEqual([...entry.context], [...context]);
      }),
    );
    assert.deepEqual(decodeMembership(encodeMembership(emptyMembership)), emptyMembership);
  });

  it("name at most 1024 members in a list", () => {
    const most = createMembership(Array.from({ length: maxMembers }, (_, i) => BigInt(i + 1)));
    assert.deepEqual(decodeMembership(encodeMembership(most)), most);
    assert.throws(() => createMembership([...most.voters, 5000n]), /1025 members in one list: at most 1024/);
    const tooMany = encodeMembership({ ...most, voters: [...most.voters, 5000n] });
    assert.throws(() => decodeMembership(tooMany), DecodeError);
  });

  it("anything else is a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const membership = decodeMembership(bytes);
          assert.ok(membership === emptyMembership || membershipFault(membership) === null);
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
    const good = encodeMembership(createMembership([1n, 2n]));
    assert.throws(() => decodeMembership(good.subarray(0, -1)), DecodeError);
    assert.throws(() => decodeMembership(new Uint8Array([...good, 0])), /1 bytes too many/);
    assert.throws(() => decodeMembership(new Uint8Array([9, ...good.subarray(1)])), /version 9/);
    assert.throws(
      () => decodeMembershipEntry(encodeMembershipEntry({ membership: emptyMembership, context: good })),
      /no voter/,
    );
  });
});
