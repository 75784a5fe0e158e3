/** No two values are decided in a slot: not at two members, not in two lives of one, not before and after a snapshot. */
import type { EngineStart } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Advance, type Property, violated } from "../../properties/property.ts";

export class SlotConsistency implements Property {
  readonly name = "slot consistency";
  readonly source = "Lamport, Paxos Made Simple §2.1; Consensus.tla and Paxos.tla, Consistency";
  /** By slot: what was decided there, and by whom first. */
  readonly #decided: ({ readonly epoch: number; readonly fingerprint: number; readonly by: bigint } | undefined)[] = [];

  started(member: ObservedMember, { snapshot }: EngineStart): void {
    this.#look(member, (snapshot?.index ?? 0) + 1, member.now.commit);
  }

  advanced(member: ObservedMember, { from, to }: Advance): void {
    this.#look(member, from, to);
  }

  #look(member: ObservedMember, from: number, to: number): void {
    for (let slot = Math.max(from, member.now.firstIndex); slot <= to; slot++) {
      const entry = member.engine.entryAt(slot);
      if (entry === null) continue;
      const value = { epoch: entry.epoch, fingerprint: fingerprint(entry), by: member.id };
      const known = this.#decided[slot];
      if (known === undefined) this.#decided[slot] = value;
      else if (known.epoch !== value.epoch || known.fingerprint !== value.fingerprint) {
        const by = known.by.toString(16);
        violated(this, member, `decides another value in slot ${slot} than member ${by} did`, { slot, value, known });
      }
    }
  }
}
