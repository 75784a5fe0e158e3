/**
 * What an acceptor promised never falls, over all its lives; what it says it accepted, it accepted in a round that it had
 * promised by then.
 */
import { DecodeError } from "../../bytes.ts";
import type { Effects, EngineStart } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { decodeHardState, type HardState } from "../hard-state.ts";

export class BallotsGrow implements Property {
  readonly name = "ballots only grow";
  readonly source =
    "Paxos.tla, maxBal; trex AcceptPropertyTests; palantir/atlasdb#1508 (a wiped acceptor promises again)";
  readonly #promised = new Map<ObservedMember, number>();

  starting(member: ObservedMember, { state, untrusted }: EngineStart): void {
    const { durableState, loss } = member;
    if (durableState === null || loss !== "none" || untrusted) return;
    const promised = decodeHardState(durableState).round;
    const found = state === null ? 0 : decodeHardState(state).round;
    if (found < promised) violated(this, member, `comes back with round ${found}, its disk had promised ${promised}`);
  }

  started(member: ObservedMember, { state }: EngineStart): void {
    this.#promised.set(member, state === null ? 0 : decodeHardState(state).round);
  }

  drained(member: ObservedMember, { write }: Effects): void {
    if (write === null || write.state === null) return;
    const { round } = this.#read(member, write.state);
    const promised = this.#promised.get(member) ?? 0;
    if (round < promised) violated(this, member, `writes round ${round} over ${promised}`, { promised });
    this.#promised.set(member, round);
  }

  /** The decoder takes no run of a round above the promised one. */
  #read(member: ObservedMember, state: Uint8Array): HardState {
    try {
      return decodeHardState(state);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return violated(this, member, `writes what cannot be: ${error.message}`);
    }
  }
}
