/** Looks for one defect: seed after seed until one shows it, then in how many of the next ones it shows. */
import type { Defect } from "./defect.ts";
import { type Failure, type Level, SeedProcess } from "./seed-process.ts";

export interface HuntOptions {
  readonly level: Level;
  /** The first seed is 1; at most this many. */
  readonly seeds: number;
  /** Seeds behind the one that showed it, for the rate. */
  readonly rateSeeds: number;
  readonly patienceMs: number;
}

export interface Find {
  readonly seed: number;
  readonly failure: Failure;
  /** Real time until then, seconds. */
  readonly seconds: number;
  /** In how many of the `rateSeeds` behind it, too. */
  readonly again: number;
}

export interface Hunt {
  readonly defect: Defect;
  readonly level: Level;
  /** Null: it escaped. */
  readonly find: Find | null;
  /** Seeds that failed, but do so without the defect, too. */
  readonly unsound: readonly number[];
  readonly seconds: number;
}

/** The program as it is, on the seeds that failed with a defect: what fails there as well is no find. */
export class Control {
  readonly #process: SeedProcess;
  readonly #known = new Map<number, Promise<Failure | null>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(level: Level, patienceMs: number) {
    this.#process = new SeedProcess({ defect: null, level, engine: "raft", patienceMs });
  }

  run(seed: number): Promise<Failure | null> {
    const known = this.#known.get(seed);
    if (known !== undefined) return known;
    // One after the other: the process runs one seed at a time.
    const result = this.#last.then(() => this.#process.run(seed));
    this.#last = result.catch(() => null);
    this.#known.set(seed, result);
    return result;
  }

  stop(): void {
    this.#process.stop();
  }
}

/** @throws Error if nothing could be measured: see `SeedProcess.run` */
export async function hunt(defect: Defect, options: HuntOptions, control: Control): Promise<Hunt> {
  const { level, seeds, rateSeeds, patienceMs } = options;
  const process = new SeedProcess({ defect, level, engine: "raft", patienceMs });
  const started = performance.now();
  const secondsSince = (): number => (performance.now() - started) / 1_000;
  const unsound: number[] = [];
  const shows = async (seed: number): Promise<Failure | null> => {
    const failure = await process.run(seed);
    if (failure === null || (await control.run(seed)) === null) return failure;
    unsound.push(seed);
    return null;
  };
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      const failure = await shows(seed);
      if (failure === null) continue;
      const seconds = secondsSince();
      let again = 0;
      for (let next = seed + 1; next <= seed + rateSeeds; next++) if ((await shows(next)) !== null) again++;
      return { defect, level, find: { seed, failure, seconds, again }, unsound, seconds: secondsSince() };
    }
    return { defect, level, find: null, unsound, seconds: secondsSince() };
  } finally {
    process.stop();
  }
}
