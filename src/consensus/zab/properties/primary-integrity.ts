import type { Entry, Position } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries } from "./deliveries.ts";

/** A leader proposes only when it has delivered whatever anybody ever delivers of earlier epochs. */
export class PrimaryIntegrity extends Deliveries implements Property {
  readonly name = "primary integrity";
  readonly source = "Zab.tla PrimaryIntegrity; DSN 2011 §III";
  /** The last index that the leader of an epoch had committed when it first proposed. */
  readonly #known = new Map<number, number>();
  /** The last delivered index of each epoch. */
  readonly #delivered = new Map<number, number>();

  stepped(member: ObservedMember): void {
    const { now } = member;
    if (now.role !== "leader" || this.#known.has(now.epoch)) return;
    this.#known.set(now.epoch, now.commit);
    for (const [epoch, index] of this.#delivered) {
      if (epoch < now.epoch && index > now.commit) this.#misses(member, now.epoch, { epoch, index }, now.commit);
    }
  }

  protected override look(member: ObservedMember, { epoch, index }: Entry): void {
    this.#delivered.set(epoch, Math.max(index, this.#delivered.get(epoch) ?? 0));
    for (const [later, known] of this.#known) {
      if (later > epoch && index > known) this.#misses(member, later, { epoch, index }, known);
    }
  }

  #misses(member: ObservedMember, leaderEpoch: number, { epoch, index }: Position, known: number): never {
    const what = `entry ${index} of epoch ${epoch} is delivered; the leader of ${leaderEpoch} proposed with ${known} delivered`;
    violated(this, member, what, { index, leaderEpoch, known });
  }
}
