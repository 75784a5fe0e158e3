/** What follows at the end of a step, whatever the step was: from votes, from a commit, while handing over, at an epoch's end. */
import { isJoint, isVoter } from "../membership.ts";
import { startDiscovery } from "./discovery.ts";
import { epochToPrepare } from "./election.ts";
import { describeHistory } from "./history.ts";
import { releaseParkedReads } from "./reads.ts";
import { continueChange } from "./reconfiguration.ts";
import type { Leadership, ZabState } from "./state.ts";
import { continueTransfer, resign } from "./transfer.ts";

/** @param commitBefore the commit index before the step. */
export function drawConsequences(s: ZabState, commitBefore: number): void {
  const epoch = epochToPrepare(s);
  if (epoch !== null) startDiscovery(s, epoch, false, `elected in round ${s.round} with ${describeHistory(s.history)}`);
  if (s.leading !== null && s.commit > commitBefore) afterCommit(s, s.leading, commitBefore);
  if (s.leading !== null) continueTransfer(s, s.leading);
  if (s.leading !== null && s.log.lastIndex - s.leading.historyIndex >= s.limits.entriesPerEpoch) endEpoch(s);
}

function afterCommit(s: ZabState, lead: Leadership, before: number): void {
  if (!s.settled) return;
  if (before <= lead.historyIndex) {
    s.notice("info", `has committed the first entry of epoch ${s.epoch}`, { index: lead.historyIndex + 1 });
    releaseParkedReads(s, lead);
  }
  if (s.memberships.activeIndex > s.commit) return;
  if (isJoint(s.memberships.active)) continueChange(s, lead);
  else if (!isVoter(s.memberships.active, s.id)) resign(s, lead, "it is no voter any more");
}

/**
 * The epoch's counter is used up (ZOOKEEPER-1277): prepares the next epoch. Its own followers are free to help it. What it
 * proposed last is in its history and is committed with it.
 */
function endEpoch(s: ZabState): void {
  startDiscovery(s, s.epoch + 1, false, `the ${s.limits.entriesPerEpoch} entries of epoch ${s.epoch} are used up`);
}
