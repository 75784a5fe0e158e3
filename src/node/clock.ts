import { performance } from "node:perf_hooks";
import type { Clock, Scheduled } from "../environment.ts";

/** The machine's clocks. Timers do not keep the process alive, unless they are to be held. */
export const nodeClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  after(delayMs: number, run: () => void, held = false): Scheduled {
    const timer = setTimeout(run, delayMs);
    if (!held) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (run: () => void) => {
    setImmediate(run);
  },
  afterEvent: queueMicrotask,
};
