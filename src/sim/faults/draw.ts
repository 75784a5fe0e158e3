/** Draws the faults of a run: which kinds at all, how dense, when, to whom, how long. */
import type { SeededRandom } from "../../consensus/random.ts";
import type { Fault, FaultKind, Target } from "./fault.ts";

/**
 * How a kind is drawn: how likely a run has it, how long it lasts, and what `amount` means. Times are those of a cluster
 * with an election timeout of a second; with others they are in proportion.
 */
interface Profile {
  /** The chance that a run has this kind at all. */
  readonly chance: number;
  /** How often it is chosen among the kinds that a run has. */
  readonly weight: number;
  readonly forMs: readonly [number, number];
  /** `amount` is a time. */
  readonly timed?: true;
  readonly amount?: (random: SeededRandom, members: number) => number;
  readonly target?: (random: SeededRandom, members: number) => Target;
  /** Smallest cluster in which it means anything, or that can bear it. */
  readonly members: number;
}

const between =
  (low: number, high: number) =>
  (random: SeededRandom): number =>
    random.between(low, high);

/** A quarter of the faults hit the leader, wherever it is then: it has the most to lose. */
const mostlyLeader = (random: SeededRandom, members: number): Target =>
  random.chance(0.45) ? "leader" : random.chance(0.2) ? "follower" : random.below(members);

/** At least one member on each side, drawn as bits. */
const side = (random: SeededRandom, members: number): number => 1 + random.below(2 ** members - 2);

const profiles: { readonly [kind in FaultKind]: Profile } = {
  partition: { chance: 0.4, weight: 2, forMs: [200, 5_000], amount: side, members: 2 },
  oneWayPartition: { chance: 0.2, weight: 1, forMs: [200, 5_000], amount: side, members: 2 },
  isolate: { chance: 0.4, weight: 3, forMs: [200, 4_000], target: mostlyLeader, members: 2 },
  cutLink: { chance: 0.3, weight: 2, forMs: [200, 5_000], target: mostlyLeader, members: 2 },
  flapping: { chance: 0.15, weight: 1, forMs: [1_000, 5_000], timed: true, amount: between(20, 600), members: 2 },
  slowLink: { chance: 0.3, weight: 2, forMs: [500, 6_000], timed: true, amount: between(10, 1_500), members: 2 },
  cloggedLink: { chance: 0.15, weight: 1, forMs: [500, 6_000], amount: between(0.1, 20), members: 2 },
  resetLinks: { chance: 0.3, weight: 2, forMs: [0, 0], target: mostlyLeader, members: 2 },
  forgottenLinks: { chance: 0.2, weight: 1, forMs: [1, 500], target: mostlyLeader, members: 2 },
  mangle: { chance: 0.35, weight: 3, forMs: [1_000, 8_000], amount: between(0.01, 0.3), members: 2 },
  clientCut: { chance: 0.2, weight: 1, forMs: [200, 4_000], target: mostlyLeader, members: 1 },
  kill: { chance: 0.5, weight: 3, forMs: [10, 3_000], target: mostlyLeader, members: 1 },
  crash: { chance: 0.6, weight: 4, forMs: [10, 3_000], target: mostlyLeader, members: 1 },
  crashAll: { chance: 0.35, weight: 2, forMs: [10, 1_500], members: 1 },
  crashLoop: { chance: 0.15, weight: 1, forMs: [500, 3_000], members: 1 },
  stop: { chance: 0.2, weight: 1, forMs: [10, 2_000], target: mostlyLeader, members: 1 },
  pause: { chance: 0.4, weight: 3, forMs: [50, 4_000], target: mostlyLeader, members: 1 },
  migrate: {
    chance: 0.2,
    weight: 1,
    forMs: [50, 4_000],
    timed: true,
    amount: between(10, 1_500),
    target: mostlyLeader,
    members: 2,
  },
  slowDisk: {
    chance: 0.3,
    weight: 2,
    forMs: [500, 5_000],
    timed: true,
    amount: between(5, 400),
    target: mostlyLeader,
    members: 1,
  },
  hangingDisk: { chance: 0.2, weight: 1, forMs: [500, 6_000], target: mostlyLeader, members: 1 },
  fullDisk: {
    chance: 0.15,
    weight: 1,
    forMs: [500, 5_000],
    amount: between(0, 4_000),
    target: mostlyLeader,
    members: 1,
  },
  failingSync: { chance: 0.15, weight: 1, forMs: [0, 0], target: mostlyLeader, members: 2 },
  bitRot: { chance: 0.15, weight: 1, forMs: [50, 2_000], amount: between(1, 40), members: 3 },
  misdirectedWrite: { chance: 0.08, weight: 1, forMs: [0, 0], amount: between(512, 8_192), members: 3 },
  lostFile: { chance: 0.08, weight: 1, forMs: [50, 2_000], amount: between(0, 1_000), members: 3 },
  clockRate: { chance: 0.3, weight: 2, forMs: [1_000, 10_000], amount: between(0.96, 1.04), members: 1 },
  wallClock: { chance: 0.2, weight: 1, forMs: [0, 0], amount: between(-1e9, 1e9), members: 1 },
  transfer: { chance: 0.35, weight: 3, forMs: [0, 0], members: 2 },
  addLearner: { chance: 0.25, weight: 2, forMs: [0, 0], members: 1 },
  addVoter: { chance: 0.15, weight: 1, forMs: [0, 0], members: 1 },
  remove: { chance: 0.2, weight: 1, forMs: [0, 0], target: mostlyLeader, members: 2 },
  replace: { chance: 0.15, weight: 1, forMs: [50, 1_000], members: 3 },
};

