/**
 * Phase 1: an epoch of its own, and proof that nobody of a quorum knows more.
 *
 *     prospective leader                             follower
 *       e' = highest accepted epoch of its voters + 1
 *       accepts e' itself, durably
 *       LEADERINFO(e') ────────────────────────────▶ accepts e' if it is above all it has accepted, and it is free
 *                                                    durable: accepted epoch, and from whom
 *       a quorum: synchronisation  ◀──────────────── ACKEPOCH(current epoch, last zxid)
 *
 * From its acceptance on a follower acknowledges nothing of earlier epochs, so whatever they still commit is in the
 * history of somebody in the quorum. If one of them knows more than the prospective leader, that one gives up: the other
 * should lead. A member accepts an epoch from one prospective leader only, and the acceptance names it durably. (ZooKeeper
 * keeps the number alone, so a repeated question gets an answer that "does not count"; here it is known whose question it
 * was, and the repeated answer is the same answer.) An established leader's LEADERINFO lets a late member in: its answer
 * counts for nothing, and it accepts the epoch from nobody.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import { allMembers, hasQuorum, isMember, voteOutcome } from "../membership.ts";
import { name } from "../parts/name.ts";
import { forgetLife, noteTrust } from "./contact.ts";
import { isBound, mayStand, sitOut, startLooking, tellSettled } from "./election.ts";
import { compareHistories, describeHistory } from "./history.ts";
import { newLeadership, newProgress } from "./leadership.ts";
import type { AckEpoch, Envelope, Notification } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { acceptEpoch, drawTimeout, endLead, hearHost, join, setLeader, stepDown } from "./role.ts";
import { sendLeaderInfo, sendPing } from "./sending.ts";
import type { Leadership, ZabState } from "./state.ts";
import { startSession, startSynchronisation } from "./synchronisation.ts";

// The prospective leader's side.

/** Prepares an epoch of its own. `transferred`: at the wish of the leader there is. */
export function startDiscovery(s: ZabState, epoch: number, transferred: boolean, why: string): void {
  endLead(s, why);
  acceptEpoch(s, epoch, s.id);
  s.role = "candidate";
  s.host = 0n;
  s.stream = null;
  s.earlyAt = null;
  setLeader(s, 0n);
  drawTimeout(s);
  const lead = newLeadership(s, transferred);
  s.lead = lead;
  for (const id of allMembers(s.memberships.active)) {
    if (id !== s.id) lead.progress.set(id, newProgress(s, lead, id));
  }
  s.notice("info", `prepares epoch ${epoch}: ${why}`, { round: s.round });
  for (const p of lead.progress.values()) sendLeaderInfo(s, lead, p);
}

/** This member's own acceptance counts from when it is durable. */
export function countAcceptances(s: ZabState, lead: Leadership): void {
  if (lead.phase !== "discovery") return;
  const accepted = (id: MemberId): boolean | null =>
    id === s.id ? (s.writes.durable >= lead.ownWrite ? true : null) : (lead.acceptances.get(id) ?? null);
  const outcome = voteOutcome(s.memberships.active, accepted);
  if (outcome === "lost") {
    sitOut(s);
    startLooking(s, `epoch ${s.epoch} was refused`);
  } else if (outcome === "won") {
    assert(
      hasQuorum(s.memberships.active, (id) => accepted(id) === true),
      "an epoch without a quorum",
    );
    startSynchronisation(s, lead);
  }
}

export function onAckEpoch(s: ZabState, from: MemberId, envelope: Envelope, m: AckEpoch): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined || m.session !== p.session) return false;
  p.lastHeard = s.now;
  if (p.incarnation !== 0 && p.incarnation !== envelope.incarnation) {
    forgetLife(s, lead, p);
    return false;
  }
  p.incarnation = envelope.incarnation;
  noteTrust(s, lead, p, envelope.untrusted);
  noteLostData(s, p, m);
  if (lead.phase === "discovery") return onAcceptance(s, lead, p, m);
  if (p.state === "idle") startSession(s, lead, p, m.history.last);
  return true;
}

function onAcceptance(s: ZabState, lead: Leadership, p: Progress, m: AckEpoch): boolean {
  p.hint = m.history.last;
  if (!m.counts || p.untrusted) return true;
  if (compareHistories(m.history, s.history) > 0) {
    startLooking(s, `${name(p.id)} knows more: ${describeHistory(m.history)}`);
    return true;
  }
  lead.acceptances.set(p.id, true);
  countAcceptances(s, lead);
  return true;
}

function noteLostData(s: ZabState, p: Progress, { history }: AckEpoch): void {
  const { index } = history.last;
  if (p.lostData || p.match > 0 || index >= p.matchBefore) return;
  p.lostData = true;
  s.notice("warn", `${name(p.id)} came back without entries it had acknowledged: its disk was wiped or rolled back`, {
    peer: name(p.id),
    acknowledged: p.matchBefore,
    lastIndex: index,
  });
}

