/**
 * The two quorums of Paxos, for N voters:
 *
 *     phase 1 (promises)     at least a majority, and N - |phase 2| + 1
 *     phase 2 (acceptances)  a majority, or as many as `EngineOptions.flexibleQuorum` says
 *
 * |phase 1| + |phase 2| > N: whoever is to lead hears of everything that may have been chosen (flexible Paxos, Howard,
 * Malkhi and Spiegelman 2016). 2 |phase 1| > N: two that stand in the same round share a member, which promises to one
 * of them, so a round has one leader. Whatever a leader asks in order to learn that there is no later one (read rounds,
 * leases, whether it is heard) needs a phase 2 quorum: it shares a member with every phase 1 quorum.
 *
 * Memberships here are never joint: in Paxos a change takes effect behind its slot, at once.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import { type Membership, majority } from "../membership.ts";

/** How many acceptances choose a value; 0: a majority. Saved with the first state, equal in a whole group. */
export type Phase2Size = number;

export function phase2Size(voters: number, configured: Phase2Size): number {
  return configured === 0 ? majority(voters) : Math.min(configured, voters);
}

export function phase1Size(voters: number, configured: Phase2Size): number {
  const accepting = phase2Size(voters, configured);
  const size = Math.max(majority(voters), voters - accepting + 1);
  assert(
    size + accepting > voters && 2 * size > voters,
    `quorums of ${size} and ${accepting} of ${voters} miss another`,
  );
  return size;
}

function count(membership: Membership, agrees: (id: MemberId) => boolean): number {
  let ayes = 0;
  for (const id of membership.voters) if (agrees(id)) ayes++;
  return ayes;
}

export function hasPhase1(membership: Membership, configured: Phase2Size, agrees: (id: MemberId) => boolean): boolean {
  return count(membership, agrees) >= phase1Size(membership.voters.length, configured);
}

export function hasPhase2(membership: Membership, configured: Phase2Size, agrees: (id: MemberId) => boolean): boolean {
  return count(membership, agrees) >= phase2Size(membership.voters.length, configured);
}

/** Whether a phase 1 quorum can still come about, `refused` telling who has said no. */
export function phase1Possible(
  membership: Membership,
  configured: Phase2Size,
  refused: (id: MemberId) => boolean,
): boolean {
  return hasPhase1(membership, configured, (id) => !refused(id));
}

/**
 * The highest number that a phase 2 quorum has reached, if each voter has reached `reached(id)`. Counted anew on each
 * call, as in membership.ts. Nobody as voters gives 0.
 */
export function phase2Reached(
  membership: Membership,
  configured: Phase2Size,
  reached: (id: MemberId) => number,
): number {
  const { voters } = membership;
  if (voters.length === 0) return 0;
  const values: number[] = [];
  for (const id of voters) {
    // Insertion sort, descending: memberships have a handful of voters.
    const value = reached(id);
    let at = values.length;
    values.push(value);
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number;
      at--;
    }
    values[at] = value;
  }
  return values[phase2Size(voters.length, configured) - 1] as number;
}
