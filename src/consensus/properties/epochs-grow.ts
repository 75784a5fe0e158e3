/** A member's epoch never goes back: not in a life, not on its disk, and a life begins where the disk stands at least. */
import type { Effects, EngineStart } from "../engine.ts";
import type { EnginePeek } from "../peek.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class EpochsGrow implements Property {
  readonly name = "epochs only grow";
  readonly source = "Raft §5.1; CCF MonotonicTermProp";
  readonly #peek: EnginePeek;
  readonly #written = new Map<ObservedMember, number>();

  constructor(peek: EnginePeek) {
    this.#peek = peek;
  }

  started(member: ObservedMember, { state }: EngineStart): void {
    const epoch = this.#epochOf(state);
    this.#written.set(member, epoch);
    if (member.now.epoch < epoch) {
      violated(this, member, `starts in epoch ${member.now.epoch}, its disk says ${epoch}`, { durableEpoch: epoch });
    }
  }

  stepped(member: ObservedMember): void {
    const { before, now } = member;
    if (now.epoch < before.epoch) violated(this, member, `went from epoch ${before.epoch} back to ${now.epoch}`);
  }

  drained(member: ObservedMember, { write }: Effects): void {
    if (write === null || write.state === null) return;
    const epoch = this.#epochOf(write.state);
    const known = this.#written.get(member) ?? 0;
    if (epoch < known) violated(this, member, `writes epoch ${epoch} over ${known}`, { written: known });
    this.#written.set(member, epoch);
  }

  #epochOf(state: Uint8Array | null): number {
    return state === null ? 0 : (this.#peek.state(state)?.epoch ?? 0);
  }
}
