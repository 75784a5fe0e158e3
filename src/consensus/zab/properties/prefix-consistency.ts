/** What two members hold for committed is the same, as far as the shorter goes. */
import type { EngineStart, Entry } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Advance, type Property, violated } from "../../properties/property.ts";

interface Held {
  readonly epoch: number;
  readonly fingerprint: number;
}

export class PrefixConsistency implements Property {
  readonly name = "prefix consistency";
  readonly source = "Zab.tla PrefixConsistency";
  /** By index, as the first to commit it held it. */
  readonly #held: (Held | undefined)[] = [];

  started(member: ObservedMember, _start: EngineStart): void {
    for (let index = member.now.firstIndex; index <= member.now.commit; index++) this.#look(member, index);
  }

  advanced(member: ObservedMember, { from, to }: Advance): void {
    for (let index = Math.max(from, member.now.firstIndex); index <= to; index++) this.#look(member, index);
  }

  #look(member: ObservedMember, index: number): void {
    const entry: Entry | null = member.engine.entryAt(index);
    if (entry === null) return;
    const held = { epoch: entry.epoch, fingerprint: fingerprint(entry) };
    const known = this.#held[index];
    if (known === undefined) this.#held[index] = held;
    else if (known.epoch !== held.epoch || known.fingerprint !== held.fingerprint) {
      violated(this, member, `holds another entry ${index} of epoch ${held.epoch} for committed than others do`, {
        index,
        knownEpoch: known.epoch,
      });
    }
  }
}
