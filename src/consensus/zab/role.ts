/** Following: how a member takes up another's leadership, or gives up its own. */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import { name } from "../parts/name.ts";
import { refuseForwardedReads, refuseLeaderReads } from "./reads.ts";
import type { ZabState } from "./state.ts";

export function setLeader(s: ZabState, leader: MemberId): void {
  if (leader === s.leader) return;
  refuseForwardedReads(s, "the leader changed");
  s.leader = leader;
  if (leader !== 0n) s.failures = 0;
  if (leader !== 0n && leader !== s.id) {
    s.notice("info", `follows ${name(leader)} in epoch ${s.epoch}`, { leader: name(leader) });
  }
}

/** Draws how long silence is borne from now on. */
export function drawTimeout(s: ZabState): void {
  const shortest = s.options.electionTimeoutMs;
  s.timeoutMs = s.random.between(shortest, 2 * shortest);
  s.deadline = s.now + s.timeoutMs;
}

/** A leadership, established or not, is over. */
export function endLead(s: ZabState, why: string): void {
  if (s.lead === null) return;
  s.notice(s.role === "leader" ? "warn" : "debug", `${s.role} gives up epoch ${s.epoch}: ${why}`);
  refuseLeaderReads(s, s.lead, why);
  s.lead = null;
}

/** Waits to be led by whoever will be found. */
export function stepDown(s: ZabState, why: string): void {
  endLead(s, why);
  s.role = "follower";
  s.contact = Number.NEGATIVE_INFINITY;
  setLeader(s, 0n);
  drawTimeout(s);
}

/**
 * An epoch above all that this member takes part in: nothing of an earlier one is acknowledged any more. Saved before
 * anything is said in it.
 * @param from whom the acceptance helps; 0n: nobody, the epoch has its leader.
 */
export function acceptEpoch(s: ZabState, epoch: number, from: MemberId): void {
  assert(epoch > s.epoch, `epoch ${epoch} does not follow ${s.epoch}`);
  s.epoch = epoch;
  s.acceptedFrom = from;
  s.ack = null;
  s.saveState();
}

/** Is with `host` in the epoch it has accepted; what the host sends begins anew. */
export function join(s: ZabState, host: MemberId, why: string): void {
  endLead(s, why);
  s.role = "follower";
  s.host = host;
  s.stream = null;
  s.ack = null;
  setLeader(s, 0n);
  drawTimeout(s);
}

/** The host of this epoch was heard: it lives. `leads`: it says that a quorum follows it. */
export function hearHost(s: ZabState, leads: boolean): void {
  if (s.role === "preCandidate") s.role = "follower";
  s.contact = s.now;
  s.hostLost = false;
  s.earlyAt = null;
  s.deadline = s.now + s.timeoutMs;
  if (leads && s.leader === 0n) setLeader(s, s.host);
}

/** For refusals: where to go instead. */
export function leaderHint(s: ZabState): string {
  return s.leader === 0n ? "no leader is known" : `${name(s.leader)} leads epoch ${s.epoch}`;
}
