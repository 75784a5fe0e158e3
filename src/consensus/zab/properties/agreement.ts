import type { Entry } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries } from "./deliveries.ts";

/** Of two members, one has delivered all that the other has. */
export class Agreement extends Deliveries implements Property {
  readonly name = "agreement";
  readonly source = "Zab.tla Agreement; DSN 2011 §III";
  /** By how many were delivered before it. */
  readonly #delivered: (number | undefined)[] = [];

  protected override look(member: ObservedMember, { index, epoch }: Entry): void {
    const known = this.#delivered[index];
    if (known === undefined) this.#delivered[index] = epoch;
    else if (known !== epoch) {
      violated(
        this,
        member,
        `delivers entry ${index} of epoch ${epoch}; another delivered one of epoch ${known} there`,
        {
          index,
          known,
        },
      );
    }
  }
}
