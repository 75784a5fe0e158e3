/**
 * Heartbeats: how a leader is known to be alive, how it knows that it still leads, and how it finds out what got lost.
 *
 * A beat is numbered, and its answers bring the number and the leader's own time of sending back. They confirm read
 * indexes, extend leases, and say what the peer holds: what was sent before the beat and is not there is sent again.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { heldIn, learnDecided, resumesIn } from "./acceptor.ts";
import { admitResponse } from "./contact.ts";
import type { Heartbeat, HeartbeatResponse } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { confirmReads } from "./reads.ts";
import { hearLeader } from "./role.ts";
import { sendAgain, sendEmptyAccept } from "./sending.ts";
import type { PaxosState } from "./state.ts";

// The leader's side.

export function onHeartbeatResponse(
  s: PaxosState,
  from: MemberId,
  incarnation: number,
  untrusted: boolean,
  m: HeartbeatResponse,
): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined) return false;
  // Nobody can hold more of this leader's values than there are.
  if (m.beat > lead.beat || m.sentAt > s.now || m.held > s.log.lastIndex) return false;
  if (!admitResponse(s, lead, p, incarnation, m.session, untrusted)) return true;
  p.beat = Math.max(p.beat, m.beat);
  if (m.promiseMs > 0) p.promisedUntil = Math.max(p.promisedUntil, m.sentAt + m.promiseMs);
  noteHeld(s, p, m);
  confirmReads(s, lead);
  return true;
}

function noteHeld(s: PaxosState, p: Progress, { beat, held, resumes }: HeartbeatResponse): void {
  if (p.state === "probe" || (p.state === "snapshot" && held >= p.snapshotIndex)) {
    if (held < p.matchBefore && !p.lostData && p.match === 0) {
      p.lostData = true;
      s.notice(
        "warn",
        `${name(p.id)} came back without entries it had acknowledged: its disk was wiped or rolled back`,
        {
          peer: name(p.id),
          acknowledged: p.matchBefore,
          held,
        },
      );
    }
    p.becomeReplicate(held);
    if (held > p.match) sendEmptyAccept(s, p);
    return;
  }
  if (p.state === "snapshot") return;
  const { watch } = p;
  if (watch !== null && beat >= watch.beat) {
    p.watch = null;
    const from = Math.max(held, p.match) + 1;
    if (from < watch.next) sendAgain(s, p, from, Math.min(resumes > held ? resumes : watch.next, watch.next) - 1);
  }
  // It held this at the answer before, and its acknowledgement has not come.
  if (p.heldHint > p.match) sendEmptyAccept(s, p);
  p.heldHint = held;
}

// The acceptor's side.

export function onHeartbeat(s: PaxosState, from: MemberId, round: number, m: Heartbeat): boolean {
  if (round < s.round) {
    // The round in the answer tells the sender that its time is over, or frees this member if it is ahead alone.
    s.send(from, { type: "nack", asked: round });
    return true;
  }
  if (!hearLeader(s, from, round)) return false;
  learnDecided(s, m.decided);
  if (m.trusted && s.untrusted && m.toIncarnation === s.incarnation) {
    s.untrusted = false;
    s.saveState();
    s.notice("info", `${name(from)} has brought this member up to date: it counts and promises again`, {});
  }
  if (!m.answer) return true;
  const promiseMs = s.givenPromiseMs;
  if (promiseMs > 0) {
    s.promiseUntil = Math.max(s.promiseUntil, s.now + promiseMs);
    s.promisee = from;
  }
  const [held, resumes] = [heldIn(s, round), resumesIn(s, round)];
  const { session, beat, sentAt } = m;
  s.send(from, { type: "heartbeatResponse", session, beat, sentAt, promiseMs, held, resumes });
  return true;
}
