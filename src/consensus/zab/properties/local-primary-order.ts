import type { Entry, Position } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Deliveries } from "./deliveries.ts";
import type { Proposals } from "./proposals.ts";

/** What one leader proposed is delivered in its order, with nothing left out. */
export class LocalPrimaryOrder extends Deliveries implements Property {
  readonly name = "local primary order";
  readonly source = "Zab.tla LocalPrimaryOrder; DSN 2011 §III";
  readonly #proposals: Proposals;

  constructor(proposals: Proposals) {
    super();
    this.#proposals = proposals;
  }

  protected override look(member: ObservedMember, entry: Entry, before: Position): void {
    const counter = this.#proposals.counter(entry);
    const last = before.epoch === entry.epoch ? this.#proposals.counter(before) : null;
    const expected = last === null ? 0 : last + 1;
    // What is behind a snapshot of another epoch begins with the epoch's first proposal as well.
    if (counter === null || counter === expected) return;
    const what = `delivers proposal ${counter} of epoch ${entry.epoch} where ${expected} was due`;
    violated(this, member, what, { index: entry.index });
  }
}
