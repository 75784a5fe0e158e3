/** What a leader owes at the end of a step, whatever the step was: after a decision, and while handing over. */
import { isVoter } from "../membership.ts";
import { isChanging, proposeWaiting } from "./leadership.ts";
import { releaseParkedReads } from "./reads.ts";
import type { Leadership, PaxosState } from "./state.ts";
import { continueTransfer, resign } from "./transfer.ts";

/** @param decidedBefore the decided index before the step. */
export function drawConsequences(s: PaxosState, decidedBefore: number): void {
  if (s.lead !== null && s.decided > decidedBefore) afterDecision(s, s.lead, decidedBefore);
  if (s.lead !== null) continueTransfer(s, s.lead);
}

function afterDecision(s: PaxosState, lead: Leadership, before: number): void {
  if (before < lead.noopIndex && s.decided >= lead.noopIndex) {
    s.notice("info", `leads round ${s.round} and has decided its first value`, { index: lead.noopIndex });
    releaseParkedReads(s, lead);
  }
  if (isChanging(s)) return;
  if (lead.waiting.length > 0) proposeWaiting(s, lead);
  // A slot behind its removal is decided: a quorum of those that stay knows of it for ever.
  if (!isVoter(s.membership, s.id) && s.decided > s.changedAt) resign(s, lead, "it is no voter any more");
}
