import { refuse } from "../placement.ts";

/** How an instance that has just joined is spared. */
export interface SlowStartOptions {
  /** Until an instance that joins has its whole weight. Default 30,000 ms. */
  readonly windowMs?: number;
  /** The part of its weight that it begins with. Default 0.1. */
  readonly leastPart?: number;
}

/** Instances that have just joined: caches are cold and code is not compiled yet, so their weight grows from little. */
export class SlowStart<Slot> {
  readonly #windowMs: number;
  readonly #leastPart: number;
  readonly #joinedAt = new Map<Slot, number>();

  constructor({ windowMs = 30_000, leastPart = 0.1 }: SlowStartOptions) {
    if (!(windowMs > 0)) refuse(`slowStart.windowMs is ${windowMs}: give milliseconds above 0`);
    if (!(leastPart > 0 && leastPart <= 1))
      refuse(`slowStart.leastPart is ${leastPart}: give a number above 0, at most 1`);
    this.#windowMs = windowMs;
    this.#leastPart = leastPart;
  }

  joined(slot: Slot, now: number): void {
    this.#joinedAt.set(slot, now);
  }

  gone(slot: Slot): void {
    this.#joinedAt.delete(slot);
  }

  /** From `leastPart` to 1. */
  part(slot: Slot, now: number): number {
    const joinedAt = this.#joinedAt.get(slot);
    if (joinedAt === undefined) return 1;
    const part = (now - joinedAt) / this.#windowMs;
    if (part < 1) return Math.max(this.#leastPart, part);
    this.#joinedAt.delete(slot);
    return 1;
  }
}
