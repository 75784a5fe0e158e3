/**
 * Phase 3: PROPOSE, ACK, COMMIT, in the order of the log. A follower's half of synchronisation is the same stream.
 *
 * A leader's own disk works while the messages are on their way; it counts itself only as far as its own log is durable.
 * Messages are made once a turn, so that what arrived together travels together. Proposals go to everybody who has
 * acknowledged the epoch, commits only to those who have adopted it (the first finding of the specification project):
 * a late member has all that is proposed behind its NEWLEADER when it hears what is committed.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import { type Entry, EntryKind, type Position } from "../engine.ts";
import { decodeMembershipEntry } from "../membership.ts";
import { name } from "../parts/name.ts";
import { advanceCommit, countCommit } from "./commit.ts";
import { admit } from "./contact.ts";
import { onForeignEpoch } from "./discovery.ts";
import type { Ack, Envelope, Propose } from "./messages.ts";
import { hearHost } from "./role.ts";
import { place, type Stream } from "./session.ts";
import type { ZabState } from "./state.ts";
import { establish, onAdopted, restartSession } from "./synchronisation.ts";

// The leader's side.

export function onAck(s: ZabState, from: MemberId, envelope: Envelope, m: Ack): boolean {
  const { lead } = s;
  const p = lead?.progress.get(from);
  if (lead === null || p === undefined) return false;
  if (!admit(s, lead, p, envelope, m.session)) return true;
  if (m.session !== p.session || !p.streams) return false;
  if (!m.ok) {
    restartSession(s, lead, p, m.position);
    return true;
  }
  // Nobody can hold more of this leader's log than it was sent.
  if (m.position.index >= p.next) return false;
  const news = p.acknowledged(m.position.index);
  if (p.lostData && p.match >= p.matchBefore) {
    p.lostData = false;
    s.notice("info", `${name(p.id)} has again everything it had acknowledged`, { peer: name(p.id), match: p.match });
  }
  if (m.adopted && !p.synced) onAdopted(s, lead, p);
  if (lead.phase !== "broadcast") establish(s, lead);
  else if (news || m.adopted) countCommit(s, lead);
  return true;
}

// The follower's side.

export function onPropose(s: ZabState, from: MemberId, envelope: Envelope, m: Propose): boolean {
  const { epoch, leads } = envelope;
  if (epoch !== s.epoch || from !== s.host || s.lead !== null || m.toIncarnation !== s.incarnation) {
    return onForeignEpoch(s, from, envelope, m.session);
  }
  hearHost(s, leads);
  switch (place(s.stream, m.session, m.counter)) {
    case "outdated":
      return false;
    case "duplicate":
      acknowledge(s, from);
      return true;
    case "gap":
      s.stream = { session: m.session, expected: 0, match: 0, broken: true };
      askAnew(s, from, s.stream, s.history.last);
      return true;
    case "first":
      return begin(s, from, m);
    case "next":
      return goOn(s, from, s.stream as Stream, m);
  }
}

/** A session begins: does this log hold what it is to go on from? */
function begin(s: ZabState, from: MemberId, m: Propose): boolean {
  const known = s.log.epochAt(m.prevIndex);
  // What is committed here is in every leader's history, also where it is forgotten.
  const holds = known === null ? m.prevIndex <= s.commit : known === m.prevEpoch;
  s.stream = { session: m.session, expected: 0, match: m.prevIndex, broken: !holds };
  if (holds) return goOn(s, from, s.stream, m);
  const index = s.log.lastAtMostEpoch(m.prevIndex, m.prevEpoch);
  askAnew(s, from, s.stream, { index, epoch: s.log.epochAt(index) ?? 0 });
  return true;
}

/** The stream's next message. */
function goOn(s: ZabState, from: MemberId, stream: Stream, m: Propose): boolean {
  if (m.prevIndex !== stream.match || contradicts(s, from, m)) {
    stream.broken = true;
    return false;
  }
  for (const entry of m.entries) take(s, entry);
  stream.expected++;
  stream.match = m.prevIndex + m.entries.length;
  if (m.newLeader) adopt(s, stream.match);
  const commit = Math.min(m.commit, stream.match);
  if (s.currentEpoch === s.epoch && commit > s.commit) advanceCommit(s, commit);
  acknowledge(s, from);
  return true;
}

