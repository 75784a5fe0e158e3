/** Who the members are as far as the disk of one of them knows, before its engine and its state machine have started. */
import { type Entry, EntryKind } from "../consensus/engine.ts";
import { decodeMembershipEntry } from "../consensus/membership.ts";
import { decodeMemberContext, type Member, type MemberRegistry, Members } from "../keyspace/members.ts";

/**
 * Members of the snapshot and of the entries behind it, whether these are known to be committed or not: after a crash of
 * all members nobody may know that, and they have to find each other to find out. Who was removed is still among them.
 */
export function recoveredMembers(snapshot: MemberRegistry, entries: readonly Entry[]): Member[] {
  const members = new Members();
  for (const member of snapshot.list()) members.restore(member);
  for (const { kind, data } of entries) {
    if (kind !== EntryKind.membership) continue;
    const { context } = decodeMembershipEntry(data);
    if (context.length === 0) continue;
    const change = decodeMemberContext(context);
    if (change.op !== "remove") members.apply(change);
  }
  return members.list();
}
