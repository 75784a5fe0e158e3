import type { Clock } from "../../environment.ts";

/** What wants to be flushed when the events that are ready now were handled. */
export interface Flushable {
  flush(): void;
}

/**
 * Gathers who has something to write, so that all answers that one event brings about leave in one piece each.
 *
 * They leave right behind that event, not at the end of the event loop's turn: most answers are made
 * there already (a batch was applied), where the end is that of the next turn, behind a poll and whatever it brings. Of a
 * lone client's puts that was one part in fifteen.
 */
export class Turn {
  readonly #clock: Clock;
  #waiting: Flushable[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whoever is added twice is flushed twice. */
  add(one: Flushable): void {
    if (this.#waiting.push(one) === 1) this.#clock.afterEvent(this.#end);
  }

  /** For who has just been flushed and has more: others' events come first. */
  postpone(one: Flushable): void {
    this.#clock.soon(() => one.flush());
  }

  readonly #end = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.flush();
  };
}
