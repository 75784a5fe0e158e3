/** What is decided stays in every acceptor that has it: no member replaces it, knowing that it is decided or not. */
import type { Effects, EngineStart, Entry } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type ObservedGroup, type Property, violated } from "../../properties/property.ts";

/** A value in a slot, by content. */
interface Held {
  readonly epoch: number;
  readonly fingerprint: number;
}

export class DecidedValuesStay implements Property {
  readonly name = "decided values stay";
  readonly source = "Lamport, Paxos Made Simple, P2c; CCF consensus spec, AppendOnlyProp";
  readonly #group: ObservedGroup;
  /** By member and slot. */
  readonly #held = new Map<ObservedMember, Map<number, Held>>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember, { entries }: EngineStart): void {
    this.#held.set(member, new Map(entries.map((entry) => [entry.index, held(entry)])));
  }

  drained(member: ObservedMember, { write }: Effects): void {
    const slots = this.#held.get(member);
    if (write === null || slots === undefined) return;
    const { truncateFrom, snapshot, entries } = write;
    const dropped: [number, Held][] = [];
    if (truncateFrom !== null || snapshot !== null) {
      for (const [slot, value] of slots) {
        const covered = snapshot !== null && slot <= snapshot.index;
        const goes = covered || snapshot !== null || (truncateFrom !== null && slot >= truncateFrom);
        if (!goes) continue;
        slots.delete(slot);
        if (!covered) dropped.push([slot, value]);
      }
    }
    for (const entry of entries) slots.set(entry.index, held(entry));
    for (const [slot, value] of dropped) {
      if (!this.#isDecided(slot, value) || same(slots.get(slot), value)) continue;
      violated(this, member, `replaces the value of epoch ${value.epoch} in slot ${slot}, which is decided`, { slot });
    }
  }

  #isDecided(slot: number, { epoch, fingerprint: content }: Held): boolean {
    const { committed } = this.#group;
    return committed.epochAt(slot) === epoch && committed.fingerprintAt(slot) === content;
  }
}

function held(entry: Entry): Held {
  return { epoch: entry.epoch, fingerprint: fingerprint(entry) };
}

function same(a: Held | undefined, b: Held): boolean {
  return a !== undefined && a.epoch === b.epoch && a.fingerprint === b.fingerprint;
}
