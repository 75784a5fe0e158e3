/**
 * Linearizable reads (thesis §6.4): at which index a state machine knows everything that was acknowledged before the
 * read arrived.
 *
 * The index is the leader's commit index, good once
 * - the leader has committed an entry of its own epoch (before, it may not know what its predecessors committed), and
 * - it was still the leader after the read arrived: a quorum answers a heartbeat round that was *started* after it, or
 *   a lease says that no other leader can exist.
 * All reads of a turn share a round. A follower asks its leader; an answer that gets lost is noticed by the deadline.
 *
 * The lease. An answer to a heartbeat carries a promise: from its receipt on, the sender helps nobody else into
 * leadership for p ms, not even after a restart. Received after it was sent (at t, on the leader's clock), it holds at
 * least until t + p - drift on that clock. While a quorum's promises hold no other leader can be elected, since every
 * electing quorum shares a member with it. The time of the *sending* comes back in the answer (sofa-jraft#25), and the
 * lease is held against the clock at each read (tikv#964: slow ticks). A leader that told a peer to stand has released
 * that peer's voters from their promise, and gives its lease up for the rest of the epoch (etcd-io/raft#99).
 */
import type { MemberId } from "../../environment.ts";
import { hasQuorum, quorumReached } from "../membership.ts";
import { maxForwardedReads } from "../parts/forwarded-reads.ts";
import { maxPeerReads, type ReadAsker } from "../parts/leader-reads.ts";
import { name } from "../parts/name.ts";
import type { Leadership, RaftState } from "./state.ts";

/** A read of this member's owner. */
export function onRead(s: RaftState, id: number): void {
  if (s.lead !== null) {
    readAsLeader(s, s.lead, { from: "owner", id });
  } else if (s.leader === 0n) {
    s.out.refuse(id, "no leader", "no leader is known: ask again when one is elected");
  } else if (!s.forwardedReads.add(id)) {
    s.out.refuse(id, "no leader", `${maxForwardedReads} reads wait for the leader's answer already`);
  }
}

function readAsLeader(s: RaftState, lead: Leadership, asker: ReadAsker): void {
  if (!s.settled) lead.reads.park(asker);
  else if (leaseHolds(s, lead)) answer(s, asker, s.commit);
  else lead.reads.add(asker);
}

/** Whether, at this moment, no other member can have become leader. */
export function leaseHolds(s: RaftState, lead: Leadership): boolean {
  if (!s.options.leaseReads || lead.leaseForfeited || lead.transfer !== null || s.diskStalled) return false;
  return s.now < leaseUntil(s, lead);
}

function leaseUntil(s: RaftState, lead: Leadership): number {
  const until = quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return Number.POSITIVE_INFINITY;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? Number.NEGATIVE_INFINITY : p.promisedUntil;
  });
  return until - s.options.clockDriftMs;
}

/** The newest heartbeat round that a quorum has answered. */
export function confirmedRound(s: RaftState, lead: Leadership): number {
  return quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return lead.round;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? 0 : p.round;
  });
}

/** Whether the quorum is this member alone. */
export function isAlone(s: RaftState): boolean {
  return hasQuorum(s.memberships.active, (id) => id === s.id);
}

/** The leadership is settled now: what was parked goes on. */
export function releaseParkedReads(s: RaftState, lead: Leadership): void {
  for (const asker of lead.reads.takeParked()) readAsLeader(s, lead, asker);
}

/** Whether this turn's reads need a heartbeat round of their own. Alone in the quorum, a leader answers by itself. */
export function readsNeedRound(s: RaftState, lead: Leadership): boolean {
  if (!lead.reads.hasFresh) return false;
  if (!isAlone(s)) return true;
  for (const asker of lead.reads.takeFresh()) answer(s, asker, s.commit);
  return false;
}

/** A peer answered a heartbeat: some rounds may be confirmed. */
export function confirmReads(s: RaftState, lead: Leadership): void {
  if (lead.reads.waiting === 0) return;
  for (const { index, askers } of lead.reads.takeConfirmed(confirmedRound(s, lead))) {
    for (const asker of askers) answer(s, asker, index);
  }
}

function answer(s: RaftState, asker: ReadAsker, index: number): void {
  if (asker.from === "owner") s.out.reads.push({ id: asker.id, index });
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index, ok: true });
}

function turnAway(s: RaftState, asker: ReadAsker, detail: string): void {
  if (asker.from === "owner") s.out.refuse(asker.id, "leadership lost", detail);
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index: 0, ok: false });
}

/** The leadership ends. */
export function refuseLeaderReads(s: RaftState, lead: Leadership, why: string): void {
  for (const asker of lead.reads.takeAll()) turnAway(s, asker, `this member is no longer the leader: ${why}`);
}

// A follower's side.

/** Asks the leader for one index for all reads of this turn. */
export function forwardReads(s: RaftState): void {
  if (!s.forwardedReads.hasFresh) return;
  const token = s.forwardedReads.ask(s.now + s.options.electionTimeoutMs);
  s.send(s.leader, { type: "readRequest", token });
}

export function onReadRequest(s: RaftState, from: MemberId, token: number): void {
  const asker: ReadAsker = { from: "peer", peer: from, token };
  const { lead } = s;
  if (lead === null || lead.reads.waiting >= maxPeerReads) return turnAway(s, asker, "");
  readAsLeader(s, lead, asker);
  // It can answer only when it knows that the index is committed.
  const p = lead.progress.get(from);
  if (p !== undefined) p.eagerUntil = s.now + s.options.electionTimeoutMs;
}

/**
 * The epoch of an answer does not matter: whoever gave it was the leader at some moment after the question, which is
 * all a read needs.
 */
export function onReadResponse(s: RaftState, from: MemberId, token: number, index: number, ok: boolean): boolean {
  if (from !== s.leader) return false;
  const ids = s.forwardedReads.take(token);
  if (ids === null) return false;
  for (const id of ids) {
    if (ok) s.out.reads.push({ id, index });
    else s.out.refuse(id, "leadership lost", `${name(from)} no longer leads, or has too many reads waiting: ask again`);
  }
  return true;
}

/** Reads whose question or answer got lost are given back rather than kept for ever. */
export function expireForwardedReads(s: RaftState): void {
  for (const id of s.forwardedReads.takeOverdue(s.now)) {
    const detail = `the leader ${name(s.leader)} did not answer within ${s.options.electionTimeoutMs} ms: ask again`;
    s.out.refuse(id, "leadership lost", detail);
  }
}

export function refuseForwardedReads(s: RaftState, why: string): void {
  for (const id of s.forwardedReads.takeAll()) s.out.refuse(id, "leadership lost", why);
}
