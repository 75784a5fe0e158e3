/**
 * Kinds of life: a plan as its seed drew it, but with more of what some defects need. None says when anything happens, or
 * to whom; that stays with the seed. What a plain plan has in one run of ten is thus in most, and a hunt is ten times
 * shorter.
 */
import { SeededRandom } from "../src/consensus/random.ts";
import type { FaultKind } from "../src/sim/faults/fault.ts";
import { drawPlan } from "../src/sim/plan/draw.ts";
import { withRecipes } from "../src/sim/plan/draw-recipes.ts";
import type { Plan } from "../src/sim/plan/plan.ts";
import type { OperationMix } from "../src/sim/plan/workload-plan.ts";

export type HabitatName =
  | "any life"
  | "calls"
  | "power failures"
  | "rotten disks"
  | "full disks"
  | "leaders that fall"
  | "late members"
  | "changing members"
  | "broken links"
  | "leases"
  | "watches"
  | "recipes";

interface Habitat {
  /** Only these kinds of faults; absent: as drawn. */
  readonly faults?: readonly FaultKind[];
  /** Size of the cluster, between these; absent: as drawn. */
  readonly members?: readonly [number, number];
  /** Time with faults, ms, evenly between these. */
  readonly forMs?: readonly [number, number];
  /** Changes the plan further; `random` is a stream of the seed's own. */
  readonly shape?: (plan: Plan, random: SeededRandom) => Plan;
}

const mixOf = (plan: Plan, mix: Partial<OperationMix>): Plan => ({
  ...plan,
  workload: { ...plan.workload, mix: { ...plan.workload.mix, ...mix } },
});

const falls = ["crash", "kill", "stop", "pause", "isolate", "transfer", "partition"] as const;

