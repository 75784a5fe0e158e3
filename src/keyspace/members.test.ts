import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeMemberContext, encodeMemberContext, type Member, type MemberContext } from "./members.ts";
import { bytesOf, codeOf, Driver, loaded } from "./testing/driver.ts";

const id = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn });
const texts = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 });
const member: fc.Arbitrary<Member> = fc.record(
  {
    id,
    name: fc.string({ unit: "grapheme" }),
    peerUrls: texts,
    clientUrls: texts,
    isLearner: fc.boolean(),
  },
  { noNullPrototype: true },
);
const context: fc.Arbitrary<MemberContext> = fc.oneof(
  fc.array(member, { maxLength: 4 }).map((members): MemberContext => ({ op: "genesis", members })),
  member.map((one): MemberContext => ({ op: "add", member: one })),
  id.map((one): MemberContext => ({ op: "remove", id: one })),
  id.map((one): MemberContext => ({ op: "promote", id: one })),
);

test("a membership's context comes back as it was written", () => {
  fc.assert(
    fc.property(context, (one) => {
      assert.deepEqual(decodeMemberContext(encodeMemberContext(one)), one);
    }),
  );
});

test("a context of another version is refused with a word on what to do", () => {
  assert.throws(() => decodeMemberContext(new Uint8Array(0)), { code: "MALFORMED_MEMBERSHIP" });
  assert.throws(() => decodeMemberContext(Uint8Array.of(0x08, 9)), /operation 9 .* run the version that wrote it/);
  assert.throws(() => decodeMemberContext(Uint8Array.of(0x08, 2)), { code: "MALFORMED_MEMBERSHIP" });
});

function named(number: bigint, name = "", isLearner = false): Member {
  return { id: number, name, peerUrls: [`http://peer-${number}`], clientUrls: [], isLearner };
}

test("members come, publish themselves, are promoted and go; who went is remembered, also by a snapshot", () => {
  const { keyspace } = new Driver();
  const apply = (one: MemberContext): void => keyspace.applyMembership(encodeMemberContext(one));
  apply({ op: "genesis", members: [named(3n), named(1n)] });
  apply({ op: "add", member: named(2n, "", true) });
  apply({ op: "promote", id: 2n });
  apply({ op: "promote", id: 99n });
  apply({ op: "remove", id: 3n });
  const driver = new Driver(keyspace);
  driver.apply({ type: "memberAttributes", id: 1n, name: "one", clientUrls: ["http://a", "http://b"] });
  driver.apply({ type: "memberUpdate", id: 2n, peerUrls: ["http://new"] });
  assert.equal(
    codeOf(() => driver.apply({ type: "memberUpdate", id: 3n, peerUrls: [] })),
    "MEMBER_NOT_FOUND",
  );
  assert.equal(
    codeOf(() => driver.apply({ type: "memberAttributes", id: 9n, name: "", clientUrls: [] })),
    "MEMBER_NOT_FOUND",
  );
  for (const { members, revision } of [keyspace, loaded(bytesOf(keyspace.freeze()))]) {
    assert.deepEqual(members.list(), [
      { ...named(1n, "one"), clientUrls: ["http://a", "http://b"] },
      { ...named(2n), peerUrls: ["http://new"] },
    ]);
    assert.deepEqual([members.get(3n), members.wasRemoved(3n), members.wasRemoved(1n)], [null, true, false]);
    assert.equal(revision, 1);
  }
  apply({ op: "add", member: named(3n) });
  assert.deepEqual([keyspace.members.get(3n), keyspace.members.wasRemoved(3n)], [named(3n), false]);
});
