/** A clock that stands still until a test moves it. For tests only. */
import type { Clock, Scheduled } from "../../environment.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Scheduled {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Timers that were neither run nor cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: runs what falls due in that time, each at its moment. An exception of a timer comes out here. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#earliest();
      if (next === null || next.at > target) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = target;
  }

  #earliest(): Timer | null {
    let found: Timer | null = null;
    for (const timer of this.#timers) {
      if (found === null || timer.at < found.at || (timer.at === found.at && timer.order < found.order)) found = timer;
    }
    return found;
  }
}

/** Lets promises that are settled go on, a few steps deep. */
async function settle(): Promise<void> {
  for (let step = 0; step < 6; step++) await Promise.resolve();
}