const habitats: Readonly<Record<HabitatName, Habitat>> = {
  "any life": {},

  /** What clients ask for matters, and little else happens. */
  calls: {
    faults: ["kill", "crash"],
    forMs: [1_500, 3_000],
    shape: (plan, random) =>
      mixOf(
        {
          ...plan,
          faults: random.chance(0.5) ? [] : plan.faults,
          workload: { ...plan.workload, thinkMs: 30, keys: 3 + random.below(8) },
        },
        { range: 2, history: 2, deleteRange: 3, compareAndSet: 4, multi: 6, compact: random.below(2) },
      ),
  },

  "power failures": {
    faults: ["crash", "crashAll", "crashLoop", "kill", "failingSync", "slowDisk", "isolate"],
    shape: (plan, random) => smallFiles(plan, random),
  },

  "rotten disks": {
    faults: ["bitRot", "misdirectedWrite", "lostFile", "crash", "kill", "isolate"],
    members: [3, 5],
    shape: (plan, random) => smallFiles(plan, random),
  },

  "full disks": {
    faults: ["fullDisk", "crash", "kill"],
    members: [2, 4],
    shape: (plan, random) => {
      const { cluster, workload } = smallFiles(plan, random);
      return { ...plan, cluster, workload: { ...workload, valueBytes: 600 } };
    },
  },

  "leaders that fall": {
    faults: [...falls, "mangle"],
    members: [3, 5],
    shape: (plan) => ({ ...plan, workload: { ...plan.workload, thinkMs: 30, readers: 1 } }),
  },

  /** Members that are away while others go on, and are brought forward by snapshots. */
  "late members": {
    faults: ["isolate", "partition", "pause", "kill", "transfer", "slowLink", "slowDisk", "resetLinks", "addLearner"],
    members: [3, 4],
    forMs: [1_500, 4_000],
    shape: (plan, random) => {
      const { cluster, workload } = plan;
      return {
        ...plan,
        cluster: {
          ...cluster,
          snapshotCount: 5 + random.below(10),
          snapshotCatchupEntries: random.below(10),
          historyBudgetBytes: 20 << 10,
          tuning: { ...cluster.tuning, snapshotChunkBytes: 512 + random.below(1_024) },
        },
        workload: { ...workload, thinkMs: 60, keys: 20, valueBytes: 600, watchers: Math.max(1, workload.watchers) },
      };
    },
  },

  "changing members": {
    faults: ["addLearner", "addVoter", "remove", "replace", "transfer", "kill", "crash", "isolate"],
    members: [1, 3],
    shape: (plan, random) => ({
      ...plan,
      cluster: { ...plan.cluster, snapshotCount: 5 + random.below(20), snapshotCatchupEntries: random.below(10) },
    }),
  },

  "broken links": {
    faults: [
      "partition",
      "oneWayPartition",
      "isolate",
      "cutLink",
      "flapping",
      "resetLinks",
      "forgottenLinks",
      "slowLink",
      "pause",
      "crash",
    ],
    members: [2, 4],
    forMs: [2_000, 6_000],
    shape: (plan) => ({ ...plan, workload: { ...plan.workload, thinkMs: 30 } }),
  },

  leases: {
    faults: [...falls, "migrate", "slowDisk", "clockRate"],
    members: [2, 4],
    forMs: [5_000, 12_000],
    shape: (plan, random) => ({
      ...plan,
      // Some last as long as leases live.
      faults: plan.faults.map((fault) => ({
        ...fault,
        forMs: (random.chance(0.3) ? 1_000 / plan.cluster.electionMs : 1) * fault.forMs,
      })),
      workload: {
        ...plan.workload,
        clients: 1,
        watchers: 0,
        readers: 4,
        leaseholders: 6,
        lockers: 2,
        patienceMs: random.chance(0.3) ? 8_000 : 1_000,
      },
    }),
  },

  watches: {
    faults: ["kill", "isolate", "pause", "clientCut", "slowDisk"],
    forMs: [2_000, 6_000],
    shape: (plan, random) =>
      mixOf(
        {
          ...plan,
          cluster: { ...plan.cluster, snapshotCount: 5 + random.below(20), snapshotCatchupEntries: random.below(5) },
          workload: { ...plan.workload, watchers: 8, readers: 0, leaseholders: 0, lockers: 0, thinkMs: 30 },
        },
        { deleteRange: 2, multi: 3, compact: 1 },
      ),
  },

  /** Programs that use locks, counters and the like. Members fall seldom: it is programs that matter. */
  recipes: {
    faults: ["kill", "isolate", "transfer", "clientCut"],
    members: [1, 3],
    forMs: [3_000, 6_000],
    shape: (plan, random) => withRecipes(random.chance(0.5) ? { ...plan, faults: [] } : plan),
  },
};

export const habitatNames: readonly HabitatName[] = Object.keys(habitats) as HabitatName[];

/** Segments and snapshots of few entries: what happens at their ends happens often. */
function smallFiles(plan: Plan, random: SeededRandom): Plan {
  const { cluster, workload } = plan;
  return {
    ...plan,
    cluster: {
      ...cluster,
      snapshotCount: random.chance(0.7) ? 5 + random.below(30) : 100_000,
      snapshotCatchupEntries: random.chance(0.6) ? 0 : random.below(10),
      // A follower must be able to overtake clients that go on.
      historyBudgetBytes: 10 << 10,
      tuning: { ...cluster.tuning, segmentBytes: (random.chance(0.7) ? 4 : 64) << 10 },
    },
    workload: { ...workload, thinkMs: 30, watchers: 0, readers: 0 },
  };
}

/** The plan of a seed in a habitat. @param engine its name in `src/consensus/engines.ts` */
export function planOf(seed: number, engine: string, name: HabitatName): Plan {
  const { faults, members: sizes, forMs, shape }: Habitat = habitats[name];
  const random = new SeededRandom(seed ^ 0x7a6f6f);
  const members = sizes === undefined ? undefined : sizes[0] + random.below(sizes[1] - sizes[0] + 1);
  const durationMs = forMs === undefined ? undefined : random.between(...forMs);
  const plan = drawPlan(seed, {
    engine,
    ...(faults === undefined ? {} : { faults }),
    ...(members === undefined ? {} : { members }),
    ...(durationMs === undefined ? {} : { durationMs }),
  });
  return shape === undefined ? plan : shape(plan, random);
}
