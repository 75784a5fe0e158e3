/**
 * What a seed stands for. Which faults occur, how often, and how small the members' limits are is itself drawn (swarm
 * testing, Groce et al. 2012): a run without crashes reaches states that a run with all faults at once never sees.
 */
import { engines } from "../../consensus/engines.ts";
import { SeededRandom } from "../../consensus/random.ts";
import type { TransportLimits } from "../../transport/limits.ts";
import { drawFaults } from "../faults/draw.ts";
import type { FaultKind } from "../faults/fault.ts";
import { recipeDurationMs, withRecipes } from "./draw-recipes.ts";
import type { ClusterPlan, Plan } from "./plan.ts";
import type { WorkloadPlan } from "./workload-plan.ts";

/** What is given instead of drawn. */
export interface PlanOptions {
  readonly engine?: string;
  /** At most as many as there are members. */
  readonly phase2Quorum?: number;
  readonly members?: number;
  /** Time with faults, in ms. */
  readonly durationMs?: number;
  /** Only these kinds of faults; none: a run without faults. */
  readonly faults?: readonly FaultKind[];
  /** Only these of the drawn faults, by their place in the plan: how a failure is made smaller. */
  readonly keep?: readonly number[];
  /** Programs that use recipes, in place of plain clients. */
  readonly recipes?: boolean;
}

/**
 * Time with faults, in ms. Many short runs find more than few long ones for the same money: what a run draws matters more
 * than how long it goes on. Leases, which live for whole seconds, need the longer ones.
 */
const DURATIONS_MS = [1_000, 1_500, 2_000, 2_000, 3_000, 3_000, 4_000, 5_000, 8_000, 15_000];
const KIB = 1024;
const MIB = 1024 * KIB;

export function drawPlan(seed: number, options: PlanOptions = {}): Plan {
  // Separate streams: what one part draws does not shift the others.
  const clusterDraws = new SeededRandom(seed ^ 0x636c7573);
  const workloadDraws = new SeededRandom(seed ^ 0x776f726b);
  const faultDraws = new SeededRandom(seed ^ 0x6661756c);
  const drawn = drawCluster(clusterDraws, options);
  const cluster = { ...drawn, phase2Quorum: drawPhase2Quorum(new SeededRandom(seed ^ 0x71756f72), drawn, options) };
  const drawnMs = pick(workloadDraws, DURATIONS_MS);
  const durationMs =
    options.recipes === true ? recipeDurationMs(seed, options.durationMs) : (options.durationMs ?? drawnMs);
  const { members, electionMs } = cluster;
  const faults = drawFaults(faultDraws, { members, durationMs, electionMs, only: options.faults ?? null });
  const plan = { seed, durationMs, cluster, workload: drawWorkload(workloadDraws), faults, recipes: null };
  const whole = options.recipes === true ? withRecipes(plan) : plan;
  return options.keep === undefined ? whole : withFaults(whole, options.keep);
}

/** How many faults there are to leave out: the members', and behind them the programs'. */
export function faultCount({ faults, recipes }: Plan): number {
  return faults.length + (recipes?.faults.length ?? 0);
}

function withFaults(plan: Plan, keep: readonly number[]): Plan {
  const { faults, recipes } = plan;
  return {
    ...plan,
    faults: faults.filter((_, at) => keep.includes(at)),
    recipes:
      recipes === null
        ? null
        : { ...recipes, faults: recipes.faults.filter((_, at) => keep.includes(faults.length + at)) },
  };
}

function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

/** Where there is a choice, some choose; others' seeds stay what they are. */
function drawPhase2Quorum(
  random: SeededRandom,
  { engine, members }: Pick<ClusterPlan, "engine" | "members">,
  { phase2Quorum }: PlanOptions,
): number | null {
  if (engines.get(engine)?.flexibleQuorums !== true) return null;
  if (phase2Quorum !== undefined) return Math.min(phase2Quorum, members);
  return random.chance(0.25) ? 1 + random.below(members) : null;
}

