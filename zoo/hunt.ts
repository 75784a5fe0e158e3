/** Looks for one defect: seed after seed until one shows it, then in how many of the next ones it shows. */
import type { Defect, Level } from "./defect.ts";
import type { Ground } from "./ground.ts";
import { type Failure, SeedProcess } from "./seed-process.ts";

export interface HuntOptions {
  readonly ground: Ground;
  /** The first seed is 1; at most this many. */
  readonly seeds: number;
  /** Seeds behind the one that showed it, for the rate. */
  readonly rateSeeds: number;
  readonly patienceMs: number;
}

export interface Find {
  readonly seed: number;
  readonly failure: Failure;
  /** Seconds of the processor until then. */
  readonly seconds: number;
  /** In how many of the `rateSeeds` behind it, too. */
  readonly again: number;
}

export interface Hunt {
  readonly defect: Defect;
  readonly ground: Ground;
  /** Null: it escaped. */
  readonly find: Find | null;
  /** Seeds that failed, but do so without the defect, too. */
  readonly unsound: readonly number[];
  readonly seconds: number;
}

/** A patch that does not even run: no property was violated by what it meant to say. */
const BROKEN_PATCH = /ReferenceError|SyntaxError|is not a function/;

/** The program as it is, on the seeds that failed with a defect: what fails there as well is no find. */
export class Controls {
  readonly #patienceMs: number;
  readonly #processes = new Map<string, SeedProcess>();
  readonly #known = new Map<string, Promise<Failure | null>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  run(ground: Ground, seed: number): Promise<Failure | null> {
    const { level, engine, habitat } = ground;
    const name = `${level}/${engine}/${habitat}/${seed}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // One after the other: a process runs one seed at a time.
    const result = this.#last.then(() => this.#process(level).run(seed, ground));
    this.#last = result.catch(() => null);
    this.#known.set(name, result);
    return result;
  }

  /** Seconds of the processor. */
  get cpuSeconds(): number {
    return [...this.#processes.values()].reduce((sum, process) => sum + process.cpuSeconds, 0);
  }

  stop(): void {
    for (const process of this.#processes.values()) process.stop();
  }

  #process(level: Level): SeedProcess {
    const known = this.#processes.get(level);
    if (known !== undefined) return known;
    const process = new SeedProcess({ defect: null, level, patienceMs: this.#patienceMs });
    this.#processes.set(level, process);
    return process;
  }
}

/** @throws Error if nothing could be measured: see `SeedProcess.run`, or the patch is wrong in another way than it says */
export async function hunt(defect: Defect, options: HuntOptions, controls: Controls): Promise<Hunt> {
  const { ground, seeds, rateSeeds, patienceMs } = options;
  const process = new SeedProcess({ defect, level: ground.level, patienceMs });
  const unsound: number[] = [];
  const shows = async (seed: number): Promise<Failure | null> => {
    const failure = await process.run(seed, ground);
    if (failure === null) return null;
    if (BROKEN_PATCH.test(failure.message)) throw new Error(`its patch does not run: ${failure.message}`);
    if ((await controls.run(ground, seed)) === null) return failure;
    unsound.push(seed);
    return null;
  };
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      const failure = await shows(seed);
      if (failure === null) continue;
      const seconds = process.cpuSeconds;
      let again = 0;
      for (let next = seed + 1; next <= seed + rateSeeds; next++) if ((await shows(next)) !== null) again++;
      return { defect, ground, find: { seed, failure, seconds, again }, unsound, seconds: process.cpuSeconds };
    }
    return { defect, ground, find: null, unsound, seconds: process.cpuSeconds };
  } finally {
    process.stop();
  }
}
