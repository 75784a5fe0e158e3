/**
 * Who may stand for leadership, when, and whom it asks: what both the survey (election.ts) and phase 1 (proposer.ts) go by.
 */
import type { MemberId } from "../../environment.ts";
import { ascending, isVoter } from "../membership.ts";
import { hearsQuorum } from "./contact.ts";
import type { PaxosState } from "./state.ts";

/** Elections ahead of the timeout that follow one loss of a leader; after them, timeouts decide. */
export const maxEarlyTries = 3;

/** Whether this member could be leader: it votes or is needed, and its disk can be relied on. */
export function mayCampaign(s: PaxosState): boolean {
  return (s.memberships.mayStand(s.id, s.decided) || isNeeded(s)) && !s.untrusted && !s.diskStalled;
}

/**
 * Whether this member votes no more, but knows of nothing decided by those that took over. They may not even know that
 * they vote: a proposer need not be an acceptor, so it brings them forward, and gives up when they have decided something.
 */
function isNeeded(s: PaxosState): boolean {
  return s.membership.voters.length > 0 && s.decided === s.changedAt;
}

/** Whether this member's promise to a leader forbids it to help elect `candidate` now. */
export function isPromised(s: PaxosState, candidate: MemberId): boolean {
  return s.now < s.promiseUntil && candidate !== s.promisee;
}

/**
 * Whether this member has a leader that lives, and helps nobody else into its place.
 *
 * "Lives" means heard within the shortest election timeout, with the link to it unbroken. A lost link is taken as the
 * death of the process, so that a killed leader is replaced at once; one broken link deposes nobody, because the others,
 * whose links are whole, still refuse. That step is safe only where nobody relies on the refusal: the promise behind
 * lease reads (see reads.ts) is kept to its end, whatever became of the link, and over a restart.
 */
export function isBound(s: PaxosState, candidate: MemberId): boolean {
  if (isPromised(s, candidate)) return true;
  if (s.lead !== null) return hearsQuorum(s, s.lead);
  // Its own leader asks: it has resigned.
  if (s.leader === 0n || s.leader === candidate) return false;
  return !s.leaderLinkLost && s.now < s.leaderContact + s.options.electionTimeoutMs;
}

/** Whom a proposer has to ask, sorted: who votes now, and who will if the newest change in its log was chosen. */
export function electorate(s: PaxosState): readonly MemberId[] {
  const { membership } = s;
  const { active } = s.memberships;
  if (active === membership) return membership.voters;
  return [...new Set([...membership.voters, ...active.voters])].sort(ascending);
}

/**
 * Plans an election ahead of the timeout. Members wait for different times, the preferred and then the lower ids less,
 * so that they do not get into each other's way.
 */
export function hurryElection(s: PaxosState, delayMs: number): void {
  if (s.earlyAt !== null || s.earlyTries >= maxEarlyTries || !mayCampaign(s)) return;
  const own = s.options.priority;
  // Who does not vote goes last.
  let rank = isVoter(s.membership, s.id) ? 0 : s.membership.voters.length;
  for (const id of electorate(s)) {
    if (id === s.leader || id === s.id) continue;
    const priority = s.priorities.get(id) ?? own;
    if (priority > own || (priority === own && id < s.id)) rank++;
  }
  const slot = s.options.heartbeatIntervalMs / 5;
  // A promise comes first; the others' ends a little later than one's own.
  const free = isPromised(s, s.id) ? s.promiseUntil + slot / 2 : s.now;
  s.earlyAt = Math.max(s.now + delayMs, free) + slot * rank + s.random.between(0, slot / 4);
}
