/**
 * Getting the leader's log to the others: appending, sending, acknowledging, counting.
 *
 * A leader's own disk works while the messages are on their way; it counts itself only as far as its own log is durable
 * (thesis §10.2.1). Messages are made once a turn, so that what arrived together travels together.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { decodeMembershipEntry, quorumReached } from "../membership.ts";
import { name } from "../parts/name.ts";
import { advanceCommit } from "./commit.ts";
import { admitResponse } from "./contact.ts";
import type { AppendMessage, AppendResponse } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { hearLeader } from "./role.ts";
import { type Leadership, type RaftState } from "./state.ts";

// The leader's side.

export function onAppendResponse(
  s: RaftState,
  from: MemberId,
  incarnation: number,
  untrusted: boolean,
  m: AppendResponse,
): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined) return false;
  if (!admitResponse(s, lead, p, incarnation, m.session, untrusted)) return true;
  if (m.ok) {
    // Nobody can hold more of this leader's log than there is.
    if (m.index > s.log.lastIndex) return false;
    onAcknowledged(s, lead, p, m.index);
  } else if (m.session === p.session) {
    onRefused(s, p, m);
  }
  return true;
}

function onAcknowledged(s: RaftState, lead: Leadership, p: Progress, index: number): void {
  const news = p.acknowledged(index);
  if (p.lostData && p.match >= p.matchBefore) {
    p.lostData = false;
    s.notice("info", `${name(p.id)} has again everything it had acknowledged`, { peer: name(p.id), match: p.match });
  }
  if (p.state === "probe" || (p.state === "snapshot" && s.log.epochAt(p.match) !== null)) p.becomeReplicate();
  if (news) countCommit(s, lead);
}

function onRefused(s: RaftState, p: Progress, m: AppendResponse): void {
  if (p.state === "snapshot") return;
  // Late answers: in a pipeline everything up to `match` is settled, and a probe asks one question at a time.
  if (p.state === "replicate" && (m.index <= p.match || m.index >= p.next)) return;
  if (p.state === "probe" && m.index !== p.next - 1) return;
  if (p.state === "probe" && p.match === 0 && p.matchBefore > 0 && m.index <= p.matchBefore && !p.lostData) {
    p.lostData = true;
    s.notice("warn", `${name(p.id)} came back without entries it had acknowledged: its disk was wiped or rolled back`, {
      peer: name(p.id),
      acknowledged: p.matchBefore,
      lastIndex: m.lastIndex,
    });
  }
  // The peer's entry at the hint has the hint's epoch; ours agrees with it at best where our epochs are not above it.
  const agree = s.log.lastAtMostEpoch(Math.min(m.hintIndex, m.index - 1), m.hintEpoch);
  // Before the first entry all logs agree; what is behind our base takes a snapshot, which sending finds out.
  p.becomeProbe(m.hintIndex < s.log.base.index ? m.hintIndex + 1 : Math.max(agree, 0) + 1);
  // Each refusal must lead further back; if one does not, the next heartbeat's answer is soon enough.
  if (p.next > m.index) p.paused = true;
}

/** Commits what a quorum holds durably, if it ends in an entry of this epoch (paper §5.4.2, figure 8). */
export function countCommit(s: RaftState, lead: Leadership): void {
  const index = quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return s.writes.durableIndex;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? 0 : p.match;
  });
  if (index > s.commit && s.log.epochAt(index) === s.epoch) advanceCommit(s, index);
}

// The follower's side.

export function onAppend(s: RaftState, from: MemberId, epoch: number, m: AppendMessage): boolean {
  if (epoch < s.epoch) {
    refuse(s, from, m);
    return true;
  }
  if (!hearLeader(s, from, epoch)) return false;
  if (m.prevIndex < s.commit) return onOverlap(s, from, m);
  if (s.log.epochAt(m.prevIndex) !== m.prevEpoch) {
    refuse(s, from, m);
    return true;
  }
  takeEntries(s, from, m, m.entries);
  return true;
}

/**
 * The message begins in what is committed here: a duplicate, or the leader does not know yet how far this member is.
 * What is committed is never touched.
 */
function onOverlap(s: RaftState, from: MemberId, m: AppendMessage): boolean {
  const covered = s.commit - m.prevIndex;
  if (m.entries.length < covered) {
    acknowledge(s, from, m.session, s.commit);
    return true;
  }
  const entry = m.entries[covered - 1] as Entry;
  if (s.log.epochAt(s.commit) !== entry.epoch) {
    s.notice("warn", `refused entries from ${name(from)} that contradict what is committed at ${s.commit}`, {
      from: name(from),
      committed: s.log.epochAt(s.commit),
      theirs: entry.epoch,
    });
    return false;
  }
  takeEntries(s, from, m, m.entries.slice(covered));
  return true;
}

function takeEntries(s: RaftState, from: MemberId, m: AppendMessage, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (s.log.epochAt(entry.index) === entry.epoch) continue;
    if (entry.index <= s.log.lastIndex) dropFrom(s, entry.index);
    s.log.append(entry);
    if (entry.kind === EntryKind.membership) {
      s.memberships.append(entry.index, decodeMembershipEntry(entry.data).membership);
    }
  }
  const last = m.prevIndex + m.entries.length;
  const commit = Math.min(m.commit, last);
  if (commit > s.commit) advanceCommit(s, commit);
  acknowledge(s, from, m.session, last);
}

/** A newer leader's log differs from here on: the only reason ever to drop entries (CCF#5674). */
function dropFrom(s: RaftState, index: number): void {
  if (index <= s.commit)
    throw new InvariantViolation(`entry ${index} is committed (up to ${s.commit}) and cannot be replaced`);
  s.notice("info", `drops ${s.log.lastIndex - index + 1} uncommitted entries from ${index} on`, { index });
  s.log.truncateFrom(index);
  s.memberships.truncateFrom(index);
  s.writes.truncated(index);
}

/** One acknowledgement a turn is enough: a leader's log only grows, so the highest index says all. */
function acknowledge(s: RaftState, to: MemberId, session: number, index: number): void {
  const { ack } = s;
  if (ack !== null && ack.to === to && ack.epoch === s.epoch && ack.session === session) {
    ack.index = Math.max(ack.index, index);
  } else {
    s.ack = { to, epoch: s.epoch, session, index };
  }
}

/** Sends the turn's acknowledgement, to leave once everything it speaks of is durable. */
export function sendAcknowledgement(s: RaftState): void {
  const { ack } = s;
  if (ack === null) return;
  s.ack = null;
  if (ack.epoch !== s.epoch) return;
  if (ack.index > s.log.lastIndex)
    throw new InvariantViolation(`acknowledged ${ack.index}, but the log ends at ${s.log.lastIndex}`);
  const response = { type: "appendResponse", ok: true, session: ack.session, index: ack.index } as const;
  s.send(ack.to, { ...response, hintIndex: 0, hintEpoch: 0, lastIndex: s.log.lastIndex }, s.barrier);
}

function refuse(s: RaftState, to: MemberId, m: AppendMessage): void {
  const { log } = s;
  const hintIndex = log.lastAtMostEpoch(Math.min(m.prevIndex, log.lastIndex), m.prevEpoch);
  const hintEpoch = log.epochAt(hintIndex) ?? 0;
  const response = { type: "appendResponse", ok: false, session: m.session, index: m.prevIndex } as const;
  s.send(to, { ...response, hintIndex, hintEpoch, lastIndex: log.lastIndex });
}
