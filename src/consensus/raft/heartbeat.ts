/**
 * Heartbeats: how a leader is known to be alive, and how it knows that it still leads.
 *
 * A round of heartbeats is numbered, and its answers bring the number and the leader's own time of sending back. They
 * confirm read indexes, extend leases, re-open a window whose messages got lost, and show which peers are there.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { advanceCommit } from "./commit.ts";
import { admitResponse } from "./contact.ts";
import type { Heartbeat, HeartbeatResponse } from "./messages.ts";
import { confirmReads } from "./reads.ts";
import { hearLeader } from "./role.ts";
import { sendAppend } from "./sending.ts";
import { type RaftState } from "./state.ts";

// The leader's side.

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

// The follower's side.

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
