/** What the schedules of a swarm share: the cluster, the seed's chance, and the small acts that they are made of. */
import type { MemberId } from "../../environment.ts";
import type { SeededRandom } from "../random.ts";
import type { Cluster } from "./cluster.ts";

export class Stage {
  readonly cluster: Cluster;
  readonly random: SeededRandom;
  readonly ids: readonly MemberId[];
  #nextValue = 1;

  constructor(cluster: Cluster, random: SeededRandom, ids: readonly MemberId[]) {
    this.cluster = cluster;
    this.random = random;
    this.ids = ids;
  }

  anyone(): MemberId {
    return this.oneOf(this.ids);
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)] as T;
  }

  someOf<T>(list: readonly T[], probability: number): T[] {
    return list.filter(() => this.random.chance(probability));
  }

  /** The leader, if its process runs: 0n if there is none that could act. */
  actingLeader(): MemberId {
    const { leader } = this.cluster;
    return leader === 0n || this.cluster.member(leader).paused ? 0n : leader;
  }

  acts(id: MemberId): boolean {
    const member = this.cluster.member(id);
    return member.up && !member.paused;
  }

  othersThan(id: MemberId): MemberId[] {
    return this.ids.filter((other) => other !== id);
  }

  /** A command of this size or, by the seed, of any; each is another. */
  propose(
    id: MemberId,
    bytes: number = this.random.chance(0.1) ? this.random.below(1500) : this.random.below(40),
  ): void {
    const data = new Uint8Array(4 + bytes);
    new DataView(data.buffer).setUint32(0, this.#nextValue++);
    this.cluster.propose(id, data);
  }

  /** Everybody who believes to lead is asked. */
  readFromLeaders(): void {
    for (const id of this.ids) {
      if (this.acts(id) && this.cluster.engine(id).status.role === "leader") this.cluster.read(id);
    }
  }

  /** Time passes in small steps, in which `act` happens. */
  inSteps(totalMs: number, stepMs: number, act: () => void): void {
    const end = this.cluster.time + totalMs;
    while (this.cluster.time < end) {
      act();
      this.cluster.run(this.random.between(0, 2 * stepMs));
    }
  }

  /** Time passes event by event, until `condition` holds or it is over. */
  waitFor(condition: () => boolean, withinMs: number): boolean {
    const end = this.cluster.time + withinMs;
    while (!condition()) if (!this.cluster.advance(end)) return false;
    return true;
  }

  tellLinkLost(peer: MemberId): void {
    for (const id of this.othersThan(peer)) this.cluster.feed(id, { type: "linkLost", peer });
  }
}
