import type { Clock, Scheduled } from "../../environment.ts";

/**
 * A clock whose timers let what has come already be heard first.
 *
 * A program that does not turn for a while finds its timers due before it is given what came meanwhile: calls that were
 * answered long ago would time out, and leases that were renewed would count as lost. So when a timer is due and there
 * is something to hear, that is heard, and all that follows from it is done, before the timer runs.
 *
 * @param hear takes what has come; whether there was anything
 */
export function attentiveClock(clock: Clock, hear: () => boolean): Clock {
  return {
    now: () => clock.now(),
    wallClock: () => clock.wallClock(),
    soon: (run) => clock.soon(run),
    afterEvent: (run) => clock.afterEvent(run),
    after(delayMs: number, run: () => void, held?: boolean): Scheduled {
      let isCancelled = false;
      const due = (): void => {
        if (!hear()) return run();
        clock.soon(() => {
          if (!isCancelled) run();
        });
      };
      const timer = clock.after(delayMs, due, held);
      return {
        cancel: () => {
          isCancelled = true;
          timer.cancel();
        },
      };
    },
  };
}
