import { type Engine, EntryKind } from "../engine.ts";
import { decodeMembershipEntry, type Membership } from "../membership.ts";

/**
 * The memberships that a member may have to reckon with: the one it goes by, and those of its log that are not known to
 * be committed. A protocol in which a change takes effect when it is committed needs both to get on with one under way.
 */
export function knownMemberships(engine: Engine): Membership[] {
  const { membership, commit, lastIndex } = engine.status;
  const known = [membership];
  for (let index = commit + 1; index <= lastIndex; index++) {
    const entry = engine.entryAt(index);
    if (entry?.kind === EntryKind.membership) known.push(decodeMembershipEntry(entry.data).membership);
  }
  return known.filter(({ voters }) => voters.length > 0);
}
