import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, EntryKind } from "../consensus/engine.ts";
import { emptyMembership, encodeMembershipEntry } from "../consensus/membership.ts";
import { encodeMemberContext, type Member, type MemberContext, Members } from "../keyspace/members.ts";
import { recoveredMembers } from "./recovered-members.ts";

function member(id: bigint): Member {
  return { id, name: `m${id}`, peerUrls: [`http://10.0.0.${id}:2380`], clientUrls: [], isLearner: false };
}

function entry(index: number, context: MemberContext | null): Entry {
  const bytes = context === null ? new Uint8Array(0) : encodeMemberContext(context);
  const data = encodeMembershipEntry({ membership: { ...emptyMembership, voters: [1n] }, context: bytes });
  return { index, epoch: 1, kind: EntryKind.membership, data };
}

test("the members are those of the snapshot and of all entries, committed or not, removed or not", () => {
  const snapshot = new Members();
  snapshot.restore(member(1n));
  const entries: Entry[] = [
    entry(1, { op: "genesis", members: [member(2n)] }),
    { index: 2, epoch: 1, kind: EntryKind.command, data: new Uint8Array([1, 2, 3]) },
    entry(3, { op: "add", member: { ...member(3n), isLearner: true } }),
    entry(4, null),
    entry(5, { op: "promote", id: 3n }),
    entry(6, { op: "remove", id: 2n }),
  ];
  assert.deepEqual(recoveredMembers(snapshot, entries), [member(1n), member(2n), member(3n)]);
  assert.deepEqual(recoveredMembers(new Members(), []), []);
});
