import type { Random } from "../../environment.ts";

/** Pauses between attempts: each about twice the last, up to a limit, with chance so that many clients do not march in step. */
export class BackOff {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #failures = 0;

  constructor(random: Random, firstMs: number, longestMs: number) {
    this.#random = random;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
  }

  /** The next pause, ms: between half and all of first, 2 first, 4 first, ... */
  next(): number {
    const wholeMs = Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return wholeMs * (0.5 + this.#random.uint32() / 2 ** 33);
  }

  /** Something worked. */
  reset(): void {
    this.#failures = 0;
  }
}
