/**
 * Linearizable reads: at which index a state machine knows everything that was acknowledged before the read arrived.
 *
 * ZooKeeper's `sync` asks the leader only, and a deposed one answers. Here the index is the leader's commit index, good once
 * - the leader has committed an entry of its own epoch, and
 * - it was still the leader after the read arrived: a quorum answers a round of pings that was *started* after it (who
 *   answers in an epoch had not accepted a later one by then, and nobody leads an epoch that no quorum accepted), or a
 *   lease says that no other leader can exist.
 * All reads of a turn share a round. A follower asks its leader; an answer that gets lost is noticed by the deadline.
 *
 * The lease. An answer to a ping carries a promise: from its receipt on, the sender accepts no epoch from anybody else for
 * p ms, not even after a restart. Received after it was sent (at t, on the leader's clock), it holds at least until
 * t + p - drift on that clock. While a quorum's promises hold no other epoch can be established, since every quorum that
 * accepts one shares a member with it. The time of the *sending* comes back in the answer (sofa-jraft#25), and the lease
 * is held against the clock at each read (tikv#964: slow ticks). A leader that told a peer to take over has released
 * everybody from the promise, and gives its lease up for the rest of the epoch (etcd-io/raft#99).
 */
import type { MemberId } from "../../environment.ts";
import { hasQuorum, quorumReached } from "../membership.ts";
import { maxForwardedReads } from "../parts/forwarded-reads.ts";
import { maxPeerReads, type ReadAsker } from "../parts/leader-reads.ts";
import { name } from "../parts/name.ts";
import type { Leadership, ZabState } from "./state.ts";

/** A read of this member's owner. */
export function onRead(s: ZabState, id: number): void {
  if (s.leading !== null) {
    readAsLeader(s, s.leading, { from: "owner", id });
  } else if (s.leader === 0n) {
    s.out.refuse(id, "no leader", "no leader is known: ask again when one is elected");
  } else if (!s.forwardedReads.add(id)) {
    s.out.refuse(id, "no leader", `${maxForwardedReads} reads wait for the leader's answer already`);
  }
}

function readAsLeader(s: ZabState, lead: Leadership, asker: ReadAsker): void {
  if (!s.settled) lead.reads.park(asker);
  else if (leaseHolds(s, lead)) answer(s, asker, s.commit);
  else lead.reads.add(asker);
}

/** Whether, at this moment, no other member can have become leader. */
export function leaseHolds(s: ZabState, lead: Leadership): boolean {
  if (!s.options.leaseReads || lead.leaseForfeited || lead.transfer !== null || s.diskStalled) return false;
  return s.now < leaseUntil(s, lead);
}

function leaseUntil(s: ZabState, lead: Leadership): number {
  const until = quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return Number.POSITIVE_INFINITY;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? Number.NEGATIVE_INFINITY : p.promisedUntil;
  });
  return until - s.options.clockDriftMs;
}

/** The newest round of pings that a quorum has answered. */
export function confirmedRound(s: ZabState, lead: Leadership): number {
  return quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return lead.round;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted ? 0 : p.round;
  });
}

/** Whether the quorum is this member alone. */
export function isAlone(s: ZabState): boolean {
  return hasQuorum(s.memberships.active, (id) => id === s.id);
}

/** The leadership is settled now: what was parked goes on. */
export function releaseParkedReads(s: ZabState, lead: Leadership): void {
  for (const asker of lead.reads.takeParked()) readAsLeader(s, lead, asker);
}

/** Whether this turn's reads need a round of pings of their own. Alone in the quorum, a leader answers by itself. */
export function readsNeedRound(s: ZabState, lead: Leadership): boolean {
  if (!lead.reads.hasFresh) return false;
  if (!isAlone(s)) return true;
  for (const asker of lead.reads.takeFresh()) answer(s, asker, s.commit);
  return false;
}

/** A peer answered a ping: some rounds may be confirmed. */
export function confirmReads(s: ZabState, lead: Leadership): void {
  if (lead.reads.waiting === 0) return;
  for (const { index, askers } of lead.reads.takeConfirmed(confirmedRound(s, lead))) {
    for (const asker of askers) answer(s, asker, index);
  }
}

function answer(s: ZabState, asker: ReadAsker, index: number): void {
  if (asker.from === "owner") s.out.reads.push({ id: asker.id, index });
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index, ok: true });
}

function turnAway(s: ZabState, asker: ReadAsker, detail: string): void {
  if (asker.from === "owner") s.out.refuse(asker.id, "leadership lost", detail);
  else s.send(asker.peer, { type: "readResponse", token: asker.token, index: 0, ok: false });
}

/** The leadership ends. */
export function refuseLeaderReads(s: ZabState, lead: Leadership, why: string): void {
  for (const asker of lead.reads.takeAll()) turnAway(s, asker, `this member is no longer the leader: ${why}`);
}

// A follower's side.

/** Asks the leader for one index for all reads of this turn. */
export function forwardReads(s: ZabState): void {
  if (!s.forwardedReads.hasFresh) return;
  const token = s.forwardedReads.ask(s.now + s.options.electionTimeoutMs);
  s.send(s.leader, { type: "readRequest", token });
}

export function onReadRequest(s: ZabState, from: MemberId, token: number): void {
  const asker: ReadAsker = { from: "peer", peer: from, token };
  const { leading } = s;
  if (leading === null || leading.reads.waiting >= maxPeerReads) return turnAway(s, asker, "");
  readAsLeader(s, leading, asker);
  // It can answer only when it knows that the index is committed.
  const p = leading.progress.get(from);
  if (p !== undefined) p.eagerUntil = s.now + s.options.electionTimeoutMs;
}

/**
 * The epoch of an answer does not matter: whoever gave it was the leader at some moment after the question, which is
 * all a read needs.
 */
export function onReadResponse(s: ZabState, from: MemberId, token: number, index: number, ok: boolean): boolean {
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
export function expireForwardedReads(s: ZabState): void {
  for (const id of s.forwardedReads.takeOverdue(s.now)) {
    const detail = `the leader ${name(s.leader)} did not answer within ${s.options.electionTimeoutMs} ms: ask again`;
    s.out.refuse(id, "leadership lost", detail);
  }
}

export function refuseForwardedReads(s: ZabState, why: string): void {
  for (const id of s.forwardedReads.takeAll()) s.out.refuse(id, "leadership lost", why);
}
