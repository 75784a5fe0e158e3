/**
 * When a schedule is due: cron patterns by croner, which knows time zones and what happens to them in spring and autumn.
 * Five fields, or six with seconds; `@hourly`, `@daily`, …
 */
import { Cron } from "croner";
import { invalid } from "../errors.ts";

/** When: a cron pattern in a time zone (default UTC), or every so many ms. */
export type When =
  | { readonly cron: string; readonly timeZone?: string }
  | { readonly everyMs: number; readonly cron?: undefined };

/** The first time after `afterMs`, ms of Unix time; null: never again. @throws QuorateError `INVALID_ARGUMENT` */
export function nextTime(when: When, afterMs: number): number | null {
  if (when.cron === undefined) {
    const { everyMs } = when;
    if (!(everyMs >= 1_000)) throw invalid(`everyMs is ${String(everyMs)}: give 1000 ms or more`);
    return (Math.floor(afterMs / everyMs) + 1) * everyMs;
  }
  const { cron, timeZone = "UTC" } = when;
  try {
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`${JSON.stringify(cron)} in ${JSON.stringify(timeZone)} is no schedule: ${why}`);
  }
}
