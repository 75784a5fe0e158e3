/**
 * Whoever becomes leader of an epoch has the votes of a quorum of its membership in that epoch, each on its voter's disk;
 * where fewer than a majority commit (`EngineOptions.flexibleQuorum`), of so many that they have a voter in common.
 * That is why there can be no second one; it fails earlier than election safety, which needs the second one to be elected.
 *
 * A voter that goes on to a later epoch before its disk has taken the vote never writes it: with that later epoch on its
 * disk it can vote for nobody else, which is what a vote promises.
 */
import type { MemberId } from "../../environment.ts";
import { describeMembership } from "../membership.ts";
import type { PeekedMessage } from "../peek.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";
import { elects } from "./quorum.ts";

export class ElectedByQuorum implements Property {
  readonly name = "elected by a quorum";
  readonly source = "Raft §5.2; raft.tla BecomeLeader; xnnyygn/xraft#27; Howard et al., Flexible Paxos (2016)";
  readonly #group: ObservedGroup;
  /** For whom a voter said it votes, by voter and epoch. */
  readonly #said = new Map<MemberId, Map<number, MemberId>>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  said(sender: ObservedMember, to: MemberId, { vote, epoch }: PeekedMessage): void {
    if (vote !== "receiver") return;
    const votes = this.#said.get(sender.id) ?? new Map<number, MemberId>();
    this.#said.set(sender.id, votes.set(epoch, to));
  }

  stepped(member: ObservedMember): void {
    const { before, now, options } = member;
    if (now.role !== "leader" || member.staysLeader) return;
    const votes = (id: MemberId): boolean => this.#votes(id, now.epoch) === member.id;
    if (elects(before.membership, options, votes)) return;
    const { voters, outgoing } = before.membership;
    const ayes = [...new Set([...voters, ...outgoing])].filter(votes);
    const by = ayes.length === 0 ? "nobody" : ayes.map((id) => id.toString(16)).join(",");
    const needed = describeMembership(before.membership);
    violated(this, member, `leads epoch ${now.epoch}, for which ${by} voted on disk: no quorum of ${needed}`, { ayes });
  }

  #votes(id: MemberId, epoch: number): MemberId | undefined {
    const voter = this.#group.members.get(id);
    const written = voter?.durableVotes.get(epoch);
    if (written !== undefined || voter === undefined || voter.durableEpoch <= epoch) return written;
    return this.#said.get(id)?.get(epoch);
  }
}
