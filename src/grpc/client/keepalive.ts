/**
 * Whether a connection still stands while somebody waits for it: when nothing was heard for long, the server is pinged,
 * and when nothing is heard then, the connection is given up. Servers take it amiss when they are pinged while there is
 * no call, or more often than every five minutes or seconds (gRPC's "client-side keepalive").
 */
import type { Clock, Scheduled } from "../../environment.ts";

export interface KeepaliveOptions {
  readonly clock: Clock;
  /** How long it may be silent until it is pinged, ms. */
  readonly timeMs: number;
  /** And then, until it is given up, ms. */
  readonly timeoutMs: number;
  readonly isNeeded: () => boolean;
  readonly ping: () => void;
  readonly giveUp: () => void;
}

export class Keepalive {
  readonly #options: KeepaliveOptions;
  /** Nobody waited before. */
  #neededSince = 0;
  #heardAt: number;
  /** It was pinged, and nothing came since. */
  #isAsked = false;
  /** Runs on when nobody waits any more, and ends by itself: calls come and go more often. */
  #timer: Scheduled | null = null;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
  }

  /** Somebody waits, after nobody did. */
  needed(): void {
    const { clock, timeMs } = this.#options;
    this.#neededSince = clock.now();
    if (this.#timer === null) this.#watch(timeMs);
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
    this.#isAsked = false;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #watch(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#check());
  }

  #check(): void {
    const { clock, timeMs, timeoutMs, isNeeded, ping } = this.#options;
    this.#timer = null;
    if (!isNeeded()) return;
    const now = clock.now();
    const silentMs = now - Math.max(this.#heardAt, this.#neededSince);
    if (silentMs < timeMs) return this.#watch(timeMs - silentMs);
    this.#isAsked = true;
    ping();
    // What came while this process stood still is read first: it says more than the time that has passed.
    this.#timer = clock.after(timeoutMs, () => clock.soon(() => this.#judge()));
  }

  #judge(): void {
    // Closed meanwhile.
    if (this.#timer === null) return;
    if (this.#isAsked) return this.#options.giveUp();
    this.#check();
  }
}
