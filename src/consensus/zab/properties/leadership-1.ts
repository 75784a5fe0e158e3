import type { ObservedMember } from "../../properties/observed-member.ts";
import { type ObservedGroup, type Property, violated } from "../../properties/property.ts";

/** No two members lead the same epoch now. */
export class Leadership1 implements Property {
  readonly name = "leadership 1";
  readonly source = "Zab.tla Leadership1";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  stepped(member: ObservedMember): void {
    const { now, before } = member;
    if (now.role !== "leader" || (before.role === "leader" && before.epoch === now.epoch)) return;
    for (const other of this.#group.members.values()) {
      if (other === member || other.life === 0 || !other.leads(now.epoch)) continue;
      violated(this, member, `leads epoch ${now.epoch}, which member ${other.id.toString(16)} leads`, {
        other: other.id,
      });
    }
  }
}
