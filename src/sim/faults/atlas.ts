/**
 * Keeps account of whose disk lost or falsified what it had acknowledged, so that faults stay within what a quorum can
 * bear: beyond that no protocol can promise anything, and a failure would say nothing.
 *
 * A member counts as damaged from the fault until a later life of it is trusted again and has everything that was committed
 * when it was damaged (the life in which a write went astray does not know of it); one that was removed no longer counts.
 */
import { knownMemberships } from "../../consensus/properties/known-memberships.ts";
import { bearable } from "../../consensus/properties/quorum.ts";
import type { MemberId } from "../../environment.ts";
import type { WorldMember } from "../world/member.ts";
import type { World } from "../world/world.ts";

export class Atlas {
  readonly #world: World;
  /** The index that a damaged member must reach, in a life after this one. */
  readonly #damaged = new Map<WorldMember, { readonly index: number; readonly life: number }>();

  /** Whose removal was asked for. One that was given up may still be made. */
  readonly #leaving = new Set<MemberId>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Ids of those that vote, by the committed membership. */
  get voters(): readonly MemberId[] {
    const { members } = this.#world.observer.truth.keyspace;
    return members
      .list()
      .filter(({ isLearner }) => !isLearner)
      .map(({ id }) => id);
  }

  isDamaged(member: WorldMember): boolean {
    this.#settle();
    return this.#damaged.has(member);
  }

  /** Whether this member's disk may be damaged, too, without losing what was promised. */
  mayDamage(member: WorldMember): boolean {
    this.#settle();
    if (this.#damaged.has(member)) return false;
    return this.#electorates().every(
      (voters) =>
        !voters.includes(member.id) ||
        this.#damagedAmong(voters) + this.#neverStarted(voters) + 1 <= bearable(voters.length, this.#world.quorums),
    );
  }

  /** Its removal is asked for from now on: those that stay may have to do without it, sooner or later. */
  leaves(member: WorldMember): void {
    this.#leaving.add(member.id);
  }

  /** All sets of voters that may have to agree: as committed, and as anybody's log says or may say yet. */
  #electorates(): (readonly MemberId[])[] {
    const sets: (readonly MemberId[])[] = [this.voters];
    for (const { engine } of this.#world.observer.properties.members.values()) {
      for (const { voters, outgoing } of knownMemberships(engine)) sets.push(voters, outgoing);
    }
    return [...sets, ...sets.map((voters) => voters.filter((id) => !this.#leaving.has(id)))];
  }

  /** @param shows whether what is left on the disk tells that something is gone. */
  damage(member: WorldMember, shows: boolean): void {
    this.#damaged.set(member, { index: this.#world.observer.truth.index, life: member.lives });
    member.damaged = true;
    this.#world.observer.lost(member, shows);
  }

  /** Whether the cluster still stands if one voter goes for good. */
  mayRemove(member: WorldMember): boolean {
    this.#settle();
    const { voters } = this;
    const left = voters.filter((id) => id !== member.id);
    if (left.length === 0) return false;
    return this.#damagedAmong(left) <= bearable(left.length, this.#world.quorums);
  }

  /** Voters that were added and have not been there yet: they can't join while those that have the entry can't commit. */
  #neverStarted(voters: readonly MemberId[]): number {
    return voters.filter((id) => this.#world.byId(id) === null).length;
  }

  #damagedAmong(voters: readonly MemberId[]): number {
    return [...this.#damaged.keys()].filter(({ id }) => voters.includes(id)).length;
  }

  #settle(): void {
    for (const [member, { index, life }] of this.#damaged) {
      if (member.state === "removed") {
        this.#damaged.delete(member);
        continue;
      }
      const status = member.serving ? member.replica?.status().engine : undefined;
      if (status === undefined || member.lives <= life || status.untrusted || status.applied < index) continue;
      this.#damaged.delete(member);
      member.damaged = false;
    }
  }
}
