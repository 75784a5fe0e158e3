/** Runs many seeds on several threads; results come as they are ready. */
import { Worker } from "node:worker_threads";
import type { SeedOptions } from "../../sim/run-seed.ts";
import type { SeedSummary } from "./summary.ts";

/** Sources run as they are, compiled ones have another ending. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

export interface PoolOptions {
  readonly jobs: number;
  /** The next run, or null: no more. */
  readonly next: () => SeedOptions | null;
  readonly done: (summary: SeedSummary) => void;
}

/** Resolves when `next` has no more and all runs under way are over. @throws what a thread died of */
export async function runPool({ jobs, next, done }: PoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: jobs }, () => work(next, done)));
}

function work(next: () => SeedOptions | null, done: (summary: SeedSummary) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER);
    let running: SeedOptions | null = null;
    const feed = (): void => {
      running = next();
      if (running === null) void worker.terminate().then(() => resolve());
      else worker.postMessage(running);
    };
    worker.on("message", (summary: SeedSummary) => {
      done(summary);
      feed();
    });
    worker.on("error", (error) => {
      const seed = running === null ? "" : ` in seed ${running.seed}`;
      reject(
        new Error(`the simulation died${seed}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        }),
      );
    });
    feed();
  });
}
