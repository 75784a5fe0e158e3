import type { MemberId } from "../../../environment.ts";
import { DecodeError } from "../../bytes.ts";
import type { EngineStart } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "../../properties/property.ts";
import { suffices } from "../../properties/quorum.ts";
import { decodeHardState } from "../hard-state.ts";

/**
 * Whoever counts for a commit has adopted the leader's epoch on its disk. The electing order asks for the current epoch
 * before the last entry: of two, the one that adopted and holds less goes before the one that holds the entry and did
 * not, so that the entry would be dropped.
 *
 * Beside the ten of the specification, in which a follower acknowledges nothing before NEWLEADER. Here a late follower's
 * disk takes proposals that come before NEWLEADER in its stream.
 */
export class CommittedByAdoption implements Property {
  readonly name = "committed by adoption";
  readonly source = "Zab (DSN 2011) §V, phases 2 and 3; Zab.tla LeaderProcessACK, LeaderProcessACKLD";
  readonly #group: ObservedGroup;
  /** The highest current epoch that was seen on each disk. */
  readonly #adopted = new Map<MemberId, number>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  /** The next start may find less, where a disk lost what it had: it counted rightly until then. */
  starting(member: ObservedMember, _start: EngineStart): void {
    this.#look(member);
  }

  advanced(member: ObservedMember, { to, news }: Advance): void {
    if (news > to) return;
    const { before, now, options } = member;
    const epoch = before.role === "leader" ? before.epoch : now.role === "leader" ? now.epoch : null;
    // Who commits without leading is the commit rule's.
    if (epoch === null) return;
    const entryEpoch = member.engine.entryAt(to)?.epoch ?? 0;
    const counts = (id: MemberId): boolean => {
      const peer = this.#group.members.get(id);
      if (peer === undefined || this.#look(peer) < epoch) return false;
      if (peer.snapshot.index >= to || peer.durable.holds(to, entryEpoch)) return true;
      return peer.lostLogs.some((log) => log.holds(to, entryEpoch));
    };
    if (suffices(before.membership, options, counts) || suffices(now.membership, options, counts)) return;
    const ids = [...new Set([...before.membership.voters, ...before.membership.outgoing])].filter(counts);
    const who = ids.length === 0 ? "nobody" : ids.map((id) => id.toString(16)).join(",");
    violated(this, member, `commits entry ${to} in epoch ${epoch}, held and the epoch adopted by ${who}: no quorum`, {
      index: to,
      entryEpoch,
      adopters: ids,
    });
  }

  #look(member: ObservedMember): number {
    const known = this.#adopted.get(member.id) ?? 0;
    const epoch = Math.max(known, currentEpoch(member.durableState));
    if (epoch > known) this.#adopted.set(member.id, epoch);
    return epoch;
  }
}

function currentEpoch(state: Uint8Array | null): number {
  if (state === null) return 0;
  try {
    return decodeHardState(state).currentEpoch;
  } catch (error) {
    if (error instanceof DecodeError) return 0;
    throw error;
  }
}
