import type { SeededRandom } from "../consensus/random.ts";
import type { Timeline } from "./timeline.ts";

/** How a way is unless something is set. Delays in virtual milliseconds. */
export interface LinkDefaults {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** The way from one host to another; the way back is another one. All fields may be set at any time. */
export class Link {
  minDelayMs: number;
  maxDelayMs: number;
  /** Below infinity the line is clogged: bytes wait for those before them, of all connections. */
  bytesPerMs: number = Number.POSITIVE_INFINITY;
  /** Chance that a write resets its connection instead. */
  resetRate = 0;
  readonly random: SeededRandom;
  readonly #timeline: Timeline;
  readonly #defaults: LinkDefaults;
  readonly #opened: () => void;
  #blocks = 0;
  /** When the last of the bytes before has left. */
  #freeAt = 0;

  /** @param opened called when bytes that were held up may go on. */
  constructor(timeline: Timeline, random: SeededRandom, defaults: LinkDefaults, opened: () => void) {
    this.#timeline = timeline;
    this.random = random;
    this.#defaults = defaults;
    this.#opened = opened;
    this.minDelayMs = defaults.minDelayMs;
    this.maxDelayMs = defaults.maxDelayMs;
  }

  /** Nothing arrives: the sender's system holds it and tries again, as TCP does, for as long as it has patience. */
  get blocked(): boolean {
    return this.#blocks > 0;
  }

  set blocked(blocked: boolean) {
    const before = this.#blocks;
    this.#blocks = blocked ? Math.max(1, before) : 0;
    if (before > 0 && this.#blocks === 0) this.#opened();
  }

  /** Blocks once more: it is open again when each of these was taken back. */
  block(): void {
    this.#blocks++;
  }

  unblock(): void {
    if (this.#blocks === 1) this.blocked = false;
    else if (this.#blocks > 1) this.#blocks--;
  }

  /** As it was in the beginning. */
  heal(): void {
    this.minDelayMs = this.#defaults.minDelayMs;
    this.maxDelayMs = this.#defaults.maxDelayMs;
    this.bytesPerMs = Number.POSITIVE_INFINITY;
    this.resetRate = 0;
    this.blocked = false;
  }

  /** When bytes that leave now arrive. They take their turn on the line. */
  arrivalOf(bytes: number): number {
    let leaves = this.#timeline.now;
    if (this.bytesPerMs !== Number.POSITIVE_INFINITY) {
      leaves = Math.max(leaves, this.#freeAt) + bytes / this.bytesPerMs;
      this.#freeAt = leaves;
    }
    const { minDelayMs, maxDelayMs } = this;
    return leaves + (maxDelayMs > minDelayMs ? this.random.between(minDelayMs, maxDelayMs) : minDelayMs);
  }
}
