import type { Clock, Scheduled } from "../environment.ts";

export interface TurnEvents {
  /** Something happened: the end of this turn of the event loop is there. */
  turn(): void;
  /** Another tick's time has passed. */
  tick(): void;
  /** The time is there that `wakeAt` was given. */
  early(): void;
}

/** When a replica takes its turns: where something happened, at each tick, and when its engine wants to be told the time. */
export class Turns {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #events: TurnEvents;
  #isAwaited = false;
  #isStopped = false;
  #ticker: Scheduled | null = null;
  #early: Scheduled | null = null;
  #earlyAt = 0;

  constructor(clock: Clock, tickMs: number, events: TurnEvents) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#events = events;
  }

  /** The first tick comes at once. */
  start(): void {
    if (this.#isStopped) return;
    this.#ticker = this.#clock.after(this.#tickMs, () => this.start());
    this.#events.tick();
  }

  /** No event comes any more. */
  stop(): void {
    this.#isStopped = true;
    this.#ticker?.cancel();
    this.#early?.cancel();
  }

  /** One turn follows, however often this was called before it. */
  wake(): void {
    if (this.#isAwaited || this.#isStopped) return;
    this.#isAwaited = true;
    this.#clock.soon(() => {
      this.#isAwaited = false;
      if (!this.#isStopped) this.#events.turn();
    });
  }

  /** The engine wants to be told the time sooner than the next regular tick; what it wanted before no longer counts. */
  wakeAt(time: number, now: number): void {
    if (this.#early !== null && this.#earlyAt === time) return;
    this.#early?.cancel();
    this.#earlyAt = time;
    this.#early = this.#clock.after(Math.max(0, time - now), () => {
      this.#early = null;
      this.#events.early();
    });
  }
}
