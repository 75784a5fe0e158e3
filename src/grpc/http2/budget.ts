import type { BudgetLimits } from "./limits.ts";

/** What may be spent in a burst, and comes back with time. */
export class Budget {
  readonly #limits: BudgetLimits;
  #left: number;
  #at: number;

  /** @param now milliseconds */
  constructor(limits: BudgetLimits, now: number) {
    this.#limits = limits;
    this.#left = limits.burst;
    this.#at = now;
  }

  /** Spends one. False: there was none left. */
  spend(now: number): boolean {
    const { burst, perSecond } = this.#limits;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1_000) * perSecond) - 1;
    this.#at = now;
    return this.#left >= 0;
  }
}
