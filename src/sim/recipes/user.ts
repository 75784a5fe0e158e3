/** One life of a program as the uses of recipes see it: its library, its chance, its patience, and where to write down. */
import type { SeededRandom } from "../../consensus/random.ts";
import type { Quorate } from "../../coordination/quorate.ts";
import type { CallOptions } from "../../store/store.ts";
import type { RecipePlan } from "../plan/recipe-plan.ts";
import type { ProgramLife } from "../programs/program.ts";
import type { RecipeRecorder } from "./recorder.ts";

/** What all users of a run share. */
export interface Stage {
  readonly plan: RecipePlan;
  readonly recorder: RecipeRecorder;
  /** The faults are over: nobody gives up any more. */
  readonly calm: boolean;
  /** Counts uses of something that is used up. */
  nextUse(what: string): number;
  /** Runs something outside of all programs. */
  later(delayMs: number, run: () => void): void;
}

/** A wait that is limited whatever happens, ms: where it may be for something that does not come. */
const PATIENCE_MS = 3_000;

export class User {
  readonly life: ProgramLife;
  readonly random: SeededRandom;
  readonly stage: Stage;
  readonly #stop = new AbortController();
  readonly #kept = new Map<string, object>();

  constructor(life: ProgramLife, random: SeededRandom, stage: Stage) {
    this.life = life;
    this.random = random;
    this.stage = stage;
  }

  get quorate(): Quorate {
    return this.life.quorate;
  }

  get recorder(): RecipeRecorder {
    return this.stage.recorder;
  }

  /** Aborted when the run is over. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The name of one of the resources of a kind. */
  name(kind: string): string {
    return `${kind}${this.random.below(this.stage.plan.names)}`;
  }

  /** An object that a program makes once and keeps. */
  kept<T extends object>(name: string, make: () => T): T {
    const found = this.#kept.get(name) as T | undefined;
    if (found !== undefined) return found;
    const made = make();
    this.#kept.set(name, made);
    return made;
  }

  sleep(mostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.life.clock.after(this.random.between(1, Math.max(2, mostMs)), resolve);
    return promise;
  }

  /** Some wait for as long as it takes, some give up. */
  patience(): CallOptions {
    const { calm, plan } = this.stage;
    const limit =
      calm || !this.random.chance(plan.impatience) ? {} : { timeoutMs: this.random.between(1, PATIENCE_MS) };
    return { signal: this.stopping, ...limit };
  }

  /** Nobody waits for ever. */
  limited(): CallOptions {
    return { signal: this.stopping, timeoutMs: this.random.between(1, PATIENCE_MS) };
  }
}

/** Something that a program does with a recipe, once. */
export type Use = (user: User) => Promise<void>;
