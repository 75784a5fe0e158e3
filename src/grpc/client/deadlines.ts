/** The deadlines of a client's calls, on one timer: most calls are over long before, and a timer for each would cost more. */
import type { Clock, Scheduled } from "../../environment.ts";
import type { LinkedQueue } from "../http2/linked-queue.ts";
import type { ClientCall } from "./client-call.ts";

/** A timer that runs longer would run out at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Deadlines {
  readonly #clock: Clock;
  readonly #open: LinkedQueue<ClientCall>;
  #timer: Scheduled | null = null;
  /** When the timer runs out, ms on the clock: not later than the first deadline, perhaps earlier. */
  #at = Number.POSITIVE_INFINITY;

  /** @param open all calls that are not over */
  constructor(clock: Clock, open: LinkedQueue<ClientCall>) {
    this.#clock = clock;
    this.#open = open;
  }

  /** One more call has to be over by then. */
  add(deadline: number, now: number): void {
    if (deadline < this.#at) this.#watch(deadline, now);
  }

  close(): void {
    this.#timer?.cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }

  #watch(at: number, now: number): void {
    this.#timer?.cancel();
    this.#at = at;
    // Answers that came while this process stood still are read before anybody is told that there were none.
    const delayMs = Math.min(Math.max(1, at - now), LONGEST_TIMER_MS);
    this.#timer = this.#clock.after(delayMs, () => this.#clock.soon(() => this.#check()));
  }

  #check(): void {
    const now = this.#clock.now();
    this.#at = Number.POSITIVE_INFINITY;
    const overdue: ClientCall[] = [];
    let first = Number.POSITIVE_INFINITY;
    for (let call = this.#open.first; call !== null; call = call.next) {
      if (call.deadline <= now) overdue.push(call);
      else first = Math.min(first, call.deadline);
    }
    if (first !== Number.POSITIVE_INFINITY) this.#watch(first, now);
    for (const call of overdue) call.expire();
  }
}
