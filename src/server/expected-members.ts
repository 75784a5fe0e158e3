/**
 * Who the members are, for one that wants to join: those of the applied log, and those whose addition stands in the log
 * behind it.
 *
 * A change of members is in force as soon as it is appended, so nobody may be able to find out that it is committed
 * without the new voter: the second of two is needed for the commit itself; and of four voters of which the leader has
 * just died, the two that hold the entry elect nobody unless the new one votes. If the entry is lost instead, its member
 * has joined nothing, and its vote counts nowhere.
 */
import type { Engine, Entry } from "../consensus/engine.ts";
import type { Member, MemberRegistry } from "../keyspace/members.ts";
import { recoveredMembers } from "./recovered-members.ts";

export function expectedMembers(
  applied: MemberRegistry,
  engine: Pick<Engine, "status" | "entryAt">,
): readonly Member[] {
  const { status } = engine;
  const pending: Entry[] = [];
  for (let index = status.applied + 1; index <= status.lastIndex; index++) {
    const entry = engine.entryAt(index);
    if (entry !== null) pending.push(entry);
  }
  return recoveredMembers(applied, pending);
}
