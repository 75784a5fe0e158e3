/**
 * A leader proposes nothing behind a change of membership that is not decided, and begins one only when a value of its
 * own round is decided: so there is never a doubt who decides a slot.
 */
import { type Effects, EntryKind } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type ObservedGroup, type Property, violated } from "../../properties/property.ts";

export class ChangesInTurn implements Property {
  readonly name = "changes of membership in turn";
  readonly source = "Lamport, Malkhi and Zhou, Reconfiguring a State Machine, §3 (R-alpha with alpha = 1)";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  drained(member: ObservedMember, { write }: Effects): void {
    const { now } = member;
    if (write === null || now.role !== "leader") return;
    for (const { index, kind, epoch } of write.entries) {
      if (kind !== EntryKind.membership) continue;
      if (now.lastIndex > index && now.commit < index) {
        const what = `proposes slot ${now.lastIndex} behind the change in slot ${index}, which is not decided`;
        violated(this, member, what, { index, commit: now.commit });
      }
      if (epoch !== now.epoch || member.ledEpoch !== now.epoch) continue;
      const decidedEpoch = this.#group.committed.epochAt(now.commit);
      if (decidedEpoch === now.epoch) continue;
      const what = `changes the membership in slot ${index} before a value of its round ${now.epoch} is decided`;
      violated(this, member, what, { index, decidedEpoch });
    }
  }
}
