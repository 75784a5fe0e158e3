/**
 * Becoming leader (paper §5.2, thesis §9.6).
 *
 *     follower --timeout, link lost--> preCandidate --quorum would vote--> candidate --quorum voted--> leader
 *         ^                                 |                                 |
 *         +----- a leader is heard, or too many say no, or a higher epoch ----+
 *
 * A pre-vote changes nothing on either side, so a member that nobody needs as leader (cut off, removed, behind) does not
 * disturb the others. Votes and vote requests leave only when the epoch, the vote and the log they speak of are durable.
 */
import type { MemberId } from "../../environment.ts";
import { assert, InvariantViolation } from "../../errors.ts";
import { EntryKind } from "../engine.ts";
import { allMembers, allVoters, hasQuorum, voteOutcome } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { LeaderReads } from "../parts/leader-reads.ts";
import { name } from "../parts/name.ts";
import { hearsQuorum } from "./contact.ts";
import { appendOwn, newProgress } from "./leadership.ts";
import type { Envelope, VoteRequest } from "./messages.ts";
import { becomeFollower, drawElectionTimeout, enterEpoch, setLeader } from "./role.ts";
import { type RaftState } from "./state.ts";

/** Elections ahead of the timeout that follow one loss of a leader; after them, timeouts decide. */
const maxEarlyTries = 3;

/** Whether this member could be leader: it votes, and its disk can be relied on. */
export function mayCampaign(s: RaftState): boolean {
  return s.memberships.mayStand(s.id, s.commit) && !s.untrusted && !s.diskStalled;
}

/** Whether this member's promise to a leader forbids it to help elect `candidate` now. */
function isPromised(s: RaftState, candidate: MemberId): boolean {
  return s.now < s.promiseUntil && candidate !== s.promisee;
}

/**
 * Whether this member has a leader that lives, and helps nobody else into its place (thesis §4.2.3).
 *
 * "Lives" means heard within the shortest election timeout, with the link to it unbroken. A lost link is taken as the
 * death of the process, so that a killed leader is replaced at once; one broken link deposes nobody, because the others,
 * whose links are whole, still refuse. That step is safe only where nobody relies on the refusal: the promise behind
 * lease reads (see reads.ts) is kept to its end, whatever became of the link. `promiseUntil` is set when a heartbeat is
 * answered, on the same clock that is compared here, and outlives a restart through the hard state, so a leader whose
 * lease has not run out has a quorum of members none of which reaches the lines below for another candidate.
 */
function isBound(s: RaftState, candidate: MemberId): boolean {
  if (isPromised(s, candidate)) return true;
  if (s.lead !== null) return hearsQuorum(s, s.lead);
  // Its own leader asks: it has resigned.
  if (s.leader === 0n || s.leader === candidate) return false;
  return !s.leaderLinkLost && s.now < s.leaderContact + s.options.electionTimeoutMs;
}

/** Looks at the clock; on everybody but a leader. */
export function tickElection(s: RaftState): void {
  const early = s.earlyAt !== null && s.now >= s.earlyAt && s.role !== "candidate";
  if (!early && s.now < s.electionDeadline) return;
  if (!mayCampaign(s)) {
    s.earlyAt = null;
    s.electionDeadline = s.now + s.electionTimeoutMs;
    return;
  }
  if (isPromised(s, s.id)) {
    if (s.earlyAt !== null) s.earlyAt = s.promiseUntil;
    s.electionDeadline = Math.max(s.electionDeadline, s.promiseUntil);
    return;
  }
  if (early) {
    s.earlyTries++;
    const pause = s.options.heartbeatIntervalMs;
    s.earlyAt = s.earlyTries < maxEarlyTries ? s.now + s.random.between(0.5 * pause, pause) : null;
  }
  startPreVote(s);
}

/** The link to a peer broke. If it was the leader's, an election follows at once. */
export function onLeaderLinkLost(s: RaftState): void {
  s.leaderLinkLost = true;
  hurryElection(s, 0);
}

/**
 * Plans an election ahead of the timeout. Members wait for different times, the preferred and then the lower ids less,
 * so that they do not split the votes.
 */
export function hurryElection(s: RaftState, delayMs: number): void {
  if (s.earlyAt !== null || s.earlyTries >= maxEarlyTries || !mayCampaign(s)) return;
  const own = s.options.priority;
  let rank = 0;
  for (const id of allVoters(s.memberships.active)) {
    if (id === s.leader || id === s.id) continue;
    const priority = s.priorities.get(id) ?? own;
    if (priority > own || (priority === own && id < s.id)) rank++;
  }
  const slot = s.options.heartbeatIntervalMs / 5;
  // A promise comes first; the others' ends a little later than one's own.
  const free = isPromised(s, s.id) ? s.promiseUntil + slot / 2 : s.now;
  s.earlyAt = Math.max(s.now + delayMs, free) + slot * rank + s.random.between(0, slot / 4);
}

function startPreVote(s: RaftState): void {
  // It must forget the leader: members that all believe in a dead one would refuse each other for ever (etcd#8334).
  setLeader(s, 0n);
  s.role = "preCandidate";
  s.votes.clear();
  s.votes.set(s.id, true);
  drawElectionTimeout(s);
  s.notice("debug", `asks who would vote for it in epoch ${s.epoch + 1}`);
  askForVotes(s, "preVote", false, 0);
  countVotes(s);
}

/** Stands for election in the next epoch. `transfer`: at the wish of the leader itself. */
export function startElection(s: RaftState, transfer: boolean): void {
  enterEpoch(s, s.epoch + 1, s.id);
  s.role = "candidate";
  setLeader(s, 0n);
  s.votes.clear();
  s.ack = null;
  drawElectionTimeout(s);
  s.voteWrite = s.barrier;
  s.notice("info", `stands for election in epoch ${s.epoch}${transfer ? ", asked by the leader" : ""}`);
  askForVotes(s, "vote", transfer, s.voteWrite);
}

