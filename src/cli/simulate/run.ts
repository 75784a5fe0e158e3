/** What one command line asks for. */
import type { SeedOptions } from "../../sim/run-seed.ts";

export interface Run {
  readonly first: number;
  readonly count: number;
  /** What is equal in all runs. */
  readonly given: Omit<SeedOptions, "seed">;
  readonly jobs: number;
  readonly traceFile: string | null;
  readonly shrink: boolean;
}
