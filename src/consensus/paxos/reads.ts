/**
 * Linearizable reads: at which index a state machine knows everything that was acknowledged before the read arrived.
 *
 * The index is the leader's decided index, good once
 * - the leader has decided a value of its own round (before, it may not know what its predecessors decided, and a value
 *   that a read did not see could still come out), and
 * - it was still the leader after the read arrived: a quorum answers a beat that was *started* after it, or a lease says
 *   that no other leader can exist.
 * All reads of a turn share a beat. A follower asks its leader; an answer that gets lost is noticed by the deadline.
 *
 * The lease. An answer to a heartbeat carries a promise: from its receipt on, the sender helps nobody else into
 * leadership for p ms, not even after a restart. Received after it was sent (at t, on the leader's clock), it holds at
 * least until t + p - drift on that clock. While the promises of a phase 2 quorum hold no other leader can be elected,
 * since every phase 1 quorum shares a member with it. The time of the *sending* comes back in the answer
 * (sofa-jraft#25), and the lease is held against the clock at each read (tikv#964: slow ticks). A leader that told a peer
 * to stand has released that peer's voters from their promise, and gives its lease up for the rest of the round
 * (etcd-io/raft#99).
 */
import type { MemberId } from "../../environment.ts";
import { maxForwardedReads } from "../parts/forwarded-reads.ts";
import { maxPeerReads, type ReadAsker } from "../parts/leader-reads.ts";
import { name } from "../parts/name.ts";
import { hasPhase2, phase2Reached } from "./quorums.ts";
import type { Leadership, PaxosState } from "./state.ts";

/** A read of this member's owner. */
export function onRead(s: PaxosState, id: number): void {
  if (s.lead !== null) {
    readAsLeader(s, s.lead, { from: "owner", id });
  } else if (s.leader === 0n) {
    s.out.refuse(id, "no leader", "no leader is known: ask again when one is elected");
  } else if (!s.forwardedReads.add(id)) {
    s.out.refuse(id, "no leader", `${maxForwardedReads} reads wait for the leader's answer already`);
  }
}

function readAsLeader(s: PaxosState, lead: Leadership, asker: ReadAsker): void {
  if (!s.settled) lead.reads.park(asker);
  else if (leaseHolds(s, lead)) answer(s, asker, s.decided);
  else lead.reads.add(asker);
}

/** Whether, at this moment, no other member can have become leader. */
export function leaseHolds(s: PaxosState, lead: Leadership): boolean {
  if (!s.options.leaseReads || lead.leaseForfeited || lead.transfer !== null || s.diskStalled) return false;
  return s.now < leaseUntil(s, lead);
}

function leaseUntil(s: PaxosState, lead: Leadership): number {
  const until = phase2Reached(s.membership, s.phase2, (id) => {
    if (id === s.id) return Number.POSITIVE_INFINITY;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? Number.NEGATIVE_INFINITY : p.promisedUntil;
  });
  return until - s.options.clockDriftMs;
}

/** The newest beat that a quorum has answered. */
export function confirmedBeat(s: PaxosState, lead: Leadership): number {
  return phase2Reached(s.membership, s.phase2, (id) => {
    if (id === s.id) return lead.beat;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? 0 : p.beat;
  });
}

/** Whether this member is the only voter. */
export function isAlone(s: PaxosState): boolean {
  const { voters } = s.membership;
  return voters.length === 1 && voters[0] === s.id;
}

/** The leadership is settled now: what was parked goes on. */
export function releaseParkedReads(s: PaxosState, lead: Leadership): void {
  for (const asker of lead.reads.takeParked()) readAsLeader(s, lead, asker);
}

/** Whether this turn's reads need a beat of their own. Without itself nobody can be elected: it answers by itself. */
export function readsNeedBeat(s: PaxosState, lead: Leadership): boolean {
  if (!lead.reads.hasFresh) return false;
  if (!hasPhase2(s.membership, s.phase2, (id) => id === s.id)) return true;
  for (const asker of lead.reads.takeFresh()) answer(s, asker, s.decided);
  return false;
}

/** A peer answered a heartbeat: some beats may be confirmed. */
export function confirmReads(s: PaxosState, lead: Leadership): void {
  if (lead.reads.waiting === 0) return;
  for (const { index, askers } of lead.reads.takeConfirmed(confirmedBeat(s, lead))) {
    for (const asker of askers) answer(s, asker, index);
  }
}

function answer(s: PaxosState, asker: ReadAsker, index: number): void {
  if (asker.from === "owner") s.out.reads.push({ id: asker.id, index });
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index, ok: true });
}

function turnAway(s: PaxosState, asker: ReadAsker, detail: string): void {
  if (asker.from === "owner") s.out.refuse(asker.id, "leadership lost", detail);
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index: 0, ok: false });
}

/** The leadership ends. */
export function refuseLeaderReads(s: PaxosState, lead: Leadership, why: string): void {
  for (const asker of lead.reads.takeAll()) turnAway(s, asker, `this member is no longer the leader: ${why}`);
}

// A follower's side.

/** Asks the leader for one index for all reads of this turn. */
export function forwardReads(s: PaxosState): void {
  if (!s.forwardedReads.hasFresh) return;
  const token = s.forwardedReads.ask(s.now + s.options.electionTimeoutMs);
  s.send(s.leader, { type: "readRequest", token });
}

export function onReadRequest(s: PaxosState, from: MemberId, token: number): void {
  const asker: ReadAsker = { from: "peer", peer: from, token };
  const { lead } = s;
  if (lead === null || lead.reads.waiting >= maxPeerReads) return turnAway(s, asker, "");
  readAsLeader(s, lead, asker);
  // It can answer only when it knows that the index is decided.
  const p = lead.progress.get(from);
  if (p !== undefined) p.eagerUntil = s.now + s.options.electionTimeoutMs;
}

/**
 * The round of an answer does not matter: whoever gave it was the leader at some moment after the question, which is
 * all a read needs.
 */
export function onReadResponse(s: PaxosState, from: MemberId, token: number, index: number, ok: boolean): boolean {
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
export function expireForwardedReads(s: PaxosState): void {
  for (const id of s.forwardedReads.takeOverdue(s.now)) {
    const detail = `the leader ${name(s.leader)} did not answer within ${s.options.electionTimeoutMs} ms: ask again`;
    s.out.refuse(id, "leadership lost", detail);
  }
}

export function refuseForwardedReads(s: PaxosState, why: string): void {
  for (const id of s.forwardedReads.takeAll()) s.out.refuse(id, "leadership lost", why);
}
