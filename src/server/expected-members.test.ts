import assert from "node:assert/strict";
import { test } from "node:test";
import { type Engine, type Entry, EntryKind } from "../consensus/engine.ts";
import { emptyMembership, encodeMembershipEntry } from "../consensus/membership.ts";
import { encodeMemberContext, type Member, type MemberContext, Members } from "../keyspace/members.ts";
import { expectedMembers } from "./expected-members.ts";

function member(id: bigint): Member {
  return { id, name: `m${id}`, peerUrls: [`http://10.0.0.${id}:2380`], clientUrls: [], isLearner: false };
}

function change(index: number, context: MemberContext): Entry {
  const membership = { ...emptyMembership, voters: [1n] };
  const data = encodeMembershipEntry({ membership, context: encodeMemberContext(context) });
  return { index, epoch: 1, kind: EntryKind.membership, data };
}

function engineWith(applied: number, entries: readonly Entry[]): Pick<Engine, "status" | "entryAt"> {
  return {
    status: { applied, lastIndex: entries.at(-1)?.index ?? applied } as Engine["status"],
    entryAt: (index) => entries.find((entry) => entry.index === index) ?? null,
  };
}

test("a voter whose addition is in the log is named, in a cluster of any size, before the log says it is committed", () => {
  for (const size of [1, 2, 3, 4, 5]) {
    const applied = new Members();
    const old = Array.from({ length: size }, (_, n) => member(BigInt(n + 1)));
    for (const one of old) applied.restore(one);
    const added = member(9n);
    const engine = engineWith(7, [change(8, { op: "add", member: added })]);
    assert.deepEqual(expectedMembers(applied, engine), [...old, added], `${size} members`);
    assert.deepEqual(expectedMembers(applied, engineWith(7, [])), old, `${size} members, nothing pending`);
  }
});

test("a member whose removal is not applied is still named: it may be needed for the commit", () => {
  const applied = new Members();
  applied.restore(member(1n));
  applied.restore(member(2n));
  const engine = engineWith(3, [change(4, { op: "remove", id: 2n })]);
  assert.deepEqual(expectedMembers(applied, engine), [member(1n), member(2n)]);
});
