/**
 * Following: how a member takes up another's leadership, or gives up its own.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import { name } from "../parts/name.ts";
import { refuseForwardedReads, refuseLeaderReads } from "./reads.ts";
import type { PaxosState } from "./state.ts";

/**
 * A new round, promised to `proposer` or (0n) to nobody yet. Saved before anything is said in it. Within one round the
 * promise is never taken back: a candidate that steps back keeps its own.
 */
export function enterRound(s: PaxosState, round: number, proposer: MemberId): void {
  if (round <= s.round) throw new InvariantViolation(`round ${round} does not follow ${s.round}`);
  s.round = round;
  s.proposer = proposer;
  s.toldDecided = 0;
  s.saveState();
}

/**
 * Follows `leader` (0n: whoever will be found) in this or a later round. Whoever leads a later round has its promise by
 * that: an acceptance is a promise, too.
 */
export function becomeFollower(s: PaxosState, round: number, leader: MemberId, why: string): void {
  if (round > s.round) enterRound(s, round, leader);
  if (s.role !== "follower") {
    s.notice(s.role === "leader" ? "warn" : "debug", `${s.role} becomes a follower: ${why}`, { leader: name(leader) });
  }
  if (s.lead !== null) {
    refuseLeaderReads(s, s.lead, why);
    s.lead = null;
  }
  s.role = "follower";
  s.candidacy = null;
  s.surveyed.clear();
  s.ack = null;
  setLeader(s, leader);
  drawElectionTimeout(s);
}

export function setLeader(s: PaxosState, leader: MemberId): void {
  if (leader === s.leader) return;
  refuseForwardedReads(s, "the leader changed");
  s.leader = leader;
  s.leaderLinkLost = false;
  if (leader !== 0n) {
    s.earlyAt = null;
    s.earlyTries = 0;
    if (leader !== s.id) s.notice("info", `follows ${name(leader)} in round ${s.round}`, { leader: name(leader) });
  }
}

/**
 * Draws the time after which a silent leader is given up. Among members of different priority the most preferred ones
 * draw from the first half of the span and the others from the second.
 */
export function drawElectionTimeout(s: PaxosState): void {
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
function rankByPriority(s: PaxosState): { readonly above: number; readonly below: number } {
  let above = 0;
  let below = 0;
  const { voters } = s.membership;
  for (const [id, priority] of s.priorities) {
    if (!voters.includes(id)) continue;
    if (priority > s.options.priority) above++;
    else if (priority < s.options.priority) below++;
  }
  return { above, below };
}

/**
 * A message that only the leader of `round` sends: follow it. False: it cannot be, this round has another leader.
 */
export function hearLeader(s: PaxosState, from: MemberId, round: number): boolean {
  if (round > s.round) {
    becomeFollower(s, round, from, `${name(from)} leads round ${round}`);
  } else if (s.role === "leader" || (s.leader !== 0n && s.leader !== from)) {
    s.notice("warn", `${name(from)} claims to lead round ${round}, which ${name(s.leader)} leads`, {
      from: name(from),
    });
    return false;
  } else if (s.role !== "follower") {
    becomeFollower(s, round, from, `${name(from)} leads this round`);
  } else {
    setLeader(s, from);
  }
  // Who entered the round by hearsay has promised it to nobody: now it is taken.
  if (s.proposer === 0n) {
    s.proposer = from;
    s.saveState();
  }
  s.leaderContact = s.now;
  s.leaderLinkLost = false;
  s.earlyAt = null;
  s.earlyTries = 0;
  s.electionDeadline = s.now + s.electionTimeoutMs;
  return true;
}

/** For refusals: where to go instead. */
export function leaderHint(s: PaxosState): string {
  return s.leader === 0n ? "no leader is known" : `${name(s.leader)} leads epoch ${s.round}`;
}
