/**
 * Loses, doubles and delays single messages of an engine on their way into it, which links never do while they hold but
 * full queues and changing connections may. The engine inside knows nothing of it.
 */
import type { Engine, Input } from "../../consensus/engine.ts";
import type { EngineKind } from "../../consensus/engines.ts";
import type { SeededRandom } from "../../consensus/random.ts";
import type { MemberId } from "../../environment.ts";

export interface MangleRates {
  /** The chance of each, 0 to 1. */
  loss: number;
  duplication: number;
  delay: number;
  maxDelayMs: number;
}

export const unmangled: MangleRates = { loss: 0, duplication: 0, delay: 0, maxDelayMs: 0 };

export interface ManglerOptions {
  readonly rates: (id: MemberId) => MangleRates;
  readonly random: SeededRandom;
  /** Runs later within the process of this member's engine, if that still lives, at its own time. */
  readonly later: (id: MemberId, delayMs: number, run: (now: number) => void) => void;
}

export function mangled(kind: EngineKind, options: ManglerOptions): EngineKind {
  return {
    ...kind,
    create: (engineOptions, start, now) => new MangledEngine(kind.create(engineOptions, start, now), options),
  };
}

class MangledEngine implements Engine {
  readonly #engine: Engine;
  readonly #options: ManglerOptions;

  constructor(engine: Engine, options: ManglerOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  get status(): Engine["status"] {
    return this.#engine.status;
  }

  entryAt(index: number): ReturnType<Engine["entryAt"]> {
    return this.#engine.entryAt(index);
  }

  effects(): ReturnType<Engine["effects"]> {
    return this.#engine.effects();
  }

  step(input: Input, now: number): void {
    if (input.type === "message" && this.#mangle(input)) return;
    this.#engine.step(input, now);
  }

  /** True: it does not arrive now. */
  #mangle(input: Input): boolean {
    const { id } = this.#engine.status;
    const { rates, random, later } = this.#options;
    const { loss, duplication, delay, maxDelayMs } = rates(id);
    if (loss === 0 && duplication === 0 && delay === 0) return false;
    const arrive = (time: number): void => this.#engine.step(input, time);
    if (random.chance(loss)) return true;
    if (random.chance(duplication)) later(id, random.between(0, maxDelayMs), arrive);
    if (!random.chance(delay)) return false;
    later(id, random.between(0, maxDelayMs), arrive);
    return true;
  }
}
