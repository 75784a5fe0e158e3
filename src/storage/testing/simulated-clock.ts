import type { Clock, Scheduled } from "../../environment.ts";

/** A clock that moves only when it is told to. */
export class SimulatedClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(delayMs: number, run: () => void): Scheduled {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  soon(run: () => void): void {
    queueMicrotask(run);
  }

  /** Calls what is due up to `ms` from now, in order of time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let next: { at: number; run: () => void } | undefined;
      for (const timer of this.#timers) if (timer.at <= until && (!next || timer.at < next.at)) next = timer;
      if (next === undefined) break;
      const due = next;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = until;
  }
}
