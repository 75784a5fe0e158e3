/**
 * Whoever becomes leader of an epoch has the votes of a quorum of its membership in that epoch, each on its voter's disk.
 * That is why there can be no second one; it fails earlier than election safety, which needs the second one to be elected.
 */
import { describeMembership } from "../membership.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";
import { isQuorum } from "./quorum.ts";

export class ElectedByQuorum implements Property {
  readonly name = "elected by a quorum";
  readonly source = "Raft §5.2; raft.tla BecomeLeader; xnnyygn/xraft#27 (one voter's answer counted twice)";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  stepped(member: ObservedMember): void {
    const { before, now } = member;
    if (now.role !== "leader" || member.staysLeader) return;
    const votes = (id: bigint): boolean => this.#group.members.get(id)?.durableVotes.get(now.epoch) === member.id;
    if (isQuorum(before.membership, votes)) return;
    const { voters, outgoing } = before.membership;
    const ayes = [...new Set([...voters, ...outgoing])].filter(votes);
    const by = ayes.length === 0 ? "nobody" : ayes.map((id) => id.toString(16)).join(",");
    const needed = describeMembership(before.membership);
    violated(this, member, `leads epoch ${now.epoch}, for which ${by} voted on disk: no quorum of ${needed}`, { ayes });
  }
}
