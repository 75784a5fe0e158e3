/** What a seed stands for when programs use recipes: drawn from a stream of its own, beside the plan of the cluster. */
import { SeededRandom } from "../../consensus/random.ts";
import type { ClusterPlan, Plan } from "./plan.ts";
import { type ProgramFault, type ProgramFaultKind, type RecipePlan, recipeNames } from "./recipe-plan.ts";

/** Two clocks may differ by this share before a session may end later for its program than for the cluster. */
export const CLOCK_DRIFT = 0.0099;
const DURATIONS_MS = [3_000, 4_000, 4_000, 6_000, 8_000, 12_000];

interface Profile {
  readonly chance: number;
  readonly weight: number;
  readonly forMs: readonly [number, number];
  /** `forMs` is in sessions' times to live, not in ms. */
  readonly inLives?: true;
  readonly amount?: readonly [number, number];
}

const profiles: { readonly [kind in ProgramFaultKind]: Profile } = {
  crash: { chance: 0.4, weight: 2, forMs: [10, 2_000] },
  kill: { chance: 0.5, weight: 2, forMs: [10, 2_000] },
  pause: { chance: 0.6, weight: 4, forMs: [0.02, 2.5], inLives: true },
  freeze: { chance: 0.3, weight: 2, forMs: [0.02, 2.5], inLives: true },
  cutOff: { chance: 0.6, weight: 4, forMs: [0.05, 2.5], inLives: true },
  slowWay: { chance: 0.4, weight: 3, forMs: [0.1, 3], inLives: true, amount: [5, 2_500] },
  resetWays: { chance: 0.4, weight: 2, forMs: [0, 0] },
  forgottenWays: { chance: 0.3, weight: 2, forMs: [0, 0] },
  clockRate: { chance: 0.3, weight: 1, forMs: [2_000, 10_000], amount: [1 - CLOCK_DRIFT, 1 + CLOCK_DRIFT] },
};

/** Time with faults, in ms. Sessions live for whole seconds. */
export function recipeDurationMs(seed: number, given: number | undefined): number {
  return given ?? pick(new SeededRandom(seed ^ 0x64757261), DURATIONS_MS);
}

/** What the plan of a seed becomes with programs in it. */
export function withRecipes(plan: Plan): Plan {
  const random = new SeededRandom(plan.seed ^ 0x72656369);
  const recipes = drawRecipes(random, plan.cluster, plan.durationMs);
  return {
    ...plan,
    // Room for all: what is full refuses writes, which is not what recipes are tried by.
    cluster: { ...plan.cluster, quotaBytes: 64 << 20 },
    workload: { ...plan.workload, clients: 0, watchers: 0, readers: 0, leaseholders: 0, lockers: 0 },
    faults: plan.faults.map((fault) =>
      fault.kind === "clockRate" ? { ...fault, amount: near1(fault.amount) } : fault,
    ),
    recipes,
  };
}

/** The members' clocks may be wrong by more than a session bears. */
function near1(rate: number): number {
  return 1 + Math.max(-CLOCK_DRIFT, Math.min(CLOCK_DRIFT, rate - 1));
}

function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

function drawRecipes(random: SeededRandom, { members, electionMs }: ClusterPlan, durationMs: number): RecipePlan {
  const share = random.between(0.15, 0.7);
  const drawn = recipeNames.filter(() => random.chance(share));
  const least = Math.ceil((1.5 * electionMs) / 1_000);
  const programs = 2 + random.below(4);
  const ttlMs = 1_000 * (least + random.below(3));
  return {
    programs,
    recipes: drawn.length === 0 ? [pick(random, recipeNames)] : drawn,
    names: 1 + random.below(2),
    ttlMs,
    thinkMs: pick(random, [20, 100, 400]),
    holdMs: pick(random, [5, 50, 300, 2_000]),
    impatience: pick(random, [0, 0.2, 0.6]),
    compacts: random.chance(0.4),
    store: {
      timeoutMs: pick(random, [500, 2_000, 5_000]),
      dialTimeoutMs: pick(random, [200, 2_000]),
      dialStaggerMs: pick(random, [50, 250]),
      firstBackOffMs: pick(random, [5, 50]),
      longestBackOffMs: pick(random, [200, 2_000]),
      watchSilenceMs: pick(random, [1_000, 3_000, 10_000]),
    },
    keepalive: { timeMs: pick(random, [500, 3_000]), timeoutMs: pick(random, [300, 1_500]) },
    faults: drawProgramFaults(random, { programs, members, ttlMs, durationMs }),
  };
}

interface FaultDraw {
  readonly programs: number;
  readonly members: number;
  readonly ttlMs: number;
  readonly durationMs: number;
}

function drawProgramFaults(random: SeededRandom, { programs, members, ttlMs, durationMs }: FaultDraw): ProgramFault[] {
  const all = Object.keys(profiles) as ProgramFaultKind[];
  const bag = all.flatMap((kind) => {
    const { chance, weight } = profiles[kind];
    return random.chance(chance) ? Array.from({ length: weight }, () => kind) : [];
  });
  const pauseMs = random.between(100, 1_500);
  const faults: ProgramFault[] = [];
  if (bag.length === 0) return faults;
  for (let at = random.between(0, 500); ; ) {
    at += random.between(0, 2 * pauseMs);
    if (at >= durationMs) return faults;
    const kind = pick(random, bag);
    const { forMs, inLives, amount } = profiles[kind];
    faults.push({
      kind,
      at,
      forMs: random.between(...forMs) * (inLives === true ? ttlMs : 1),
      target: random.below(programs),
      // Often all of them.
      members: random.chance(0.4) ? 2 ** 16 - 1 : 1 + random.below(2 ** members - 1),
      amount: amount === undefined ? 0 : random.between(...amount),
    });
  }
}
