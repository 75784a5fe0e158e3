/**
 * A slot is first decided by a leader, when a phase 2 quorum has accepted it on its disks in that leader's ballot. That
 * those hold the same value in different ballots decides nothing: a later leader may prefer another to it.
 *
 * An acceptor that has gone on to a higher ballot since counts, too: it had to learn of this one first.
 */

import type { Input } from "../../engine.ts";
import { describeMembership, type Membership } from "../../membership.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "../../properties/property.ts";
import { suffices } from "../../properties/quorum.ts";
import { Ballots } from "../ballots.ts";
import { decodeHardState } from "../hard-state.ts";

/** What an acceptor's disk has said so far, over all its lives. */
class Acceptances {
  /** By slot: the highest round in which it was accepted. */
  readonly rounds: (number | undefined)[] = [];
  #state: Uint8Array | null = null;
  #ballots = new Ballots();

  /** @param from the first slot that is of interest. */
  look({ durableState, durable }: ObservedMember, from: number): void {
    if (durableState !== this.#state) {
      this.#state = durableState;
      this.#ballots = new Ballots(durableState === null ? [] : decodeHardState(durableState).runs);
    }
    for (let slot = from; slot <= durable.last; slot++) {
      const round = this.#ballots.at(slot);
      if (round > (this.rounds[slot] ?? 0)) this.rounds[slot] = round;
    }
  }
}

export class ChosenInOneBallot implements Property {
  readonly name = "chosen in one ballot";
  readonly source = "Paxos.tla, ChosenAt; Lamport, The Part-Time Parliament, B2";
  readonly #group: ObservedGroup;
  readonly #acceptances = new Map<bigint, Acceptances>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember): void {
    this.#look(member);
  }

  stepped(member: ObservedMember, input: Input): void {
    if (input.type === "durable") this.#look(member);
  }

  #look(member: ObservedMember): void {
    const known = this.#acceptances.get(member.id) ?? new Acceptances();
    this.#acceptances.set(member.id, known);
    known.look(member, this.#group.committed.last + 1);
  }

  advanced(member: ObservedMember, { to, news }: Advance): void {
    if (news > to) return;
    this.#look(member);
    const { before, now, options } = member;
    const round = before.role === "leader" ? before.epoch : now.epoch;
    for (let slot = news; slot <= to; slot++) {
      const accepted = (id: bigint): boolean => (this.#acceptances.get(id)?.rounds[slot] ?? 0) >= round;
      // It counts, then changes the membership.
      if ([before.membership, now.membership].some((membership) => suffices(membership, options, accepted))) continue;
      const by = names(before.membership, accepted);
      const what = `decides slot ${slot} in round ${round}, accepted there on the disks of ${by}`;
      violated(this, member, `${what}: no quorum of ${describeMembership(before.membership)}`, { slot, round });
    }
  }
}

function names({ voters }: Membership, accepted: (id: bigint) => boolean): string {
  const ids = voters.filter(accepted).map((id) => id.toString(16));
  return ids.length === 0 ? "nobody" : ids.join(",");
}
