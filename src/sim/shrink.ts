/**
 * Makes a failing run smaller: leaves out faults as long as the same property is still violated (delta debugging,
 * Zeller and Hildebrandt 2002).
 */
import { drawPlan, faultCount } from "./plan/draw.ts";
import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";

export interface Shrunk {
  /** What replays it: the seed with the faults that are needed. */
  readonly options: SeedOptions;
  readonly result: SeedResult;
  /** Faults before. */
  readonly faults: number;
  readonly runs: number;
}

/** @param spent asked before each run: true ends it with the smallest found so far */
export async function shrink(failed: SeedResult, given: SeedOptions, spent: () => boolean): Promise<Shrunk> {
  const property = failed.failure?.property;
  const { keep, ...drawn } = given;
  let kept = [...(keep ?? Array.from({ length: faultCount(drawPlan(given.seed, drawn)) }, (_, at) => at))];
  const before = kept.length;
  let best = failed;
  let runs = 0;
  const fails = async (keep: readonly number[]): Promise<boolean> => {
    runs++;
    const result = await runSeed({ ...given, keep });
    if (result.failure?.property !== property) return false;
    best = result;
    return true;
  };
  for (let parts = 2; kept.length > 0 && !spent(); ) {
    const size = Math.ceil(kept.length / parts);
    let smaller = false;
    for (let from = 0; from < kept.length && !spent(); from += size) {
      const without = kept.toSpliced(from, size);
      if (!(await fails(without))) continue;
      kept = without;
      smaller = true;
      break;
    }
    if (smaller) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(kept.length, 2 * parts);
  }
  return { options: { ...given, keep: kept }, result: best, faults: before, runs };
}
