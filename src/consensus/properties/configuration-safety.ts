/**
 * Any quorum of a membership meets any quorum of the one that follows it in a log; a leader begins a change only when it
 * has committed an entry of its own epoch and the change before is committed. Without the last two, leaders that follow
 * each other may each change another member and end with quorums that share nobody. And what a member goes by is in its
 * log: a change that was dropped from it is void.
 */
import type { MemberId } from "../../environment.ts";
import { type Effects, type EngineStart, EntryKind } from "../engine.ts";
import {
  decodeMembershipEntry,
  describeMembership,
  emptyMembership,
  type Membership,
  majority,
  sameMembership,
} from "../membership.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";

interface Step {
  readonly index: number;
  readonly membership: Membership;
}

/** The memberships in a member's log as written, ascending; the first is the snapshot's, or nobody. */
type Trail = Step[];

export class ConfigurationSafety implements Property {
  readonly name = "configuration safety";
  readonly source = "Raft thesis §4.1, §4.3 and its erratum (raft-dev t4xj6dJTP6E); etcd#7625; openraft PR#2051, #920";
  readonly #group: ObservedGroup;
  readonly #trails = new Map<ObservedMember, Trail>();
  /** Where a leader's newest change is, if its entry was not written yet. */
  readonly #fresh = new Map<ObservedMember, number>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember, { snapshot, entries }: EngineStart): void {
    const trail: Trail = [{ index: snapshot?.index ?? 0, membership: snapshot?.membership ?? emptyMembership }];
    for (const { index, kind, data } of entries) {
      if (kind === EntryKind.membership) trail.push({ index, membership: decodeMembershipEntry(data).membership });
    }
    this.#trails.set(member, trail);
    this.#fresh.delete(member);
  }

  /** A leader's membership changes only by its own doing. */
  stepped(member: ObservedMember): void {
    const { before, now } = member;
    if (!member.staysLeader || now.membership === before.membership) return;
    const previous = this.#fresh.get(member) ?? this.#trails.get(member)?.at(-1)?.index ?? 0;
    let index = now.lastIndex;
    while (index > before.lastIndex && member.engine.entryAt(index)?.kind !== EntryKind.membership) index--;
    this.#fresh.set(member, index);
    const change = `changes the membership at ${index}`;
    if (previous > now.commit) {
      violated(this, member, `${change} before its change at ${previous} is committed`, { index, previous });
    }
    const committedEpoch = this.#group.committed.epochAt(now.commit);
    if (committedEpoch !== now.epoch) {
      violated(this, member, `${change} before it has committed an entry of its epoch ${now.epoch}`, {
        index,
        committedEpoch,
      });
    }
  }

  drained(member: ObservedMember, { write }: Effects): void {
    const trail = this.#trails.get(member);
    if (write === null || trail === undefined) return;
    const { snapshot, truncateFrom, entries } = write;
    if (snapshot !== null) {
      const kept = member.written.epochAt(snapshot.index) === snapshot.epoch;
      const behind = kept ? trail.filter(({ index }) => index > snapshot.index) : [];
      trail.splice(0, trail.length, { index: snapshot.index, membership: snapshot.membership }, ...behind);
    }
    while (truncateFrom !== null && trail.length > 1 && (trail.at(-1) as Step).index >= truncateFrom) trail.pop();
    for (const { index, kind, data } of entries) {
      if (kind !== EntryKind.membership) continue;
      const { membership } = decodeMembershipEntry(data);
      const previous = (trail.at(-1) as Step).membership;
      if (!quorumsMeet(previous, membership)) {
        const [from, to] = [describeMembership(previous), describeMembership(membership)];
        violated(this, member, `goes at ${index} from ${from} to ${to}: they have quorums that share nobody`, {
          index,
        });
      }
      trail.push({ index, membership });
    }
    this.#fresh.delete(member);
    const { membership: own } = member.now;
    // Only such writes can take from the log what the member goes by.
    if ((truncateFrom === null && snapshot === null) || trail.some((step) => sameMembership(step.membership, own)))
      return;
    violated(this, member, `goes by ${describeMembership(own)}, which is not in its log any more`, { membership: own });
  }
}

/**
 * Whether every quorum of one membership shares a member with every quorum of the other. A quorum of a joint membership
 * has a majority of each of its two sets, so it is enough that one set of each side has meeting majorities. Nobody
 * (before the founding) meets all.
 */
export function quorumsMeet(a: Membership, b: Membership): boolean {
  if (a.voters.length === 0) return true;
  const sets = (m: Membership): (readonly MemberId[])[] => [m.voters, m.outgoing].filter(({ length }) => length > 0);
  return sets(a).some((one) => sets(b).some((other) => majoritiesMeet(one, other)));
}

/** Majorities of two sets can miss each other exactly if both can be had without using a common member twice. */
function majoritiesMeet(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  const common = a.filter((id) => b.includes(id)).length;
  const ofCommon = (size: number): number => Math.max(0, majority(size) - (size - common));
  return ofCommon(a.length) + ofCommon(b.length) > common;
}
