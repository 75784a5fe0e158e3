/**
 * Phase 0: finding a member to prepare the next epoch.
 *
 *     follower --timeout, link lost, its leader gave up--> preCandidate (looking) --a quorum's votes--> candidate (discovery.ts)
 *         ^                                                     |
 *         +---- the host is heard, or another one's LEADERINFO --+
 *
 * Who looks tells every voter its vote: first itself, then the best it has heard of, by (current epoch, last zxid), then
 * priority, then id. Votes bind nobody and nothing rests on them: an epoch is made safe by discovery, so all that matters
 * here is that the members soon vote alike, and that nobody who is led is drawn away:
 * - who has a leader that lives, or has promised to, answers with its leader and votes for none;
 * - votes count within a round, a logical clock; whoever hears of a later one goes there;
 * - the one who is voted for counts. The others wait for its LEADERINFO: their votes were their FOLLOWERINFO.
 */
import type { MemberId } from "../../environment.ts";
import { allVoters, hasQuorum } from "../membership.ts";
import { name } from "../parts/name.ts";
import { hearsQuorum } from "./contact.ts";
import { compareHistories } from "./history.ts";
import type { Envelope, Notification, Vote } from "./messages.ts";
import { drawTimeout, endLead, setLeader } from "./role.ts";
import type { ZabState } from "./state.ts";

/** Whether this member could be leader: it votes, and its disk can be relied on. */
export function mayStand(s: ZabState): boolean {
  return s.memberships.mayStand(s.id, s.commit) && !s.untrusted && !s.diskStalled;
}

/** Whether this member has a say in who leads. A stalled disk can't lead, but can still vote. */
function mayLook(s: ZabState): boolean {
  return s.memberships.mayStand(s.id, s.commit) && !s.untrusted && s.now >= s.promiseUntil;
}

/**
 * Whether this member has a leader that lives and helps nobody else into its place, or must not by its promise.
 *
 * "Lives" means heard within the shortest timeout, with the link to it unbroken. A lost link is taken as the death of the
 * process, so that a killed leader is replaced at once; one broken link deposes nobody, because the others, whose links
 * are whole, still refuse. The promise behind lease reads (reads.ts) is kept to its end, whatever became of the link.
 */
export function isBound(s: ZabState, asker: MemberId): boolean {
  if (s.now < s.promiseUntil && asker !== s.promisee) return true;
  if (s.lead !== null) return s.role === "leader" && hearsQuorum(s, s.lead);
  // Its own host asks: it has given up.
  if (s.role !== "follower" || s.host === 0n || s.host === asker) return false;
  return !s.hostLost && s.now < s.contact + s.options.electionTimeoutMs;
}

/** Looks at the clock; on everybody who prepares no epoch. */
export function tickElection(s: ZabState): void {
  const looking = s.role === "preCandidate";
  const early = s.earlyAt !== null && s.now >= s.earlyAt && !looking;
  if (early || s.now >= s.deadline) {
    if (mayLook(s)) return startLooking(s, looking ? "nobody was found" : "nobody leads");
    if (looking) s.role = "follower";
    s.earlyAt = early && s.promiseUntil > s.now ? s.promiseUntil : null;
    s.deadline = Math.max(s.now + s.timeoutMs, s.promiseUntil);
  } else if (looking && s.now >= s.nextNotification) {
    tellVote(s);
  }
}

/** The link to the host broke: looks for another at once, or as soon as a promise to it is over. */
export function onHostLost(s: ZabState): void {
  s.hostLost = true;
  if (mayLook(s)) return startLooking(s, `the link to ${name(s.host)} broke`);
  if (s.now < s.promiseUntil) s.earlyAt ??= s.promiseUntil;
}

/** A peer's link is back. A group that starts need not wait for a timeout; a leader that exists is heard before. */
export function onVoterLinkUp(s: ZabState, peer: MemberId): void {
  if (s.role === "preCandidate") tellVoteTo(s, peer);
  else if (s.leader === 0n && s.lead === null) s.earlyAt ??= s.now + s.options.heartbeatIntervalMs;
}

/** Begins a round of votes, with one for itself. */
export function startLooking(s: ZabState, why: string, round = 0): void {
  endLead(s, why);
  s.role = "preCandidate";
  // It must forget the leader: members that all believe in a dead one would refuse each other for ever (etcd#8334).
  setLeader(s, 0n);
  s.earlyAt = null;
  enterRound(s, Math.max(s.round + 1, round));
  s.notice("debug", `looks for a leader: ${why}`, { round: s.round });
  tellVote(s);
}

function enterRound(s: ZabState, round: number): void {
  s.round = round;
  s.ballots.clear();
  const stands = mayStand(s) && s.now >= s.sitsOutUntil;
  s.vote = { leader: stands ? s.id : 0n, history: s.history, priority: s.options.priority };
  drawTimeout(s);
}

/** Also to the one it is for, whom this member's own membership may not know: it is the one that counts. */
function tellVote(s: ZabState): void {
  s.nextNotification = s.now + s.options.heartbeatIntervalMs;
  const voters = allVoters(s.memberships.active);
  for (const id of voters) if (id !== s.id) tellVoteTo(s, id);
  const { leader } = s.vote;
  if (leader !== 0n && leader !== s.id && !voters.includes(leader)) tellVoteTo(s, leader);
}

