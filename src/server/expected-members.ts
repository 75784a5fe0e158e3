/**
 * Who the members are, for one that wants to join: those of the applied log, and one that was just added while nothing
 * can be committed without it.
 */
import type { Engine, Entry } from "../consensus/engine.ts";
import type { Member, MemberRegistry } from "../keyspace/members.ts";
import { recoveredMembers } from "./recovered-members.ts";

/** In a cluster of two, a change is committed only by both: the second must be let in before its addition is applied. */
const ALL_ARE_NEEDED = 2;

export function expectedMembers(
  applied: MemberRegistry,
  engine: Pick<Engine, "status" | "entryAt">,
): readonly Member[] {
  const { status } = engine;
  if (status.membership.voters.length !== ALL_ARE_NEEDED) return applied.list();
  const pending: Entry[] = [];
  for (let index = status.applied + 1; index <= status.lastIndex; index++) {
    const entry = engine.entryAt(index);
    if (entry !== null) pending.push(entry);
  }
  return recoveredMembers(applied, pending);
}
