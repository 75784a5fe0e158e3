/**
 * An index is first committed by a leader, when a quorum of its membership has it on disk; and, where entries are not
 * proposed anew by each leader, only with an entry of its own epoch: counting replicas of older ones commits what a later
 * leader may overwrite (figure 8).
 */
import type { MemberId } from "../../environment.ts";
import type { EngineStart, Position } from "../engine.ts";
import { describeMembership, type Membership } from "../membership.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "./property.ts";
import { suffices } from "./quorum.ts";

/** Whether a member would find this entry, or a snapshot that covers it, if it started now. */
export type DiskTruth = (id: MemberId, position: Position) => boolean;

export class CommitRule implements Property {
  readonly name = "commit rule";
  readonly source = "Raft figure 2 and §5.4.2 (figure 8); openraft#1802; etcd#14370";
  /** What the disks really hold, beside what they reported; null: do not ask. */
  diskTruth: DiskTruth | null = null;
  readonly #group: ObservedGroup;
  readonly #ownEpochOnly: boolean;

  /** @param ownEpochOnly whether counting commits only entries of the leader's own epoch. */
  constructor(group: ObservedGroup, ownEpochOnly = true) {
    this.#group = group;
    this.#ownEpochOnly = ownEpochOnly;
  }

  started(member: ObservedMember, _start: EngineStart): void {
    const { last } = this.#group.committed;
    if (member.now.commit > last) {
      violated(this, member, `starts with commit index ${member.now.commit}, but only ${last} was ever committed`);
    }
  }

  advanced(member: ObservedMember, { to, news }: Advance): void {
    if (news > to) return;
    const { before, now } = member;
    // Having committed its own removal, it resigns with the same input.
    const epoch = before.role === "leader" ? before.epoch : now.role === "leader" ? now.epoch : null;
    const position = { index: to, epoch: member.engine.entryAt(to)?.epoch ?? 0 };
    if (epoch === null) {
      violated(this, member, `takes entry ${to} for committed, which no leader has committed`, { index: to });
    }
    if (this.#ownEpochOnly && position.epoch !== epoch) {
      violated(this, member, `leads epoch ${epoch} and commits entry ${to} of epoch ${position.epoch} by counting`, {
        index: to,
        entryEpoch: position.epoch,
      });
    }
    this.#quorum(member, position, "acknowledged by", (id) => this.#reportedDurable(id, position));
    const { diskTruth } = this;
    if (diskTruth !== null) this.#quorum(member, position, "on the disks of", (id) => diskTruth(id, position));
  }

  /** The leader counts, then appends: a change of membership with the same input is not in force for the count. */
  #quorum(leader: ObservedMember, { index, epoch }: Position, is: string, holds: (id: MemberId) => boolean): void {
    const { before, now, options } = leader;
    if (suffices(before.membership, options, holds) || suffices(now.membership, options, holds)) return;
    const holders = voters(before.membership).filter(holds);
    const who = holders.length === 0 ? "nobody" : holders.map((id) => id.toString(16)).join(",");
    violated(
      this,
      leader,
      `commits entry ${index} of epoch ${epoch}, which is ${is} ${who}: no quorum of ${describeMembership(before.membership)}`,
      { index, entryEpoch: epoch, holders },
    );
  }

  #reportedDurable(id: MemberId, { index, epoch }: Position): boolean {
    const member = this.#group.members.get(id);
    if (member === undefined) return false;
    if (member.snapshot.index >= index || member.durable.holds(index, epoch)) return true;
    // It had it when it said so; a fault has taken it since.
    return member.lostLogs.some((log) => log.holds(index, epoch));
  }
}

function voters({ voters: incoming, outgoing }: Membership): MemberId[] {
  return [...new Set([...incoming, ...outgoing])];
}