function drawCluster(random: SeededRandom, options: PlanOptions): Omit<ClusterPlan, "phase2Quorum"> {
  const often = (probability: number): boolean => random.chance(probability);
  const members = options.members ?? pick(random, [1, 2, 3, 3, 3, 3, 3, 4, 5, 5]);
  // All that a cluster waits for is in proportion to this; a shorter one does the same in less time.
  const electionMs = pick(random, [150, 300, 300, 300, 1_000]);
  const heartbeatMs = electionMs / pick(random, [5, 10]);
  const snapshots = often(0.7);
  const smallMessages = often(0.5);
  return {
    engine: options.engine ?? "raft",
    members,
    electionMs,
    heartbeatMs,
    leaseReads: often(0.5),
    priorities: often(0.2),
    snapshotCount: snapshots ? 5 + random.below(often(0.5) ? 30 : 300) : 100_000,
    snapshotCatchupEntries: often(0.7) ? random.below(30) : 5_000,
    historyBudgetBytes: often(0.3) ? 2 * KIB + random.below(30 * KIB) : 0,
    quotaBytes: often(0.1) ? 8 * KIB + random.below(16 * KIB) : 64 * MIB,
    watchProgressIntervalMs: 100 + random.below(1_000),
    tuning: {
      tickMs: heartbeatMs / pick(random, [1, 2]),
      segmentBytes: pick(random, [4, 8, 16, 64, 256]) * KIB,
      snapshotLogBytes: often(0.2) ? 8 * KIB + random.below(64 * KIB) : 64 * MIB,
      catchUpBytes: often(0.3) ? random.below(8 * KIB) : 64 * MIB,
      snapshotChunkBytes: often(0.5) ? KIB + random.below(8 * KIB) : MIB,
      snapshotResendMs: pick(random, [50, 2_000]),
      maxMessageBytes: smallMessages ? 100 + random.below(2_000) : MIB,
      maxInflightMessages: often(0.5) ? 1 + random.below(8) : 512,
      maxInflightBytes: often(0.3) ? KIB + random.below(8 * KIB) : 32 * MIB,
      maxUncommittedBytes: often(0.2) ? 2 * KIB + random.below(16 * KIB) : 128 * MIB,
      commitNoticeMs: pick(random, [0, 2, 2, 20, 60]),
      maxPendingCommands: often(0.15) ? 3 + random.below(10) : 50_000,
      callTimeoutMs: pick(random, [500, 5_000]),
      links: often(0.7) ? drawLinks(random, electionMs) : {},
    },
    chunking: often(0.3),
    minDelayMs: 0.1,
    maxDelayMs: Math.min(pick(random, [0.5, 2, 2, 10, 50]), electionMs / 20),
    writeMs: pick(random, [0.05, 0.2, 1]),
    syncMs: pick(random, [0.5, 2, 10]),
  };
}

/** In proportion to elections, as by default: connections that die go by otherwise while a short run lasts. */
function drawLinks(random: SeededRandom, electionMs: number): Partial<TransportLimits> {
  return {
    pingIntervalMs: electionMs,
    maxMissedPings: 2 + random.below(3),
    connectTimeoutMs: electionMs,
    handshakeTimeoutMs: 2 * electionMs,
    maxRetryMs: electionMs,
  };
}

function drawWorkload(random: SeededRandom): WorkloadPlan {
  const often = (probability: number): boolean => random.chance(probability);
  const weight = (probability: number, most: number): number => (often(probability) ? 1 + random.below(most) : 0);
  return {
    clients: 2 + random.below(5),
    thinkMs: pick(random, [15, 40, 100, 200, 400]),
    keys: pick(random, [1, 3, 10, 30]),
    valueBytes: pick(random, [8, 8, 60, 600]),
    mix: {
      put: 4 + random.below(6),
      get: 2 + random.below(6),
      range: weight(0.5, 2),
      history: weight(0.4, 2),
      serializable: weight(0.4, 3),
      deleteRange: weight(0.5, 2),
      compareAndSet: weight(0.6, 4),
      multi: weight(0.6, 3),
      compact: weight(0.4, 1),
    },
    patienceMs: pick(random, [300, 1_000, 3_000, 8_000]),
    watchers: often(0.6) ? 1 + random.below(2) : 0,
    readers: often(0.4) ? 1 : 0,
    leaseholders: often(0.5) ? 1 + random.below(2) : 0,
    lockers: often(0.4) ? 2 : 0,
  };
}
