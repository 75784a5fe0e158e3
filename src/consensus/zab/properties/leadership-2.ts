import type { MemberId } from "../../../environment.ts";
import { DecodeError } from "../../bytes.ts";
import type { Effects } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import { decodeHardState } from "../hard-state.ts";

/**
 * No two members ever took an epoch up with a history of their own, from synchronisation on: what a disk says that
 * accepted an epoch from itself and has adopted it.
 */
export class Leadership2 implements Property {
  readonly name = "leadership 2";
  readonly source = "Zab.tla Leadership2 (epochLeader)";
  readonly #leaders = new Map<number, MemberId>();

  drained(member: ObservedMember, { write }: Effects): void {
    const { role } = member.now;
    // Who failed to lead an epoch may follow another into it.
    if (write === null || write.state === null || (role !== "candidate" && role !== "leader")) return;
    const epoch = epochTakenUp(member.id, write.state);
    if (epoch === null) return;
    const known = this.#leaders.get(epoch);
    if (known === undefined) this.#leaders.set(epoch, member.id);
    else if (known !== member.id) {
      violated(this, member, `brings others to its history in epoch ${epoch}, as member ${known.toString(16)} did`, {
        other: known,
      });
    }
  }
}

function epochTakenUp(id: MemberId, bytes: Uint8Array): number | null {
  try {
    const { acceptedEpoch, acceptedFrom, currentEpoch } = decodeHardState(bytes);
    return acceptedFrom === id && currentEpoch === acceptedEpoch ? currentEpoch : null;
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
