import type { Entry } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries } from "./deliveries.ts";
import type { Proposals } from "./proposals.ts";

/** What is delivered was proposed by a leader, in that epoch, as it is. */
export class Integrity extends Deliveries implements Property {
  readonly name = "integrity";
  readonly source = "Zab.tla Integrity; DSN 2011 §III";
  readonly #proposals: Proposals;

  constructor(proposals: Proposals) {
    super();
    this.#proposals = proposals;
  }

  protected override look(member: ObservedMember, entry: Entry): void {
    if (this.#proposals.has(entry)) return;
    violated(this, member, `delivers entry ${entry.index} of epoch ${entry.epoch}, which no leader proposed`, {
      index: entry.index,
    });
  }
}
