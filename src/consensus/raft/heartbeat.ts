/**
 * Heartbeats: how a leader is known to be alive, and how it knows that it still leads.
 *
 * A round of heartbeats is numbered, and its answers bring the number and the leader's own time of sending back. They
 * confirm read indexes, extend leases, re-open a window whose messages got lost, and show which peers are there.
 */
import type { MemberId } from "../../environment.ts";
import { hasQuorum } from "../membership.ts";
import { advanceCommit } from "./commit.ts";
import type { Heartbeat, HeartbeatResponse } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { batchReads, confirmedRound, confirmReads } from "./reads.ts";
import { sendAppend } from "./replication.ts";
import { becomeFollower, setLeader } from "./role.ts";
import { type Leadership, name, type RaftState } from "./state.ts";

// The leader's side.

/** Starts a round. All reads that arrived before it are confirmed by it. */
export function startRound(s: RaftState, lead: Leadership): void {
  lead.round++;
  batchReads(s, lead);
  for (const p of lead.progress.values()) sendHeartbeat(s, lead, p, true);
}

/** Tells the commit index; asks for an answer if `answer`. */
export function sendHeartbeat(s: RaftState, lead: Leadership, p: Progress, answer: boolean): void {
  const commitEpoch = s.log.epochAt(s.commit) ?? 0;
  s.send(p.id, {
    type: "heartbeat",
    session: p.session,
    toIncarnation: p.incarnation,
    round: lead.round,
    sentAt: s.now,
    commitIndex: s.commit,
    commitEpoch,
    answer,
    trusted: p.untrusted && isRecovered(s, lead, p),
  });
  p.sentCommit = s.commit;
}

/**
 * Whether an untrusted peer may be believed again. It may have lost acknowledged entries and knows not which. By now a
 * quorum *without it* has confirmed this leadership and committed all the leader held when the peer returned; every
 * entry that its lost acknowledgements helped to commit is among those, and the peer holds them again.
 */
function isRecovered(s: RaftState, lead: Leadership, p: Progress): boolean {
  const { recovery } = p;
  if (recovery === null || p.incarnation === 0) return false;
  return s.commit >= recovery.index && p.match >= recovery.index && confirmedRound(s, lead) >= recovery.round;
}

/**
 * Looks at who answers before what. Another incarnation than the known one means that the peer restarted: nothing its
 * former life said counts any more, a new session begins and the answer is dropped. Answers to an older session from an
 * unknown incarnation are echoes of a former life.
 */
export function admitResponse(
  s: RaftState,
  lead: Leadership,
  p: Progress,
  incarnation: number,
  session: number,
  untrusted: boolean,
): boolean {
  p.lastHeard = s.now;
  if (incarnation !== p.incarnation) {
    if (session !== p.session) return false;
    if (p.incarnation !== 0) {
      s.notice("info", `${name(p.id)} restarted: asks anew what it holds`, { peer: name(p.id), match: p.match });
      p.restarted();
      return false;
    }
    p.incarnation = incarnation;
  }
  if (untrusted && p.recovery === null) {
    p.recovery = { round: lead.round + 1, index: s.log.lastIndex };
    s.notice("warn", `${name(p.id)} cannot prove that it kept all it acknowledged: does not count until it has`, {
      peer: name(p.id),
      until: s.log.lastIndex,
    });
  } else if (!untrusted && p.untrusted) {
    p.recovery = null;
    s.notice("info", `${name(p.id)} has recovered and counts again`, { peer: name(p.id) });
  }
  p.untrusted = untrusted;
  return true;
}

export function onHeartbeatResponse(
  s: RaftState,
  from: MemberId,
  incarnation: number,
  untrusted: boolean,
  m: HeartbeatResponse,
): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined || m.round > lead.round || m.sentAt > s.now) return false;
  if (!admitResponse(s, lead, p, incarnation, m.session, untrusted)) return true;
  p.round = Math.max(p.round, m.round);
  if (m.promiseMs > 0) p.promisedUntil = Math.max(p.promisedUntil, m.sentAt + m.promiseMs);
  p.paused = false;
  // Whatever was on its way may be lost. An empty message finds out, even when the window is full.
  if (p.state === "probe" || (p.state === "replicate" && p.match < s.log.lastIndex && p.next > s.log.lastIndex)) {
    sendAppend(s, p);
  } else if (p.state === "replicate" && p.windowFull) {
    sendAppend(s, p);
  }
  confirmReads(s, lead);
  return true;
}

/** Whether a quorum was heard within the last election timeout. An untrusted peer's word proves nothing. */
export function hearsQuorum(s: RaftState, lead: Leadership): boolean {
  const since = s.now - s.options.electionTimeoutMs;
  return hasQuorum(s.memberships.active, (id) => {
    if (id === s.id) return true;
    const p = lead.progress.get(id);
    return p !== undefined && !p.untrusted && p.lastHeard >= since;
  });
}

// The follower's side.

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

export function onHeartbeat(s: RaftState, from: MemberId, epoch: number, m: Heartbeat): boolean {
  if (epoch < s.epoch) {
    // The epoch in the answer tells the sender that its time is over, or frees this member if it is ahead alone.
    s.send(from, { type: "heartbeatResponse", session: m.session, round: 0, sentAt: 0, promiseMs: 0 });
    return true;
  }
  if (!hearLeader(s, from, epoch)) return false;
  // The epoch makes sure that this log holds the leader's entry there: a peer that lost data may hold another.
  if (m.commitIndex > s.commit && s.log.epochAt(m.commitIndex) === m.commitEpoch) advanceCommit(s, m.commitIndex);
  if (m.trusted && s.untrusted && m.toIncarnation === s.incarnation) {
    s.untrusted = false;
    // Whatever vote of this epoch was lost: it can only have gone to the leader that there is.
    if (s.vote === 0n) s.vote = from;
    s.saveState();
    s.notice("info", `${name(from)} has brought this member up to date: it counts and votes again`, {});
  }
  if (!m.answer) return true;
  const promiseMs = s.givenPromiseMs;
  if (promiseMs > 0) {
    s.promiseUntil = Math.max(s.promiseUntil, s.now + promiseMs);
    s.promisee = from;
  }
  s.send(from, { type: "heartbeatResponse", session: m.session, round: m.round, sentAt: m.sentAt, promiseMs });
  return true;
}
