/** From a wish ("make these voters, remove those") to the memberships that bring it about. */
import type { MemberId } from "../environment.ts";
import { ascending, isJoint, type Membership, type MembershipChange, membershipFault } from "./membership.ts";

/** What a wish comes to. A joint membership is left by a second entry with `next`. */
export type MembershipStep =
  | { readonly kind: "simple"; readonly next: Membership }
  | { readonly kind: "joint"; readonly next: Membership; readonly afterwards: Membership }
  | { readonly kind: "unknown"; readonly member: MemberId }
  | { readonly kind: "invalid"; readonly fault: string };

/**
 * Turns a wish into the next membership: in one step if at most one voter comes or goes (then any two majorities share
 * a member, thesis §4.1), else through a joint one. `current` must not be joint.
 */
export function changeMembership(current: Membership, change: MembershipChange): MembershipStep {
  if (isJoint(current))
    return { kind: "invalid", fault: "a joint membership is still in force: wait until it is left" };
  const voters = new Set(current.voters);
  const learners = new Set(current.learners);
  const touched = new Set<MemberId>();
  for (const id of [...change.set.map((wish) => wish.id), ...change.remove]) {
    if (touched.has(id)) return { kind: "invalid", fault: `member ${id} is named twice in one change` };
    touched.add(id);
  }
  for (const id of change.remove) {
    if (!voters.delete(id) && !learners.delete(id)) return { kind: "unknown", member: id };
  }
  for (const { id, role } of change.set) {
    (role === "voter" ? voters : learners).add(id);
    (role === "voter" ? learners : voters).delete(id);
  }
  const afterwards: Membership = {
    voters: [...voters].sort(ascending),
    outgoing: [],
    learners: [...learners].sort(ascending),
    learnersNext: [],
  };
  const fault = membershipFault(afterwards);
  if (fault !== null) return { kind: "invalid", fault };
  const moved =
    current.voters.filter((id) => !voters.has(id)).length +
    afterwards.voters.filter((id) => !current.voters.includes(id)).length;
  if (moved <= 1) return { kind: "simple", next: afterwards };
  const leavesVoters = (id: MemberId): boolean => current.voters.includes(id);
  const next: Membership = {
    voters: afterwards.voters,
    outgoing: current.voters,
    // A voter that becomes a learner keeps its old vote until the joint membership is left.
    learners: afterwards.learners.filter((id) => !leavesVoters(id)),
    learnersNext: afterwards.learners.filter(leavesVoters),
  };
  return { kind: "joint", next, afterwards };
}

/** The membership that follows a joint one. */
export function leaveJoint(membership: Membership): Membership {
  return {
    voters: membership.voters,
    outgoing: [],
    learners: [...membership.learners, ...membership.learnersNext].sort(ascending),
    learnersNext: [],
  };
}