/**
 * A notification to a member that leads and hears a quorum, or prepares to lead. It goes on until it fails by itself: who
 * looks is let in, and who has another leader will not help.
 */
export function onNotificationToLead(
  s: ZabState,
  lead: Leadership,
  from: MemberId,
  envelope: Envelope,
  m: Notification,
): boolean {
  if (envelope.untrusted) return false;
  if (!m.settled) return welcome(s, lead, from, envelope, 0);
  return m.vote.leader !== s.id && onRefused(s, lead, from);
}

/** Somebody will not help with the epoch that is prepared. */
function onRefused(s: ZabState, lead: Leadership, from: MemberId): boolean {
  if (lead.phase !== "discovery" || lead.acceptances.has(from)) return false;
  lead.acceptances.set(from, false);
  countAcceptances(s, lead);
  return true;
}

/** FOLLOWERINFO: somebody asks to be let in, or can't be in this epoch. */
export function onFollowerInfo(
  s: ZabState,
  from: MemberId,
  envelope: Envelope,
  m: { readonly session: number; readonly refuses: boolean },
): boolean {
  const { lead } = s;
  if (lead === null) {
    if (m.refuses || s.leader === 0n || s.leader === from) return false;
    tellSettled(s, from);
    return true;
  }
  if (envelope.epoch > s.epoch) {
    // It has accepted a later epoch: it is led, or stuck ahead alone and needs an epoch above it (etcd's stuck candidate).
    if (!isMember(s.memberships.active, from)) return false;
    const why = `${name(from)} has accepted epoch ${envelope.epoch}`;
    // Not one that was handing over: it is the epoch it wished for, and to look now would undo it.
    if (mayStand(s) && lead.transfer === null) startLooking(s, why);
    else stepDown(s, why);
    return true;
  }
  if (m.refuses) return onRefused(s, lead, from);
  return welcome(s, lead, from, envelope, m.session);
}

/**
 * A late member: lets it in, or brings one that had only looked away back to its stream. That it asks shows nothing of
 * whether it hears this member, so it does not count as heard.
 */
function welcome(s: ZabState, lead: Leadership, from: MemberId, envelope: Envelope, session: number): boolean {
  const p = lead.progress.get(from);
  if (p === undefined) return false;
  if (p.state === "idle") sendLeaderInfo(s, lead, p);
  else if (envelope.incarnation !== p.incarnation && session === p.session) forgetLife(s, lead, p);
  // Of another life, perhaps: it sees in the ping that it is not the one meant, and says so.
  else sendPing(s, lead, p, { answer: true, expect: 0 });
  return true;
}

// The follower's side.

/** LEADERINFO. */
export function onLeaderInfo(
  s: ZabState,
  from: MemberId,
  { epoch, leads }: Envelope,
  m: { readonly session: number; readonly transfer: boolean },
): boolean {
  const joined = s.lead === null && s.host === from && s.epoch === epoch;
  if (!joined && !mayJoin(s, from, epoch, leads, m.transfer)) return refuseEpoch(s, from, epoch);
  if (!joined) join(s, from, `${name(from)} ${leads ? "leads" : "prepares"} epoch ${epoch}`);
  if (epoch > s.epoch) acceptEpoch(s, epoch, leads ? 0n : from);
  hearHost(s, leads);
  const counts = !leads && s.acceptedFrom === from;
  s.send(from, { type: "ackEpoch", session: m.session, history: s.history, counts }, s.barrier);
  return true;
}

/** Whether this member may take part in an epoch with this leader. */
function mayJoin(s: ZabState, from: MemberId, epoch: number, leads: boolean, transfer: boolean): boolean {
  if (epoch < s.epoch) return false;
  // An established leader is the only one of its epoch, whatever this member had accepted from a rival.
  if (leads) return epoch > s.epoch || (s.lead === null && s.leader === 0n) || s.role === "candidate";
  if (epoch === s.epoch) return s.acceptedFrom === from && s.host === 0n && s.lead === null;
  // The leader itself wishes a transfer: nobody is bound to it, nor by a promise to it.
  return !s.untrusted && (transfer || !isBound(s, from));
}

function refuseEpoch(s: ZabState, from: MemberId, epoch: number): boolean {
  if (epoch > s.epoch) tellSettled(s, from);
  else s.send(from, { type: "followerInfo", session: 0, refuses: true });
  return true;
}

/** Something of an epoch that this member does not take part in: tells its own, or asks to be let in. */
export function onForeignEpoch(s: ZabState, from: MemberId, { epoch, leads }: Envelope, session: number): boolean {
  if (epoch < s.epoch) {
    s.send(from, { type: "followerInfo", session, refuses: true });
    return true;
  }
  if (!leads && (epoch > s.epoch || s.acceptedFrom !== from || s.lead !== null)) return false;
  if (epoch === s.epoch && s.leader !== 0n && s.leader !== from) return false;
  s.send(from, { type: "followerInfo", session, refuses: false });
  return true;
}
