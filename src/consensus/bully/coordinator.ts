/**
 * Somebody says that it leads. Three rules decide:
 *
 * 1. With `preempt` nobody follows a lower one: it begins an election instead, and so takes over.
 * 2. Who hears a leader leaves it only for a higher one. Two leaders that meet follow the same rule, so the lower yields.
 * 3. A leadership of a lower generation than one's own is late, or of one that restarted and counts from the beginning.
 *    Only the sender knows which, so it is told; if it really leads, it counts on.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { beginElection } from "./election.ts";
import type { BullyEnvelope } from "./messages.ts";
import { follow, heardLeader } from "./office.ts";
import type { BullyState } from "./state.ts";

export function onCoordinator(s: BullyState, from: MemberId, envelope: BullyEnvelope): void {
  const { incarnation, generation } = envelope;
  const isLate = generation < s.generation;
  s.learn(generation);
  if (isFollowed(s, from, envelope)) {
    heardLeader(s);
  } else if (s.options.preempt && s.ranking.outranks(s.id, from)) {
    return challenge(s, from, generation);
  } else if (s.leader !== 0n && from !== s.leader && !s.ranking.outranks(from, s.leader)) {
    if (s.role === "leader") challenge(s, from, generation);
    return;
  } else if (!isLate) {
    return follow(s, from, envelope);
  }
  if (isLate) s.send({ type: "objection", toIncarnation: incarnation }, [from]);
}

function isFollowed(s: BullyState, from: MemberId, { incarnation, generation }: BullyEnvelope): boolean {
  return from === s.leader && incarnation === s.leaderIncarnation && generation === s.leaderGeneration;
}

/** Somebody lower leads. */
function challenge(s: BullyState, lower: MemberId, generation: number): void {
  if (s.role === "leader") {
    // Heartbeats tell it who leads. In a generation above its own, so that nobody's view of time goes back.
    if (generation >= s.leaderGeneration) s.contested = true;
  } else if (s.role === "listening") {
    beginElection(s, `${name(lower)} leads and is lower`);
  }
}

/** Somebody counts higher. False: it was said to a former life of this member. */
export function onObjection(s: BullyState, envelope: BullyEnvelope, toIncarnation: number): boolean {
  if (toIncarnation !== s.options.incarnation) return false;
  s.learn(envelope.generation);
  return true;
}
