/** A clock that stands still until a test moves it. */
import type { Clock, Scheduled } from "../../environment.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #now = 1_000;
  #soon: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Scheduled {
    const timer: Timer = { at: this.#now + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  afterEvent(run: () => void): void {
    this.soon(run);
  }

  /** Timers that were neither run nor cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Ends turns of the event loop until nothing waits for the end of one. */
  turn(): void {
    while (this.#soon.length > 0) {
      const soon = this.#soon;
      this.#soon = [];
      for (const run of soon) run();
    }
  }

  /** The process stands still for so long: what is due runs late, then what came meanwhile is read, then the turn ends. */
  stall(ms: number, read: () => void): void {
    this.#now += ms;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)) {
      if (this.#timers.delete(timer)) timer.run();
    }
    read();
    this.turn();
  }

  /** Lets time pass, and runs what falls due, each at its moment. */
  advance(ms: number): void {
    const end = this.#now + ms;
    this.turn();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
      this.turn();
    }
    this.#now = end;
  }
}
