/** One run of the simulator from a seed: a life with faults, coming to rest, and the verdict of all checkers. */
import { historyCheckers } from "./checkers/index.ts";
import { Workload } from "./clients/workload.ts";
import { Nemesis } from "./faults/nemesis.ts";
import { Liveness } from "./liveness.ts";
import { drawPlan, type PlanOptions } from "./plan/draw.ts";
import type { Plan } from "./plan/plan.ts";
import { RecipeLife } from "./recipes/recipe-life.ts";
import { settle } from "./settle.ts";
import { World } from "./world/world.ts";

export interface SeedOptions extends PlanOptions {
  readonly seed: number;
  /** Lines of the trace to keep; default: none. */
  readonly keepLines?: number;
}

export interface SeedResult {
  readonly seed: number;
  readonly plan: Plan;
  readonly failure: { readonly property: string; readonly message: string } | null;
  /** Equal if and only if the runs were. */
  readonly traceHash: string;
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly calls: number;
  readonly answered: number;
  readonly entries: number;
  /** Faults that began, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  /** Rare paths that were reached, by name; 0: never. */
  readonly marks: ReadonlyMap<string, number>;
}

export function runSeed(options: SeedOptions): Promise<SeedResult> {
  return runPlan(drawPlan(options.seed, options), options.keepLines ?? 0);
}

/** Runs a plan that may have been changed since it was drawn. */
export async function runPlan(plan: Plan, keepLines = 0): Promise<SeedResult> {
  const world = new World({ plan, keepLines, settle });
  const workload = new Workload(world);
  const nemesis = new Nemesis(world);
  const recipes = plan.recipes === null ? null : new RecipeLife(world, plan.recipes);
  try {
    workload.start();
    nemesis.start();
    recipes?.start();
    await world.timeline.run(plan.durationMs, () => world.violation !== null);
    if (world.violation === null) await new Liveness(world, nemesis, workload).run(() => recipes?.comeToRest());
    if (world.violation === null) recipes?.judge();
    // Recipes write by themselves, which plain checkers would call made up.
    if (world.violation === null && recipes === null) judge(world);
  } catch (error) {
    world.violated("no exception", error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const { observer } = world;
  const { calls } = observer.recorder;
  return {
    seed: plan.seed,
    plan,
    failure: world.violation,
    traceHash: world.trace.hash,
    trace: world.trace.lines,
    virtualMs: world.timeline.now,
    events: world.timeline.events,
    calls: calls.length,
    answered: calls.filter(({ outcome }) => outcome?.type === "answered").length,
    entries: observer.truth.index,
    faults: new Map([...nemesis.begun, ...(recipes?.nemesis.begun ?? [])]),
    marks: observer.marks.counts,
  };
}

/** What clients saw, against what happened. */
function judge(world: World): void {
  const { recorder, truth } = world.observer;
  for (const checker of historyCheckers) {
    const violation = checker.check(recorder, truth);
    if (violation !== null) return world.violated(violation.property, violation.message);
  }
}
