/** What follows when the commit index moves, on any member. */
import { assert } from "../../errors.ts";
import { isJoint, isVoter } from "../membership.ts";
import { entryOverheadBytes } from "./log.ts";
import { releaseParkedReads } from "./reads.ts";
import { continueChange } from "./reconfiguration.ts";
import type { RaftState } from "./state.ts";
import { resign } from "./transfer.ts";

/** Everything up to `index` is committed. Given out as such at the end of the turn. */
export function advanceCommit(s: RaftState, index: number): void {
  assert(index > s.commit, `commit cannot go from ${s.commit} back to ${index}`);
  assert(index <= s.log.lastIndex, `cannot commit ${index}: the log ends at ${s.log.lastIndex}`);
  const { lead } = s;
  const before = s.commit;
  s.commit = index;
  if (lead === null) return;
  lead.commitChanged = true;
  for (let at = before + 1; at <= index; at++) lead.uncommittedBytes -= entryBytes(s, at);
  if (before < lead.noopIndex && index >= lead.noopIndex) {
    s.notice("info", `leads epoch ${s.epoch} and has committed its first entry`, { index: lead.noopIndex });
    releaseParkedReads(s, lead);
  }
  if (s.memberships.activeIndex > index) return;
  if (isJoint(s.memberships.active)) continueChange(s, lead);
  else if (!isVoter(s.memberships.active, s.id)) resign(s, lead, "it is no voter any more");
}

function entryBytes(s: RaftState, index: number): number {
  const entry = s.log.at(index);
  assert(entry !== null, `entry ${index} is about to be committed but not in memory`);
  return entry.data.length + entryOverheadBytes;
}
