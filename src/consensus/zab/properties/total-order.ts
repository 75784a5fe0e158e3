import type { Entry, Position } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries, zxid } from "./deliveries.ts";

/** Whoever delivers b delivers before it what anybody delivered before b. */
export class TotalOrder extends Deliveries implements Property {
  readonly name = "total order";
  readonly source = "Zab.tla TotalOrder; DSN 2011 §III";
  /** What came right before each, by zxid; by induction, all that came before. */
  readonly #before = new Map<string, Position>();

  protected override look(member: ObservedMember, entry: Entry, before: Position): void {
    const known = this.#before.get(zxid(entry));
    if (known === undefined) this.#before.set(zxid(entry), before);
    else if (known.index !== before.index || known.epoch !== before.epoch) {
      violated(
        this,
        member,
        `delivers ${zxid(entry)} behind ${zxid(before)}; another delivered it behind ${zxid(known)}`,
        {
          index: entry.index,
        },
      );
    }
  }
}
