/** A clock that stands still until the test moves it; calls due at one moment run in the order they were asked for. */
import type { Clock, Scheduled } from "../../environment.ts";

interface Call {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #calls: Call[] = [];

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return 1_700_000_000_000 + this.#now;
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  after(delayMs: number, run: () => void): Scheduled {
    const call = { at: this.#now + delayMs, order: this.#order++, run, cancelled: false };
    let at = this.#calls.length;
    while (at > 0 && (this.#calls[at - 1]?.at ?? 0) > call.at) at--;
    this.#calls.splice(at, 0, call);
    return {
      cancel: () => {
        call.cancelled = true;
      },
    };
  }

  /** Lets `ms` pass. Promises settle between two calls, as they do between two events. */
  async pass(ms: number, until: () => boolean = () => false): Promise<boolean> {
    const end = this.#now + ms;
    while (!until()) {
      const call = this.#calls[0];
      if (call === undefined || call.at > end) {
        this.#now = end;
        return until();
      }
      this.#calls.shift();
      if (call.cancelled) continue;
      this.#now = call.at;
      call.run();
      // Promise chains in the replica are a few steps long.
      for (let i = 0; i < 12; i++) await Promise.resolve();
    }
    return true;
  }
}
