/**
 * A random life of a cluster from one seed: faults of every kind while clients write, read and reconfigure, with the
 * safety properties looking on; then the faults end and everything must come together within a bounded time.
 */
import type { MemberId } from "../../environment.ts";
import type { EngineKind } from "../engines.ts";
import type { MembershipChange } from "../membership.ts";
import { SeededRandom } from "../random.ts";
import { Cluster } from "./cluster.ts";
import { ComingTogether } from "./coming-together.ts";
import { undergo } from "./ordeals.ts";
import { Stage } from "./stage.ts";
import type { SwarmPlan } from "./swarm-plan.ts";

export { drawPlan } from "./swarm-plan.ts";

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
      flexibleQuorum: protocol.flexibleQuorums === true && plan.phase2 !== null ? { phase2: plan.phase2 } : null,
    },
    perMember: (id) => (plan.priorities ? { priority: Number(id % 3n) } : {}),
    snapshotEvery: plan.snapshotEvery,
    keepEntries: random.below(20),
    checkDurable: !plan.damage,
    reportLinks: plan.reportLinks,
  });
  // Two clocks differ by at most the drift over an election timeout of 1000 ms.
  const stage = new Stage(cluster, random, ids, plan.clockDriftMs / 1000 / 2.2);
  const swarm = new Swarm(plan, stage);
  try {
    for (let step = 0; step < plan.steps; step++) swarm.step();
    new ComingTogether(stage, plan.reportLinks).run();
  } catch (error) {
    throw new Error(`seed ${plan.seed}: ${(error as Error).message}\n${cluster.describe()}\n${JSON.stringify(plan)}`, {
      cause: error,
    });
  }
  const epoch = Math.max(...ids.map((id) => cluster.member(id).engine?.status.epoch ?? 0));
  return { plan, committed: cluster.committed, reads: cluster.readsDone.length, epoch };
}

class Swarm {
  readonly #stage: Stage;
  readonly #cluster: Cluster;
  readonly #plan: SwarmPlan;
  readonly #random: SeededRandom;
  readonly #ids: readonly MemberId[];

  constructor(plan: SwarmPlan, stage: Stage) {
    const { cluster, random, ids, clockDrift } = stage;
    this.#stage = stage;
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
    for (const id of ids) {
      const member = cluster.member(id);
      cluster.crash(id);
      member.rate = 1 + random.between(-clockDrift, clockDrift);
      member.offset = random.between(0, 1e6);
      cluster.start(id);
    }
  }

  /** One thing happens, then some time passes. */
  step(): void {
    const random = this.#random;
    const { ordeals, ordealRate } = this.#plan;
    if (ordeals.length > 0 && random.chance(ordealRate)) undergo(this.#stage.oneOf(ordeals), this.#stage);
    const client = random.below(4);
    for (let i = 0; i < client; i++) this.#ask();
    if (random.chance(0.5)) this.#fault();
    this.#cluster.run(random.chance(0.2) ? random.between(200, 2500) : random.between(0, 60));
    this.#stage.endDamage();
  }

  #ask(): void {
    const stage = this.#stage;
    const { leader } = this.#cluster;
    const id = this.#random.chance(0.6) && leader !== 0n ? leader : stage.anyone();
    if (!stage.acts(id)) return;
    if (this.#random.chance(0.4)) this.#cluster.read(id);
    else stage.propose(id);
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
    if (plan.damage) faults.push(() => this.#stage.damage(this.#stage.anyone()));
    if (faults.length > 0) (faults[this.#random.below(faults.length)] as () => void)();
  }

  #partition(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    if (random.chance(0.4)) return cluster.heal();
    const kind = random.below(4);
    if (kind === 0)
      cluster.isolate(random.chance(0.5) && cluster.leader !== 0n ? cluster.leader : this.#stage.anyone());
    else if (kind === 1) {
      for (const a of this.#ids) {
        if (!random.chance(0.5)) continue;
        for (const b of this.#ids) if (random.chance(0.5)) cluster.cutBetween(a, b);
      }
    } else {
      // One way only.
      const a = this.#stage.anyone();
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
    const id = random.chance(0.3) && cluster.leader !== 0n ? cluster.leader : this.#stage.anyone();
    if (random.chance(0.1)) for (const each of this.#ids) cluster.crash(each, "some");
    else if (cluster.member(id).up) return cluster.crash(id, "some");
    for (const each of this.#ids) if (random.chance(0.8)) cluster.start(each);
  }

  #pause(): void {
    const id = this.#random.chance(0.5) && this.#cluster.leader !== 0n ? this.#cluster.leader : this.#stage.anyone();
    if (this.#cluster.member(id).paused) this.#cluster.resume(id);
    else this.#cluster.pause(id);
  }

  #slowDisk(): void {
    const random = this.#random;
    const id = this.#stage.anyone();
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
    const leader = this.#stage.actingLeader();
    if (leader === 0n) return;
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
    const leader = this.#stage.actingLeader();
    if (leader === 0n) return;
    this.#cluster.transfer(leader, this.#random.chance(0.3) ? 0n : this.#stage.anyone());
  }
}
