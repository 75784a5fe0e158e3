/** What the schedules of a swarm share: the cluster, the seed's chance, and the small acts that they are made of. */
import type { MemberId } from "../../environment.ts";
import type { SeededRandom } from "../random.ts";
import type { Cluster } from "./cluster.ts";

export class Stage {
  readonly cluster: Cluster;
  readonly random: SeededRandom;
  readonly ids: readonly MemberId[];
  /** How far a clock's rate may be from 1. */
  readonly clockDrift: number;
  /** At most one member at a time has lost what it acknowledged. */
  #damaged: MemberId | null = null;
  #nextValue = 1;

  constructor(cluster: Cluster, random: SeededRandom, ids: readonly MemberId[], clockDrift: number) {
    this.cluster = cluster;
    this.random = random;
    this.ids = ids;
    this.clockDrift = clockDrift;
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

  /** A leader that everybody hears, on sound disks, if there is one within a while; 0n otherwise. */
  calm(): MemberId {
    const { cluster } = this;
    cluster.heal();
    for (const id of this.ids) {
      cluster.start(id);
      if (cluster.member(id).paused) cluster.resume(id);
      cluster.member(id).diskDelayMs = 1;
      cluster.finishWrites(id, 1);
    }
    this.waitFor(() => {
      const { leader } = cluster;
      return leader !== 0n && cluster.engine(leader).status.settled;
    }, 4_000);
    // Long enough for a round of heartbeats, so that a lease is held.
    cluster.run(this.random.between(0, 400));
    return this.actingLeader();
  }

  votersBut(leader: MemberId): MemberId[] {
    const { voters } = this.cluster.engine(leader).status.membership;
    return voters.filter((id) => id !== leader && this.ids.includes(id));
  }

  /**
   * A member crashes and loses the last writes of its log, acknowledged or not, and its storage notices. It starts again.
   * Does nothing while another is damaged.
   */
  damage(id: MemberId): void {
    const { cluster, random } = this;
    const member = cluster.member(id);
    if (this.#damaged !== null || !member.up || member.engine?.status.untrusted === true) return;
    cluster.crash(id, "some");
    const { disk } = member;
    const lost = random.below(disk.entries.length + 1);
    // What replaced entries may be among what is lost: they are found again, and the engine's state is newer than they.
    if (disk.older !== null && lost % 3 === 0) disk.entries = [...disk.older];
    else disk.entries.splice(disk.entries.length - lost, lost);
    disk.untrusted = true;
    cluster.properties.lost(id);
    this.#damaged = id;
    cluster.start(id);
  }

  /** Another may be damaged once this one is believed again for good: when its disk knows it. */
  endDamage(): void {
    if (this.#damaged === null) return;
    const { engine, disk } = this.cluster.member(this.#damaged);
    if (engine === null || engine.status.untrusted || disk.underway.length > 0) return;
    disk.untrusted = false;
    this.#damaged = null;
  }

  tellLinkLost(peer: MemberId): void {
    for (const id of this.othersThan(peer)) this.cluster.feed(id, { type: "linkLost", peer });
  }
}
