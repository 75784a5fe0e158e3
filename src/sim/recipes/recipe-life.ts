/**
 * The part of a run that is about recipes: programs live with faults; when all is well again everybody must get its turn,
 * and nothing may be left behind; then all that they saw is held against the cluster's history.
 */
import { recipeCheckers } from "../checkers/recipes/index.ts";
import { pendingReasons } from "../pending.ts";
import type { RecipePlan } from "../plan/recipe-plan.ts";
import type { World } from "../world/world.ts";
import { ProgramNemesis } from "./program-nemesis.ts";
import { RecipeWorkload } from "./workload.ts";

/** Within which everybody must have got on, beside some times to live: the dead hold for so long. */
const BOUND_MS = 60_000;
const BOUND_LIVES = 5;
const LOOKS_EVERY_MS = 20;

export class RecipeLife {
  readonly workload: RecipeWorkload;
  readonly nemesis: ProgramNemesis;
  readonly #world: World;

  constructor(world: World, plan: RecipePlan) {
    this.#world = world;
    this.workload = new RecipeWorkload(world, plan);
    this.nemesis = new ProgramNemesis(world, this.workload);
    world.programHosts = this.workload.programs.map(({ machine }) => machine.host);
  }

  start(): void {
    this.workload.start();
    this.nemesis.start();
  }

  /** The members are well again: now the programs are, too. */
  async comeToRest(): Promise<void> {
    const { workload } = this;
    this.nemesis.heal();
    workload.calm = true;
    this.#world.trace.note("world", "programs are left in peace from now on");
    await this.#within("every program gets its turn", () => workload.waiting());
    if (this.#world.violation !== null) return;
    workload.stop();
    await this.#within("nothing is left behind", () => workload.leftBehind());
  }

  judge(): void {
    const world = this.#world;
    for (const checker of recipeCheckers) {
      const violation = checker.check(this.workload.recorder, world.observer.truth);
      if (violation !== null) return world.violated(violation.property, violation.message);
    }
  }

  async #within(property: string, open: () => string[]): Promise<void> {
    const world = this.#world;
    const boundMs = BOUND_MS + BOUND_LIVES * this.workload.plan.ttlMs;
    const end = world.timeline.now + boundMs;
    while (world.timeline.now < end) {
      await world.timeline.run(LOOKS_EVERY_MS, () => world.violation !== null);
      if (world.violation !== null || open().length === 0) return;
    }
    const lines = [`not within ${boundMs} ms of virtual time`, ...open(), ...pendingReasons(world)];
    world.violated(property, lines.join("\n"));
  }
}
