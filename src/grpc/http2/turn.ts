import type { Clock } from "../../environment.ts";

/** What wants to be flushed when the events that are ready now were handled. */
export interface Flushable {
  flush(): void;
}

/** Gathers who has something to write, so that all answers of a turn of the event loop leave in one piece each. */
export class Turn {
  readonly #clock: Clock;
  #waiting: Flushable[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whoever is added twice is flushed twice. */
  add(one: Flushable): void {
    if (this.#waiting.push(one) === 1) this.#clock.soon(this.#end);
  }

  readonly #end = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.flush();
  };
}