function tellVoteTo(s: ZabState, to: MemberId): void {
  s.send(to, { type: "notification", round: s.round, vote: s.vote, settled: false });
}

/**
 * It prepared an epoch, and too few answered. The vote would fall on it again, because its history is the best; but
 * perhaps it is only heard, or only hears. So it gives the others a chance for a while, longer each time.
 */
export function sitOut(s: ZabState): void {
  const { electionTimeoutMs } = s.options;
  s.sitsOutUntil = s.now + s.random.between(0.5, 1) * electionTimeoutMs * 2 ** Math.min(s.failures, 3);
  s.failures++;
}

/** "I look for nobody: I am with this one." Nothing, where the leader is not known (after a restart with a promise). */
export function tellSettled(s: ZabState, to: MemberId): void {
  const leader = s.lead !== null ? s.id : s.host;
  if (leader === 0n) return;
  const vote = { leader, history: s.history, priority: s.priorities.get(leader) ?? 0 };
  s.send(to, { type: "notification", round: s.round, vote, settled: true });
}

/** At a member that neither leads nor prepares to (discovery.ts has the others), or leads and hears no quorum. */
export function onNotification(s: ZabState, from: MemberId, envelope: Envelope, m: Notification): boolean {
  if (envelope.untrusted) return false;
  if (m.settled) return onSettled(s, from, m.vote.leader);
  if (isBound(s, from)) {
    tellSettled(s, from);
    return true;
  }
  // From before it led this epoch.
  if (from === s.host && envelope.epoch < s.epoch) return false;
  if (s.untrusted || s.now < s.promiseUntil) return false;
  if (!mayLook(s)) {
    // No voter by its own membership, which may be the stale one: it says whom it would help.
    if (m.vote.leader === 0n || !isEnough(s, m.vote)) return false;
    s.send(from, { type: "notification", round: m.round, vote: m.vote, settled: false });
    return true;
  }
  if (s.role !== "preCandidate") startLooking(s, `${name(from)} looks for one`, m.round);
  return weigh(s, from, envelope, m);
}

/** Somebody else looks in this round, or another. */
function weigh(s: ZabState, from: MemberId, envelope: Envelope, m: Notification): boolean {
  if (m.round < s.round) {
    tellVoteTo(s, from);
    return false;
  }
  const before = s.vote;
  if (m.round > s.round) enterRound(s, m.round);
  if (mayAdopt(s, m.vote) && compareVotes(m.vote, s.vote) > 0) s.vote = m.vote;
  const known = s.ballots.get(from);
  if (known === undefined || compareVotes(m.vote, known.vote) >= 0) {
    s.ballots.set(from, { vote: m.vote, acceptedEpoch: envelope.epoch });
  }
  if (s.vote !== before) tellVote(s);
  else if (compareVotes(s.vote, m.vote) > 0) tellVoteTo(s, from);
  return true;
}

/** A vote for somebody whose link is broken would only be found wanting later. */
function mayAdopt(s: ZabState, vote: Vote): boolean {
  return vote.leader !== 0n && vote.leader !== s.id && !s.lost.has(vote.leader) && isEnough(s, vote);
}

/** Whether the one that is voted for knows as much as this member: otherwise it would have to give up in discovery. */
function isEnough(s: ZabState, vote: Vote): boolean {
  return compareHistories(vote.history, s.history) >= 0;
}

/** By history, then priority, then id: above 0 if `a` is the better vote. Any is better than one for nobody. */
export function compareVotes(a: Vote, b: Vote): number {
  if (a.leader === 0n || b.leader === 0n) return (a.leader === 0n ? 0 : 1) - (b.leader === 0n ? 0 : 1);
  const order = compareHistories(a.history, b.history) || a.priority - b.priority;
  if (order !== 0) return order;
  return a.leader < b.leader ? -1 : a.leader > b.leader ? 1 : 0;
}

/** Whether a quorum votes for this member: the epoch it should prepare, above all that its voters have accepted; or null. */
export function epochToPrepare(s: ZabState): number | null {
  if (s.role !== "preCandidate" || s.vote.leader !== s.id) return null;
  const votesForMe = (id: MemberId): boolean => id === s.id || s.ballots.get(id)?.vote.leader === s.id;
  if (!hasQuorum(s.memberships.active, votesForMe)) return null;
  let highest = s.epoch;
  for (const [id, { acceptedEpoch }] of s.ballots) if (votesForMe(id)) highest = Math.max(highest, acceptedEpoch);
  return highest + 1;
}

/** A peer looks for nobody: it is led. */
function onSettled(s: ZabState, from: MemberId, leader: MemberId): boolean {
  if (s.lead !== null || s.leader !== 0n) return false;
  s.ballots.delete(from);
  // Asks to be let in, once for all who say so.
  if (leader !== s.id && leader !== s.host && s.now >= s.nextKnock && !s.lost.has(leader)) {
    s.nextKnock = s.now + s.options.heartbeatIntervalMs / 2;
    s.send(leader, { type: "followerInfo", session: 0, refuses: false });
  }
  return true;
}
