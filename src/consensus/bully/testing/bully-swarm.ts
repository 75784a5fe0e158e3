/**
 * A random life of a group from one seed: loss, doubling, delay, partitions, crashes, pauses, clocks that drift, changed
 * numbers. Then the faults end, the group is left in parts that reach each other, and each part has to settle within
 * a bounded time and stay so; then the parts are joined, and the whole has to.
 */
import type { MemberId } from "../../../environment.ts";
import { SeededRandom } from "../../random.ts";
import type { BullyMember } from "../members.ts";
import { BullyCluster, bullyTimes, settlesWithinMs } from "./bully-cluster.ts";

/** Which faults occur is drawn, too (swarm testing): a run with all of them at once misses what few of them reach. */
export interface BullyPlan {
  readonly seed: number;
  readonly members: readonly BullyMember[];
  /** Who takes over from lower leaders. */
  readonly preempt: "all" | "none" | "some";
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly maxDelayMs: number;
  readonly partitions: boolean;
  readonly crashes: boolean;
  readonly pauses: boolean;
  readonly renumbering: boolean;
  readonly reportLinks: boolean;
  /** How much faster or slower a clock may go, as a part of 1. */
  readonly drift: number;
}

/** What a run came to, for a summary. */
export interface BullyResult {
  readonly plan: BullyPlan;
  readonly sent: number;
  /** Changes of leader that some member saw. */
  readonly changes: number;
  readonly log: string;
}

const steps = 80;

export function drawBullyPlan(seed: number): BullyPlan {
  const random = new SeededRandom(seed ^ 0xb011);
  const often = (probability: number): boolean => random.chance(probability);
  const count = 1 + random.below(7);
  return {
    seed,
    // Few numbers, so that some are equal.
    members: Array.from({ length: count }, (_, i) => ({ id: BigInt(i + 1), number: random.below(5) })),
    preempt: often(0.6) ? "all" : often(0.5) ? "none" : "some",
    lossRate: often(0.6) ? random.between(0, 0.4) : 0,
    duplicateRate: often(0.5) ? random.between(0, 0.3) : 0,
    maxDelayMs: often(0.3) ? 1500 : often(0.5) ? 150 : 5,
    partitions: often(0.6),
    crashes: often(0.6),
    pauses: often(0.4),
    renumbering: often(0.3),
    reportLinks: often(0.5),
    drift: often(0.5) ? 0.05 : 0,
  };
}

/** Runs the seed's life. Throws what the properties and the invariants find. */
export function runBullySwarm(plan: BullyPlan): BullyResult {
  const swarm = new BullySwarm(plan);
  try {
    for (let step = 0; step < steps; step++) swarm.step();
    return swarm.settle();
  } catch (error) {
    const facts = `${swarm.cluster.describe()}\n${describePlan(plan)}`;
    throw new Error(`seed ${plan.seed}: ${(error as Error).message}\n${facts}`, { cause: error });
  }
}

function describePlan(plan: BullyPlan): string {
  return JSON.stringify(plan, (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value));
}

class BullySwarm {
  readonly cluster: BullyCluster;
  readonly #plan: BullyPlan;
  readonly #random: SeededRandom;
  readonly #ids: readonly MemberId[];

  constructor(plan: BullyPlan) {
    const random = new SeededRandom(plan.seed);
    this.#plan = plan;
    this.#random = random;
    this.#ids = plan.members.map(({ id }) => id);
    this.cluster = new BullyCluster({
      seed: random.uint32(),
      members: plan.members,
      perMember: (id) => ({ preempt: plan.preempt === "all" || (plan.preempt === "some" && id % 2n === 0n) }),
      reportLinks: plan.reportLinks,
    });
    const { lossRate, duplicateRate, maxDelayMs } = plan;
    Object.assign(this.cluster.network, { lossRate, duplicateRate, maxDelayMs, minDelayMs: 0.2 });
    for (const id of this.#ids) {
      this.cluster.crash(id);
      Object.assign(this.cluster.member(id), {
        rate: 1 + random.between(-plan.drift, plan.drift),
        offset: random.between(0, 1e6),
      });
      this.cluster.start(id);
    }
  }

