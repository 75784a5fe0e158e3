import type { Entry, Position } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries, zxid } from "./deliveries.ts";

/** What a leader of an earlier epoch proposed is delivered before what one of a later epoch did. */
export class GlobalPrimaryOrder extends Deliveries implements Property {
  readonly name = "global primary order";
  readonly source = "Zab.tla GlobalPrimaryOrder; DSN 2011 §III";

  protected override look(member: ObservedMember, entry: Entry, before: Position): void {
    if (entry.epoch >= before.epoch) return;
    violated(this, member, `delivers ${zxid(entry)} behind ${zxid(before)}, of a later epoch`, { index: entry.index });
  }
}
