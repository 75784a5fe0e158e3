/**
 * Following: how a member takes up another's leadership, or gives up its own.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import { name } from "../parts/name.ts";
import { refuseForwardedReads, refuseLeaderReads } from "./reads.ts";
import { type RaftState } from "./state.ts";

/**
 * A new epoch, in which this member has not voted yet. Saved before anything is said in it. Within one epoch the vote
 * is never cleared: a candidate that steps back keeps it (CCF#8094, nats-server#5314).
 */
export function enterEpoch(s: RaftState, epoch: number, vote: MemberId): void {
  if (epoch <= s.epoch) throw new InvariantViolation(`epoch ${epoch} does not follow ${s.epoch}`);
  s.epoch = epoch;
  s.vote = vote;
  s.saveState();
}

/** Follows `leader` (0n: whoever will be found) in this or a later epoch. */
export function becomeFollower(s: RaftState, epoch: number, leader: MemberId, why: string): void {
  if (epoch > s.epoch) enterEpoch(s, epoch, 0n);
  if (s.role !== "follower") {
    s.notice(s.role === "leader" ? "warn" : "debug", `${s.role} becomes a follower: ${why}`, { leader: name(leader) });
  }
  if (s.lead !== null) {
    refuseLeaderReads(s, s.lead, why);
    s.lead = null;
  }
  s.role = "follower";
  s.votes.clear();
  s.ack = null;
  setLeader(s, leader);
  drawElectionTimeout(s);
}

export function setLeader(s: RaftState, leader: MemberId): void {
  if (leader === s.leader) return;
  refuseForwardedReads(s, "the leader changed");
  s.leader = leader;
  s.leaderLinkLost = false;
  if (leader !== 0n) {
    s.earlyAt = null;
    s.earlyTries = 0;
    if (leader !== s.id) s.notice("info", `follows ${name(leader)} in epoch ${s.epoch}`, { leader: name(leader) });
  }
}

/**
 * Draws the time after which a silent leader is given up. Among members of different priority the most preferred ones
 * draw from the first half of the span and the others from the second.
 */
export function drawElectionTimeout(s: RaftState): void {
  const shortest = s.options.electionTimeoutMs;
  let low = shortest;
  let high = 2 * shortest;
  const { above, below } = rankByPriority(s);
  if (above > 0) low = 1.5 * shortest;
  else if (below > 0) high = 1.5 * shortest;
  s.electionTimeoutMs = s.random.between(low, high);
  s.electionDeadline = s.now + s.electionTimeoutMs;
}

/** How many other voters announced a higher and a lower priority than this member's own. */
export function rankByPriority(s: RaftState): { readonly above: number; readonly below: number } {
  let above = 0;
  let below = 0;
  for (const [id, priority] of s.priorities) {
    const { voters, outgoing } = s.memberships.active;
    if (!voters.includes(id) && !outgoing.includes(id)) continue;
    if (priority > s.options.priority) above++;
    else if (priority < s.options.priority) below++;
  }
  return { above, below };
}

/**
 * A message that only the leader of `epoch` sends: follow it. False: it cannot be, this epoch has another leader.
 */
export function hearLeader(s: RaftState, from: MemberId, epoch: number): boolean {
  if (epoch > s.epoch) {
    becomeFollower(s, epoch, from, `${name(from)} leads epoch ${epoch}`);
  } else if (s.role === "leader" || (s.leader !== 0n && s.leader !== from)) {
    s.notice("warn", `${name(from)} claims to lead epoch ${epoch}, which ${name(s.leader)} leads`, {
      from: name(from),
    });
    return false;
  } else if (s.role !== "follower") {
    becomeFollower(s, epoch, from, `${name(from)} leads this epoch`);
  } else {
    setLeader(s, from);
  }
  s.leaderContact = s.now;
  s.leaderLinkLost = false;
  s.earlyAt = null;
  s.earlyTries = 0;
  s.electionDeadline = s.now + s.electionTimeoutMs;
  return true;
}

/** For refusals: where to go instead. */
export function leaderHint(s: RaftState): string {
  return s.leader === 0n ? "no leader is known" : `${name(s.leader)} leads epoch ${s.epoch}`;
}