  #anyone(): MemberId {
    return this.#ids[this.#random.below(this.#ids.length)] as MemberId;
  }

  #anyoneOrLeader(): MemberId {
    const { leaders } = this.cluster;
    return this.#random.chance(0.4) && leaders[0] !== undefined ? leaders[0] : this.#anyone();
  }

  step(): void {
    const random = this.#random;
    if (random.chance(0.5)) this.#fault();
    this.cluster.run(random.chance(0.2) ? random.between(100, 3000) : random.between(0, 120));
  }

  #fault(): void {
    const plan = this.#plan;
    const faults: (() => void)[] = [];
    if (plan.partitions) faults.push(() => this.#partition());
    if (plan.crashes) faults.push(() => this.#crash());
    if (plan.pauses) faults.push(() => this.#pause());
    if (plan.renumbering) faults.push(() => this.#renumber());
    if (faults.length > 0) (faults[this.#random.below(faults.length)] as () => void)();
  }

  #partition(): void {
    const random = this.#random;
    if (random.chance(0.3)) this.cluster.partition();
    else if (random.chance(0.5)) this.cluster.partition(...this.#groups());
    else for (const b of this.#ids) if (random.chance(0.5)) this.cluster.network.cutOneWay(this.#anyone(), b);
  }

  #groups(): MemberId[][] {
    const groups: MemberId[][] = [[], [], []];
    for (const id of this.#ids) groups[this.#random.below(groups.length)]?.push(id);
    return groups;
  }

  #crash(): void {
    const id = this.#anyoneOrLeader();
    if (this.cluster.member(id).bully !== null) return this.cluster.crash(id);
    for (const each of this.#ids) if (this.#random.chance(0.7)) this.cluster.start(each);
  }

  #pause(): void {
    const id = this.#anyoneOrLeader();
    if (this.cluster.member(id).paused) this.cluster.resume(id);
    else this.cluster.pause(id);
  }

  /** Some get other numbers, some are no members for a while. */
  #renumber(): void {
    const all = this.#plan.members.map(({ id }) => ({ id, number: this.#random.below(5) }));
    this.cluster.renumber(all.filter(() => this.#random.chance(0.8)));
  }

  settle(): BullyResult {
    const { cluster } = this;
    const { network } = cluster;
    const lastArrivalMs = this.#plan.maxDelayMs;
    Object.assign(network, { lossRate: 0, duplicateRate: 0, maxDelayMs: 5 });
    cluster.renumber(this.#plan.members);
    for (const id of this.#ids) cluster.resume(id);
    const groups = this.#groups();
    cluster.partition(...groups);
    cluster.run(lastArrivalMs);
    this.#settleAs(groups);
    for (const id of this.#ids) if (this.#random.chance(0.8)) cluster.start(id);
    cluster.partition();
    this.#settleAs([this.#ids]);
    const changes = this.#told();
    return { plan: this.#plan, sent: cluster.sent, changes, log: cluster.describe() };
  }

  /** Time to settle; then the properties hold, and nobody is told of another leader any more. */
  #settleAs(groups: readonly (readonly MemberId[])[]): void {
    const { cluster } = this;
    cluster.run(settlesWithinMs() / (1 - this.#plan.drift));
    for (const group of groups) cluster.checkQuiet(group);
    const changes = this.#told();
    const sent = cluster.sent;
    cluster.run(10 * bullyTimes.leaderTimeoutMs);
    for (const group of groups) cluster.checkQuiet(group);
    if (this.#told() !== changes) throw new Error("the leader changed without any fault");
    this.#checkHeartbeatsOnly(cluster.sent - sent);
  }

  /** A leader for each part and a message from it to everybody: more is a storm. */
  #checkHeartbeatsOnly(sent: number): void {
    const { leaders } = this.cluster;
    const beats = (10 * bullyTimes.leaderTimeoutMs * (1 + this.#plan.drift)) / bullyTimes.heartbeatIntervalMs + 1;
    const limit = leaders.length * (this.#ids.length - 1) * beats;
    if (sent > limit) throw new Error(`${sent} messages were sent while nothing happened, at most ${limit} should be`);
  }

  #told(): number {
    return this.#ids.reduce((sum, id) => sum + this.cluster.member(id).told.length, 0);
  }
}
