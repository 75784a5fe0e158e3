/**
 * Holds clients to a decent interval between pings, as etcd's server does (its gRPC library's enforcement policy): each
 * ping that comes too early is a strike, and whatever is sent to the client makes up for all strikes before, for its
 * library may well ask how long the way of that was.
 */
import type { Limits } from "./limits.ts";

export class PingGuard {
  readonly #limits: Limits;
  #lastAt = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * A ping came.
   * @param hasAnswered whether something was sent since the one before
   * @returns false if these were too many
   */
  allows(now: number, hasAnswered: boolean): boolean {
    const sinceMs = now - this.#lastAt;
    this.#lastAt = now;
    if (hasAnswered) this.#strikes = 0;
    else if (sinceMs < this.#limits.minPingIntervalMs) this.#strikes += 1;
    return this.#strikes <= this.#limits.maxPingStrikes;
  }
}
