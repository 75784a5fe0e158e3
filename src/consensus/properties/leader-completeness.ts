/**
 * What is committed in an epoch is in the log of every leader of a later one.
 *
 * Who wins an old epoch late may lack what a newer leader committed; it can commit nothing. Given log matching, a leader
 * that holds the last such entry holds all before it.
 */
import type { ObservedMember } from "./observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "./property.ts";

export class LeaderCompleteness implements Property {
  readonly name = "leader completeness";
  readonly source = "Raft figure 3; raft.tla LeaderCompleteness";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  stepped(member: ObservedMember): void {
    const { now } = member;
    if (now.role !== "leader" || member.staysLeader) return;
    const { committed } = this.#group;
    const index = committed.lastBefore(now.epoch);
    if (index > 0) this.#holds(member, index, committed.epochAt(index));
  }

  /** An entry committed in an old epoch, late: those who lead later ones have it all the same. */
  advanced(member: ObservedMember, { to, news }: Advance): void {
    if (news > to) return;
    const epoch = member.engine.entryAt(to)?.epoch ?? null;
    for (const other of this.#group.members.values()) {
      if (other.life > 0 && other.now.role === "leader" && other.now.epoch > member.before.epoch && other !== member) {
        this.#holds(other, to, epoch);
      }
    }
  }

  #holds(leader: ObservedMember, index: number, epoch: number | null): void {
    const { now, engine } = leader;
    if (index < now.firstIndex) return;
    const own = engine.entryAt(index)?.epoch ?? null;
    if (own === epoch) return;
    const has = own === null ? "ends before it" : `has an entry of epoch ${own} there`;
    violated(
      this,
      leader,
      `leads epoch ${now.epoch} without entry ${index} of epoch ${epoch}, which is committed: its log ${has}`,
      {
        index,
        entryEpoch: epoch,
        own,
        lastIndex: now.lastIndex,
      },
    );
  }
}
