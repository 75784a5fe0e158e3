/**
 * Loaded into a member (`node --import`): on SIGUSR2 it writes the longest pauses since the last time into
 * `$PAUSE_METER_FOLDER/<pid>.json` and begins anew. `pause-reader.ts` is the other end.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";

export interface Pauses {
  /** The longest time between two turns of the event loop beyond what a timer of 1 ms asks for, in milliseconds. */
  readonly turnMs: number;
  /** The longest single garbage collection on the main thread, in milliseconds. */
  readonly collectionMs: number;
}

const TIMER_MS = 1;

const folder = process.env["PAUSE_METER_FOLDER"];
if (folder !== undefined) {
  let turnMs = 0;
  let collectionMs = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    turnMs = Math.max(turnMs, now - last - TIMER_MS);
    last = now;
  }, TIMER_MS).unref();
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collectionMs = Math.max(collectionMs, duration);
  }).observe({ entryTypes: ["gc"] });
  process.on("SIGUSR2", () => {
    const pauses: Pauses = { turnMs, collectionMs };
    const file = join(folder, `${process.pid}.json`);
    writeFileSync(`${file}.part`, JSON.stringify(pauses));
    renameSync(`${file}.part`, file);
    turnMs = 0;
    collectionMs = 0;
  });
}
