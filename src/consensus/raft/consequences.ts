/** What a leader owes at the end of a step, whatever the step was: after a commit, and while handing over. */
import { isJoint, isVoter } from "../membership.ts";
import { releaseParkedReads } from "./reads.ts";
import { continueChange } from "./reconfiguration.ts";
import type { Leadership, RaftState } from "./state.ts";
import { continueTransfer, resign } from "./transfer.ts";

/** @param commitBefore the commit index before the step. */
export function drawConsequences(s: RaftState, commitBefore: number): void {
  if (s.lead !== null && s.commit > commitBefore) afterCommit(s, s.lead, commitBefore);
  if (s.lead !== null) continueTransfer(s, s.lead);
}

function afterCommit(s: RaftState, lead: Leadership, before: number): void {
  if (before < lead.noopIndex && s.commit >= lead.noopIndex) {
    s.notice("info", `leads epoch ${s.epoch} and has committed its first entry`, { index: lead.noopIndex });
    releaseParkedReads(s, lead);
  }
  if (s.memberships.activeIndex > s.commit) return;
  if (isJoint(s.memberships.active)) continueChange(s, lead);
  else if (!isVoter(s.memberships.active, s.id)) resign(s, lead, "it is no voter any more");
}
