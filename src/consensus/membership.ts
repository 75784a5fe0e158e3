/**
 * Who takes part in a group's decisions: a value type with joint majorities (Raft thesis §4.3), shared by all engines.
 *
 * While a change is under way two sets of voters exist and a decision needs a majority of each. An empty second set
 * counts as agreed, so that no caller has a special case.
 */
import type { MemberId } from "../environment.ts";

export interface Membership {
  /** The voters, or, in a joint membership, the incoming ones. Sorted, without duplicates. */
  readonly voters: readonly MemberId[];
  /** The outgoing voters of a joint membership; empty otherwise. */
  readonly outgoing: readonly MemberId[];
  /** Receive the log, do not vote. */
  readonly learners: readonly MemberId[];
  /** Voters of `outgoing` only that become learners when the joint membership is left. */
  readonly learnersNext: readonly MemberId[];
}

export type MemberRole = "voter" | "learner";

/**
 * A wish, in terms of single members: the engine turns it into one or two memberships (joint when more than one voter
 * changes). Setting a member to the role it has is no error and changes nothing.
 */
export interface MembershipChange {
  readonly set: readonly { readonly id: MemberId; readonly role: MemberRole }[];
  readonly remove: readonly MemberId[];
}

export const emptyMembership: Membership = { voters: [], outgoing: [], learners: [], learnersNext: [] };
