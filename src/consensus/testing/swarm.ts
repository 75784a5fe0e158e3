/**
 * A random life of a cluster from one seed: faults of every kind while clients write, read and reconfigure, with the
 * safety properties looking on; then the faults end and everything must come together within a bounded time.
 *
 * Which faults occur, and how often, is itself drawn from the seed (swarm testing): a run without crashes reaches
 * states that a run with all faults at once never sees.
 */
import type { MemberId } from "../../environment.ts";
import type { EngineKind } from "../engines.ts";
import { isJoint, type MembershipChange } from "../membership.ts";
import { SeededRandom } from "../random.ts";
import { Cluster } from "./cluster.ts";

/** What a seed drew. */
export interface SwarmPlan {
  readonly seed: number;
  readonly members: number;
  readonly joiners: number;
  readonly leaseReads: boolean;
  readonly clockDriftMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly maxDelayMs: number;
  readonly partitions: boolean;
  readonly crashes: boolean;
  readonly pauses: boolean;
  readonly slowDisks: boolean;
  readonly reconfigurations: boolean;
  readonly transfers: boolean;
  readonly damage: boolean;
  readonly priorities: boolean;
  readonly reportLinks: boolean;
  readonly snapshotEvery: number;
  readonly steps: number;
}

export function drawPlan(seed: number): SwarmPlan {
  const random = new SeededRandom(seed ^ 0x5eed);
  const often = (probability: number): boolean => random.chance(probability);
  const members = 1 + random.below(5);
  return {
    seed,
    members,
    joiners: random.below(3),
    leaseReads: often(0.4),
    clockDriftMs: 150,
    lossRate: often(0.6) ? random.between(0, 0.2) : 0,
    duplicateRate: often(0.5) ? random.between(0, 0.2) : 0,
    maxDelayMs: often(0.3) ? 400 : often(0.5) ? 40 : 2,
    partitions: often(0.6),
    crashes: often(0.7),
    pauses: often(0.4),
    slowDisks: often(0.4),
    reconfigurations: often(0.5),
    transfers: often(0.4),
    damage: members >= 3 && often(0.2),
    priorities: often(0.3),
    reportLinks: often(0.6),
    snapshotEvery: often(0.5) ? 5 + random.below(30) : 0,
    steps: 150,
  };
}

/** What a run came to, for a summary. */
export interface SwarmResult {
  readonly plan: SwarmPlan;
  readonly committed: number;
  readonly reads: number;
  readonly epoch: number;
}

/** Runs the seed's life. Throws what the properties, the engines' assertions or the liveness phase find. */
export function runSwarm(protocol: EngineKind, plan: SwarmPlan): SwarmResult {
  const ids = Array.from({ length: plan.members + plan.joiners }, (_, i) => BigInt(i + 1));
  const random = new SeededRandom(plan.seed);
  const cluster = new Cluster(protocol, {
    seed: random.uint32(),
    voters: ids.slice(0, plan.members),
    joiners: ids.slice(plan.members),
    engine: {
      leaseReads: plan.leaseReads,
      clockDriftMs: plan.clockDriftMs,
      // Every other seed tells of commits late, up to 40 ms.
      commitNoticeMs: plan.seed % 2 === 0 ? 0 : plan.seed % 41,
    },
    perMember: (id) => (plan.priorities ? { priority: Number(id % 3n) } : {}),
    snapshotEvery: plan.snapshotEvery,
    keepEntries: random.below(20),
    checkDurable: !plan.damage,
    reportLinks: plan.reportLinks,
  });
  const swarm = new Swarm(cluster, plan, random, ids);
  try {
    for (let step = 0; step < plan.steps; step++) swarm.step();
    swarm.comeTogether();
  } catch (error) {
    throw new Error(`seed ${plan.seed}: ${(error as Error).message}\n${cluster.describe()}\n${JSON.stringify(plan)}`, {
      cause: error,
    });
  }
  const epoch = Math.max(...ids.map((id) => cluster.member(id).engine?.status.epoch ?? 0));
  return { plan, committed: cluster.committed, reads: cluster.readsDone.length, epoch };
}

class Swarm {
  readonly #cluster: Cluster;
  readonly #plan: SwarmPlan;
  readonly #random: SeededRandom;
  readonly #ids: readonly MemberId[];
  /** At most one member at a time has lost what it acknowledged. */
  #damaged: MemberId | null = null;
  #nextValue = 1;