function askForVotes(s: RaftState, type: "preVote" | "vote", transfer: boolean, after: number): void {
  const { lastIndex, lastEpoch } = s.log;
  for (const id of allVoters(s.memberships.active)) {
    if (id !== s.id) s.send(id, { type, lastIndex, lastEpoch, transfer }, after);
  }
}

function countVotes(s: RaftState): void {
  const outcome = voteOutcome(s.memberships.active, (id) => s.votes.get(id) ?? null);
  if (outcome === "pending") return;
  if (outcome === "lost") {
    const no = [...s.votes].filter(([, granted]) => !granted).map(([id]) => name(id));
    becomeFollower(s, s.epoch, 0n, `refused by ${no.join(", ")}`);
  } else if (s.role === "preCandidate") {
    startElection(s, false);
  } else {
    becomeLeader(s);
  }
}

/** A candidate's own vote counts from when it is durable. */
export function onVoteDurable(s: RaftState): void {
  if (s.role !== "candidate" || s.writes.durable < s.voteWrite || s.votes.has(s.id)) return;
  s.votes.set(s.id, true);
  countVotes(s);
}

export function onPreVote(s: RaftState, from: MemberId, envelope: Envelope, m: VoteRequest): void {
  const proposedEpoch = envelope.epoch + 1;
  const granted = proposedEpoch > s.epoch && !s.untrusted && !isBound(s, from) && logSuffices(s, m);
  // Whoever was found fit goes first.
  if (granted && s.earlyAt !== null) s.earlyAt = Math.max(s.earlyAt, s.now + 0.5 * s.options.heartbeatIntervalMs);
  // The answer carries this member's own epoch, so that one that lags behind catches up (etcd#8501).
  s.send(from, { type: "preVoteResponse", proposedEpoch, granted });
}

export function onVote(s: RaftState, from: MemberId, envelope: Envelope, m: VoteRequest): void {
  if (envelope.epoch < s.epoch || (!m.transfer && isBound(s, from))) {
    s.send(from, { type: "voteResponse", granted: false });
    return;
  }
  if (envelope.epoch > s.epoch)
    becomeFollower(s, envelope.epoch, 0n, `${name(from)} stands in epoch ${envelope.epoch}`);
  const free = s.vote === from || (s.vote === 0n && s.leader === 0n);
  const granted = free && !s.untrusted && logSuffices(s, m);
  if (granted) {
    if (s.vote === 0n) {
      s.vote = from;
      s.saveState();
    }
    s.electionDeadline = s.now + s.electionTimeoutMs;
    if (s.earlyAt !== null) s.earlyAt = Math.max(s.earlyAt, s.now + 2 * s.options.heartbeatIntervalMs);
    s.notice("info", `votes for ${name(from)} in epoch ${s.epoch}`, { candidate: name(from) });
  }
  s.send(from, { type: "voteResponse", granted }, s.barrier);
}

function logSuffices(s: RaftState, m: VoteRequest): boolean {
  return s.log.isAtMost({ epoch: m.lastEpoch, index: m.lastIndex });
}

export function onPreVoteResponse(s: RaftState, from: MemberId, proposedEpoch: number, granted: boolean): boolean {
  if (s.role !== "preCandidate" || proposedEpoch !== s.epoch + 1) return false;
  recordVote(s, from, granted);
  return true;
}

export function onVoteResponse(s: RaftState, from: MemberId, epoch: number, granted: boolean): boolean {
  if (s.role !== "candidate" || epoch !== s.epoch) return false;
  recordVote(s, from, granted);
  return true;
}

/** Votes are a set: a repeated answer counts once, and the first one stands. */
function recordVote(s: RaftState, from: MemberId, granted: boolean): void {
  if (s.votes.has(from)) return;
  s.votes.set(from, granted);
  countVotes(s);
}

function becomeLeader(s: RaftState): void {
  if (!(s.role === "candidate" && s.vote === s.id))
    throw new InvariantViolation(`a ${s.role} that voted for ${name(s.vote)} cannot lead`);
  assert(
    hasQuorum(s.memberships.active, (id) => s.votes.get(id) === true),
    "elected without a quorum",
  );
  const { options, log, now } = s;
  const voters = allVoters(s.memberships.active);
  const yes = voters.filter((id) => s.votes.get(id) === true).length;
  const pending = log.lastIndex - s.commit;
  s.role = "leader";
  s.votes.clear();
  s.earlyAt = null;
  s.lead = {
    since: now,
    progress: new Map(),
    noopIndex: log.lastIndex + 1,
    uncommittedBytes: log.bytesFrom(s.commit + 1) + pending * entryOverheadBytes,
    round: 0,
    nextHeartbeat: now + options.heartbeatIntervalMs,
    commitAtHeartbeat: s.commit,
    transfer: null,
    leaseForfeited: false,
    nextPreference: now + 2 * options.electionTimeoutMs,
    preferenceBackoffMs: 10 * options.electionTimeoutMs,
    reads: new LeaderReads(),
    noticeAt: null,
  };
  setLeader(s, s.id);
  for (const id of allMembers(s.memberships.active)) {
    if (id !== s.id) s.lead.progress.set(id, newProgress(s, id, s.lead.noopIndex));
  }
  s.notice("info", `won the election in epoch ${s.epoch} with ${yes} of ${voters.length} votes`, { votes: yes });
  appendOwn(s, s.lead, EntryKind.noop, new Uint8Array(0));
}