/** Whether the message would change what is committed here, which is never touched. No sound leader says such a thing. */
function contradicts(s: ZabState, from: MemberId, m: Propose): boolean {
  const last = m.prevIndex + m.entries.length;
  const at = Math.min(s.commit, last);
  const theirs = m.entries[at - m.prevIndex - 1]?.epoch ?? null;
  const ours = s.log.epochAt(at);
  const differs = theirs !== null && ours !== null && theirs !== ours;
  if (!differs && !(m.newLeader && last < s.commit)) return false;
  s.notice("warn", `refused a history from ${name(from)} that contradicts what is committed here up to ${s.commit}`, {
    from: name(from),
    last,
  });
  return true;
}

/** One entry of the host's log. What is here already stays; what contradicts it goes, with all that follows (TRUNC). */
function take(s: ZabState, entry: Entry): void {
  const { index, epoch, kind, data } = entry;
  if (index <= s.commit || s.log.epochAt(index) === epoch) return;
  if (index <= s.log.lastIndex) dropFrom(s, index);
  s.log.append(entry);
  if (kind === EntryKind.membership) s.memberships.append(index, decodeMembershipEntry(data).membership);
}

/** NEWLEADER: the host's history ends at `last`, and is this member's from now on. */
function adopt(s: ZabState, last: number): void {
  if (s.log.lastIndex > last) dropFrom(s, last + 1);
  if (s.currentEpoch === s.epoch) return;
  s.currentEpoch = s.epoch;
  s.saveState();
  s.notice("debug", `adopts epoch ${s.epoch} with its history up to ${last}`, { index: last });
}

/** A leader's history differs from here on: the only reason ever to drop entries (CCF#5674). */
function dropFrom(s: ZabState, index: number): void {
  assert(index > s.commit, `entry ${index} is committed (up to ${s.commit}) and cannot be replaced`);
  s.notice("info", `drops ${s.log.lastIndex - index + 1} uncommitted entries from ${index} on`, { index });
  s.log.truncateFrom(index);
  s.memberships.truncateFrom(index);
  s.writes.truncated(index);
}

/** Something is missing: asks for a session that goes on from what is here. */
function askAnew(s: ZabState, to: MemberId, { session }: Stream, position: Position): void {
  s.send(to, { type: "ack", session, ok: false, adopted: false, position });
}

/** The host waits for acknowledgements, having sent `expect` messages in this session: gives them, or asks anew. */
export function answerExpectation(s: ZabState, from: MemberId, session: number, expect: number): void {
  const { stream } = s;
  if (stream !== null && stream.session > session) return;
  if (stream !== null && stream.session === session && !stream.broken && stream.expected >= expect) {
    acknowledge(s, from);
    return;
  }
  s.stream = { session, expected: 0, match: 0, broken: true };
  askAnew(s, from, s.stream, s.history.last);
}

/** One acknowledgement a turn is enough: in a session the log only grows, so the highest index says all. */
function acknowledge(s: ZabState, to: MemberId): void {
  const { stream, ack } = s;
  if (stream === null || stream.broken) return;
  if (ack !== null && ack.session === stream.session) ack.index = stream.match;
  else s.ack = { to, session: stream.session, index: stream.match };
}

/** Sends the turn's acknowledgement, to leave once everything it speaks of is durable. */
export function sendAcknowledgement(s: ZabState): void {
  const { ack } = s;
  if (ack === null) return;
  s.ack = null;
  assert(ack.index <= s.log.lastIndex, `acknowledged ${ack.index}, but the log ends at ${s.log.lastIndex}`);
  const adopted = s.currentEpoch === s.epoch;
  const position = { index: ack.index, epoch: 0 };
  s.send(ack.to, { type: "ack", session: ack.session, ok: true, adopted, position }, s.barrier);
}
