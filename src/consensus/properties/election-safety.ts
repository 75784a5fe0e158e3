/** At most one leader is elected in an epoch. */
import type { MemberId } from "../../environment.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class ElectionSafety implements Property {
  readonly name = "election safety";
  readonly source = "Raft figure 3; raft.tla ElectionSafety, MoreThanOneLeader";
  readonly #leaders = new Map<number, { readonly id: MemberId; readonly life: number }>();

  stepped(member: ObservedMember): void {
    const { now, id, life } = member;
    if (now.role !== "leader" || member.staysLeader) return;
    const known = this.#leaders.get(now.epoch);
    if (known === undefined) {
      this.#leaders.set(now.epoch, { id, life });
    } else if (known.id !== id) {
      violated(this, member, `leads epoch ${now.epoch}, which member ${known.id.toString(16)} has led`, {
        other: known.id,
      });
    } else if (known.life !== life) {
      violated(this, member, `leads epoch ${now.epoch} again, which it led in life ${known.life}`, {
        earlierLife: known.life,
      });
    }
  }
}
