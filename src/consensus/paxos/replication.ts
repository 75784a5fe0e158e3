/**
 * Phase 2: getting the leader's values accepted, and counting who has.
 *
 * A leader's own disk works while the messages are on their way; it counts itself only as far as its own acceptance is
 * durable. Messages are made once a turn, so that what arrived together travels together.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { accept, heldIn, learnDecided } from "./acceptor.ts";
import { admitResponse } from "./contact.ts";
import { decide } from "./decided.ts";
import { isChanging } from "./leadership.ts";
import type { Accept, AcceptedMessage } from "./messages.ts";
import { phase2Reached } from "./quorums.ts";
import { hearLeader } from "./role.ts";
import type { Leadership, PaxosState } from "./state.ts";

// The leader's side.

export function onAccepted(
  s: PaxosState,
  from: MemberId,
  incarnation: number,
  untrusted: boolean,
  { session, held }: AcceptedMessage,
): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  // Nobody can hold more of this leader's values than there are.
  if (lead === null || p === undefined || held > s.log.lastIndex) return false;
  if (!admitResponse(s, lead, p, incarnation, session, untrusted)) return true;
  const news = p.acknowledged(held);
  if (p.lostData && p.match >= p.matchBefore) {
    p.lostData = false;
    s.notice("info", `${name(p.id)} has again everything it had acknowledged`, { peer: name(p.id), match: p.match });
  }
  if (p.state === "probe" || (p.state === "snapshot" && held >= p.snapshotIndex)) p.becomeReplicate(held);
  if (news) countDecided(s, lead);
  return true;
}

/**
 * Decides what a quorum holds durably in this round, up to the next change of membership: behind it others count. Values
 * of earlier rounds need no value of this one behind them, because they were proposed again in this round.
 */
export function countDecided(s: PaxosState, lead: Leadership): void {
  const reached = phase2Reached(s.membership, s.phase2, (id) => {
    if (id === s.id) return s.writes.durable >= lead.acceptWrite ? s.writes.durableIndex : 0;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? 0 : p.match;
  });
  const index = isChanging(s) ? Math.min(reached, s.memberships.activeIndex) : reached;
  if (index > s.decided) decide(s, index);
}

// The acceptor's side.

export function onAccept(s: PaxosState, from: MemberId, round: number, m: Accept): boolean {
  if (round < s.round) {
    s.send(from, { type: "nack", asked: round });
    return true;
  }
  if (!hearLeader(s, from, round) || !accept(s, from, round, m.entries)) return false;
  learnDecided(s, m.decided);
  s.ack = { to: from, round, session: m.session };
  return true;
}

/** One acknowledgement a turn is enough. It leaves once everything it speaks of is durable. */
export function sendAcknowledgement(s: PaxosState): void {
  const { ack } = s;
  if (ack === null) return;
  s.ack = null;
  if (ack.round !== s.round) return;
  s.send(ack.to, { type: "accepted", session: ack.session, held: heldIn(s, ack.round) }, s.barrier);
}