  constructor(cluster: Cluster, plan: SwarmPlan, random: SeededRandom, ids: readonly MemberId[]) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#random = random;
    this.#ids = ids;
    Object.assign(cluster.network, {
      lossRate: plan.lossRate,
      duplicateRate: plan.duplicateRate,
      minDelayMs: 0.2,
      maxDelayMs: plan.maxDelayMs,
    });
    // Two clocks differ by at most the drift over an election timeout of 1000 ms.
    const half = plan.clockDriftMs / 1000 / 2.2;
    for (const id of ids) {
      const member = cluster.member(id);
      cluster.crash(id);
      member.rate = 1 + random.between(-half, half);
      member.offset = random.between(0, 1e6);
      cluster.start(id);
    }
  }

  #anyone(): MemberId {
    return this.#ids[this.#random.below(this.#ids.length)] as MemberId;
  }

  /** One thing happens, then some time passes. */
  step(): void {
    const random = this.#random;
    if (random.chance(0.03)) this.#depose();
    const client = random.below(4);
    for (let i = 0; i < client; i++) this.#ask();
    if (random.chance(0.5)) this.#fault();
    this.#cluster.run(random.chance(0.2) ? random.between(200, 2500) : random.between(0, 60));
    this.#endDamage();
  }

  #ask(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const id = random.chance(0.6) && cluster.leader !== 0n ? cluster.leader : this.#anyone();
    const member = cluster.member(id);
    if (!member.up || member.paused) return;
    if (random.chance(0.4)) {
      cluster.read(id);
      return;
    }
    const size = random.chance(0.1) ? random.below(1500) : random.below(40);
    const data = new Uint8Array(4 + size);
    new DataView(data.buffer).setUint32(0, this.#nextValue++);
    cluster.propose(id, data);
  }

  /**
   * What a stale answer needs: a leader cut off (or stopped) that does not know that it was replaced, the others told
   * that its link broke, a write through the new one and a read from everybody who believes to lead.
   */
  #depose(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { leader } = cluster;
    if (leader === 0n || !this.#plan.partitions) return;
    const kind = random.below(4);
    if (kind === 0) cluster.pause(leader);
    else if (kind === 1) for (const id of this.#ids) cluster.network.cut.add(`${leader}>${id}`);
    else cluster.isolate(leader);
    if (random.chance(0.3)) cluster.transfer(leader, 0n);
    for (const id of this.#ids) {
      if (this.#plan.reportLinks && random.chance(0.9)) cluster.feed(id, { type: "linkLost", peer: leader });
      if (this.#plan.crashes && id !== leader && random.chance(0.2)) cluster.restart(id);
    }
    const gap = random.between(1, 80);
    for (let i = 0; i < 40; i++) {
      if (cluster.leader !== 0n && !cluster.member(cluster.leader).paused) {
        cluster.propose(cluster.leader, new Uint8Array([this.#nextValue++ & 255]));
      }
      cluster.run(random.between(0, gap));
      // As soon as a process goes on, before what it missed reaches it.
      if (kind === 0 && i > 5 && random.chance(0.1)) cluster.member(leader).paused = false;
      for (const id of this.#ids) {
        const member = cluster.member(id);
        if (member.engine?.status.role === "leader" && !member.paused) cluster.read(id);
      }
    }
    if (kind === 0) cluster.resume(leader);
    if (random.chance(0.8)) cluster.heal();
  }

  #fault(): void {
    const plan = this.#plan;
    const faults: (() => void)[] = [];
    if (plan.partitions) faults.push(() => this.#partition());
    if (plan.crashes) faults.push(() => this.#crash());
    if (plan.pauses) faults.push(() => this.#pause());
    if (plan.slowDisks) faults.push(() => this.#slowDisk());
    if (plan.reconfigurations) faults.push(() => this.#reconfigure());
    if (plan.transfers) faults.push(() => this.#transfer());
    if (plan.damage) faults.push(() => this.#damage());
    if (faults.length > 0) (faults[this.#random.below(faults.length)] as () => void)();
  }

  #partition(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    if (random.chance(0.4)) return cluster.heal();
    const kind = random.below(4);
    if (kind === 0) cluster.isolate(random.chance(0.5) && cluster.leader !== 0n ? cluster.leader : this.#anyone());
    else if (kind === 1) {
      for (const a of this.#ids) {
        if (!random.chance(0.5)) continue;
        for (const b of this.#ids) if (random.chance(0.5)) cluster.cutBetween(a, b);
      }
    } else {
      // One way only.
      const a = this.#anyone();
      for (const b of this.#ids)
        if (random.chance(0.6)) cluster.network.cut.add(kind === 2 ? `${a}>${b}` : `${b}>${a}`);
    }
    if (!this.#plan.reportLinks) return;
    for (const key of cluster.network.cut) {
      const [a, b] = key.split(">").map(BigInt) as [MemberId, MemberId];
      if (random.chance(0.5))
        cluster.after(random.fraction() * 10, () => cluster.feed(a, { type: "linkLost", peer: b }));
    }
  }

  #crash(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const id = random.chance(0.3) && cluster.leader !== 0n ? cluster.leader : this.#anyone();
    if (random.chance(0.1)) for (const each of this.#ids) cluster.crash(each, "some");
    else if (cluster.member(id).up) return cluster.crash(id, "some");
    for (const each of this.#ids) if (random.chance(0.8)) cluster.start(each);
  }

  #pause(): void {
    const id = this.#random.chance(0.5) && this.#cluster.leader !== 0n ? this.#cluster.leader : this.#anyone();
    if (this.#cluster.member(id).paused) this.#cluster.resume(id);
    else this.#cluster.pause(id);
  }

  #slowDisk(): void {
    const random = this.#random;
    const id = this.#anyone();
    const member = this.#cluster.member(id);
    const was = member.diskDelayMs;
    member.diskDelayMs = random.chance(0.4)
      ? 1
      : random.chance(0.5)
        ? random.between(5, 300)
        : Number.POSITIVE_INFINITY;
    if (was === Number.POSITIVE_INFINITY) this.#cluster.finishWrites(id, 1);
  }

  #reconfigure(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { leader } = cluster;
    if (leader === 0n || cluster.member(leader).paused) return;
    const set: { id: MemberId; role: "voter" | "learner" }[] = [];
    const remove: MemberId[] = [];
    for (const id of this.#ids) {
      const draw = random.below(8);
      if (draw <= 1) set.push({ id, role: draw === 0 ? "voter" : "learner" });
      else if (draw === 2) remove.push(id);
    }
    const change: MembershipChange = { set, remove };
    cluster.reconfigure(leader, change);
  }

  #transfer(): void {
    const { leader } = this.#cluster;
    if (leader === 0n || this.#cluster.member(leader).paused) return;
    this.#cluster.transfer(leader, this.#random.chance(0.3) ? 0n : this.#anyone());
  }

  /** A member loses the end of its log, acknowledged or not, and its storage notices. */
  #damage(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    if (this.#damaged !== null) return;
    const id = this.#anyone();
    const member = cluster.member(id);
    if (!member.up || member.engine?.status.untrusted === true) return;
    cluster.crash(id, "some");
    const { disk } = member;
    const lost = random.below(disk.entries.length + 1);
    disk.entries.splice(disk.entries.length - lost, lost);
    cluster.properties.lost(id);
    disk.untrusted = true;
    this.#damaged = id;
    cluster.start(id);
  }

  #endDamage(): void {
    if (this.#damaged === null) return;
    const member = this.#cluster.member(this.#damaged);
    // Believed again only for good when the disk knows it.
    if (member.engine === null || member.engine.status.untrusted || member.disk.underway.length > 0) return;
    member.disk.untrusted = false;
    this.#damaged = null;
  }

  /** The faults end. Within a bounded time there is a leader, all members agree, and writes and reads go through. */
  comeTogether(): void {
    const cluster = this.#cluster;
    Object.assign(cluster.network, { lossRate: 0, duplicateRate: 0, maxDelayMs: 2 });
    cluster.heal();
    for (const id of this.#ids) {
      const member = cluster.member(id);
      cluster.resume(id);
      cluster.start(id);
      member.diskDelayMs = 1;
      cluster.finishWrites(id, 1);
    }
    if (this.#plan.reportLinks) {
      for (const a of this.#ids) for (const b of this.#ids) if (a !== b) cluster.feed(a, { type: "linkUp", peer: b });
    }
    if (this.#hopeless()) return;
    cluster.elect(30_000);
    // A leadership may still be on the move (preferred members, stalled disks): ask until it is through.
    let done = false;
    for (let attempt = 0; attempt < 60 && !done; attempt++) {
      const leader = cluster.elect(30_000);
      const call = cluster.propose(leader, new Uint8Array([1, 2, 3]));
      const before = cluster.readsDone.length;
      cluster.read(leader);
      cluster.run(500);
      const whole = !isJoint(cluster.engine(leader).status.membership);
      done =
        whole && cluster.isCommitted(call) && cluster.readsDone.length > before && cluster.agree(this.#takingPart());
    }
    if (!done) throw new Error("no progress after the faults ended");
  }

  #takingPart(): MemberId[] {
    const { membership } = this.#cluster.engine(this.#cluster.elect(30_000)).status;
    return [...membership.voters, ...membership.outgoing, ...membership.learners];
  }

  /**
   * The rule a damaged member plays by may leave a group without a quorum of believable members: with two voters, say.
   * No leader can then exist, rightly; only safety was to be seen.
   */
  #hopeless(): boolean {
    return (
      this.#ids.some((id) => this.#cluster.member(id).engine?.status.untrusted === true) && this.#votersWithout() < 3
    );
  }

  /** The fewest voters that any member believes in. */
  #votersWithout(): number {
    const sizes = this.#ids.map((id) => this.#cluster.engine(id).status.membership.voters.length).filter((n) => n > 0);
    return Math.min(...sizes);
  }
}