/** Time at the start without faults, so that there is a cluster; the next two, from the end of one fault to the next. */
const QUIET_MS = 1_500;
const LEAST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 2_500;
/** In some runs all lasts so many times as long: long enough for what waits for connections, not for elections. */
const STRETCH = 4;
const STRETCH_CHANCE = 0.15;

export interface FaultDraw {
  readonly members: number;
  readonly durationMs: number;
  readonly electionMs: number;
  /** Only these kinds, each surely; null: as drawn. */
  readonly only: readonly FaultKind[] | null;
}

export function drawFaults(random: SeededRandom, { members, durationMs, electionMs, only }: FaultDraw): Fault[] {
  const all = Object.keys(profiles) as FaultKind[];
  const kinds = all.filter((kind) => {
    const chosen = random.chance(profiles[kind].chance);
    return (only === null ? chosen : only.includes(kind)) && members >= profiles[kind].members;
  });
  const pace = electionMs / 1_000;
  const stretch = pace * (random.chance(STRETCH_CHANCE) ? STRETCH : 1);
  const pauseMs = pace * random.between(LEAST_PAUSE_MS, LONGEST_PAUSE_MS);
  const faults: Fault[] = [];
  if (kinds.length === 0) return faults;
  const weights = kinds.map((kind) => profiles[kind].weight);
  for (let at = pace * QUIET_MS * random.fraction(); ; ) {
    at += random.between(0, 2 * pauseMs);
    if (at >= durationMs) return faults;
    const kind = choose(random, kinds, weights);
    const { forMs, timed, amount, target } = profiles[kind];
    const slot = target === undefined ? random.below(members) : target(random, members);
    faults.push({
      kind,
      at,
      forMs: forMs[1] === 0 ? 0 : Math.min(stretch * random.between(...forMs), durationMs - at),
      target: slot,
      other: random.below(members),
      amount: (amount?.(random, members) ?? 0) * (timed === true ? pace : 1),
    });
  }
}

function choose<T>(random: SeededRandom, choices: readonly T[], weights: readonly number[]): T {
  let left = random.below(weights.reduce((sum, weight) => sum + weight, 0));
  for (const [at, choice] of choices.entries()) {
    left -= weights[at] ?? 0;
    if (left < 0) return choice;
  }
  return choices.at(-1) as T;
}
