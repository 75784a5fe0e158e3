/** In one round a slot has one value, whoever accepted it, in whatever life. */
import type { Effects, EngineStart, Entry } from "../../engine.ts";
import { EntryKind } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { Ballots } from "../ballots.ts";
import { decodeHardState } from "../hard-state.ts";

export class OneValueABallot implements Property {
  readonly name = "one value a ballot and slot";
  readonly source = "Lamport, The Part-Time Parliament, B3; Voting.tla, OneValuePerBallot";
  /** By slot: the values of each round. */
  readonly #values: (Map<number, number> | undefined)[] = [];
  readonly #ballots = new Map<ObservedMember, Ballots>();

  started(member: ObservedMember, { state }: EngineStart): void {
    this.#ballots.set(member, new Ballots(state === null ? [] : decodeHardState(state).runs));
  }

  drained(member: ObservedMember, { write }: Effects): void {
    // What it says now it may have to take back, and nobody counts it.
    if (write === null || member.engine.status.untrusted) return;
    if (write.state === null) {
      for (const entry of write.entries) this.#look(member, entry);
      return;
    }
    const { runs } = decodeHardState(write.state);
    this.#ballots.set(member, new Ballots(runs));
    const { firstIndex, lastIndex } = member.now;
    for (let slot = Math.max(firstIndex, runs[0]?.from ?? 1); slot <= lastIndex; slot++) {
      const entry = member.engine.entryAt(slot);
      if (entry !== null) this.#look(member, entry);
    }
  }

  #look(member: ObservedMember, entry: Entry): void {
    const { index, kind } = entry;
    const round = this.#ballots.get(member)?.at(index) ?? 0;
    const isHole = kind === EntryKind.hole;
    if (isHole !== (round === 0) && (isHole || index > member.now.commit)) {
      const what = isHole ? "a hole" : `a value of epoch ${entry.epoch}`;
      violated(this, member, `has ${what} in slot ${index}, accepted in round ${round}`, { slot: index, round });
    }
    if (round === 0) return;
    const value = fingerprint(entry);
    const values = this.#values[index] ?? new Map<number, number>();
    this.#values[index] = values;
    const known = values.get(round);
    if (known === undefined) values.set(round, value);
    else if (known !== value) {
      violated(this, member, `accepts another value in slot ${index} in round ${round} than there was`, {
        slot: index,
        round,
        entryEpoch: entry.epoch,
      });
    }
  }
}
