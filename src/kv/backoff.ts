import type { Random } from "../environment.ts";

/** Pauses between attempts: twice as long each time up to a most, each between half and the whole of that, by chance. */
export class Backoff {
  readonly #random: Random;
  readonly #mostMs: number;
  readonly #leastMs: number;
  #nextMs: number;

  constructor(random: Random, leastMs = 10, mostMs = 1_000) {
    this.#random = random;
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
    this.#nextMs = leastMs;
  }

  /** How long to wait now, ms. */
  next(): number {
    const whole = this.#nextMs;
    this.#nextMs = Math.min(this.#mostMs, 2 * whole);
    return whole / 2 + ((whole / 2) * this.#random.uint32()) / 2 ** 32;
  }

  /** Something went well. */
  reset(): void {
    this.#nextMs = this.#leastMs;
  }
}
