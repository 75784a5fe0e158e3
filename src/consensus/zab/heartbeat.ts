/**
 * Pings: how a leader is known to be alive, and how it knows that it still leads.
 *
 * A round of pings is numbered, and its answers bring the number and the leader's own time of sending back. They confirm
 * read indexes, extend leases, tell what is committed, find out what got lost of a session, and show which peers are
 * there. A prospective leader pings those who accepted its epoch; its pings tell no commit and take no promise.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { answerExpectation } from "./broadcast.ts";
import { advanceCommit } from "./commit.ts";
import { admit } from "./contact.ts";
import { onForeignEpoch } from "./discovery.ts";
import type { Envelope, Ping, Pong } from "./messages.ts";
import { confirmReads } from "./reads.ts";
import { hearHost } from "./role.ts";
import type { ZabState } from "./state.ts";

// The leader's side.

export function onPong(s: ZabState, from: MemberId, envelope: Envelope, m: Pong): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined || m.round > lead.round || m.sentAt > s.now) return false;
  if (!admit(s, lead, p, envelope, m.session)) return true;
  p.round = Math.max(p.round, m.round);
  if (m.promiseMs > 0) p.promisedUntil = Math.max(p.promisedUntil, m.sentAt + m.promiseMs);
  if (s.role === "leader") confirmReads(s, lead);
  return true;
}

// The follower's side.

export function onPing(s: ZabState, from: MemberId, envelope: Envelope, m: Ping): boolean {
  const { epoch, leads } = envelope;
  if (epoch !== s.epoch || from !== s.host || s.lead !== null || m.toIncarnation !== s.incarnation) {
    return onForeignEpoch(s, from, envelope, m.session);
  }
  hearHost(s, leads);
  // The epoch makes sure that this log holds the leader's entry there: a peer that lost data may hold another.
  if (m.commitIndex > s.commit && s.currentEpoch === s.epoch && s.log.epochAt(m.commitIndex) === m.commitEpoch) {
    advanceCommit(s, m.commitIndex);
  }
  if (m.trusted && s.untrusted) {
    s.untrusted = false;
    s.saveState();
    s.notice("info", `${name(from)} has brought this member up to date: it counts and votes again`, {});
  }
  if (m.expect > 0) answerExpectation(s, from, m.session, m.expect);
  if (!m.answer) return true;
  const promiseMs = leads ? s.givenPromiseMs : 0;
  if (promiseMs > 0) {
    s.promiseUntil = Math.max(s.promiseUntil, s.now + promiseMs);
    s.promisee = from;
  }
  s.send(from, { type: "pong", session: m.session, round: m.round, sentAt: m.sentAt, promiseMs });
  return true;
}
