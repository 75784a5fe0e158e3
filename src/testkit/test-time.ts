/**
 * The time of a test cluster: virtual, so that a minute passes in a moment.
 *
 * - `free`: it passes as real time does, and faster on request (`advance`, `play`). A program that stands still, at a
 *   breakpoint say, loses no time.
 * - `manual`: it stands still but for `advance` and `play`.
 *
 * The functions of the host that it needs are taken once, when it is loaded: a test's fake timers change nothing.
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { Timeline } from "../virtual/timeline.ts";

/** Whether virtual time passes as real time does, or only where a test lets it. */
export type ClockMode = "free" | "manual";

const host = { setImmediate, setTimeout, clearTimeout, now: () => performance.now() } as const;

/** Between two looks at real time, ms. */
const TICK_MS = 1;
/** The most that passes in one of them, ms. */
const MOST_TICK_MS = 50;
/** Time passes in pieces, between which others who wait for it have their turn, ms. */
const PIECE_MS = 100;

export class TestTime {
  readonly timeline: Timeline = new Timeline(() => new Promise((resolve) => host.setImmediate(resolve)));
  readonly mode: ClockMode;
  #last: Promise<unknown> = Promise.resolve();
  #tick: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(mode: ClockMode) {
    this.mode = mode;
  }

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.timeline.now;
  }

  /** From now on it passes by itself, if it does that. */
  start(): void {
    if (this.mode === "free") this.#followFrom(host.now());
  }

  /** Lets so much pass, as quickly as it can. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.until(() => this.now >= end, ms);
  }

  /** Lets time pass until something holds, at most so much of it. Resolves to whether it does. */
  async until(holds: () => boolean, mostMs: number): Promise<boolean> {
    const end = this.now + mostMs;
    while (!holds() && this.now < end && !this.#closed) {
      await this.#alone(() => this.timeline.run(Math.min(PIECE_MS, Math.max(0, end - this.now)), holds));
    }
    return holds();
  }

  close(): void {
    this.#closed = true;
    if (this.#tick !== null) host.clearTimeout(this.#tick);
  }

  #followFrom(before: number): void {
    this.#tick = host.setTimeout(() => {
      const now = host.now();
      const passed = Math.min(now - before, MOST_TICK_MS);
      void this.#alone(() => this.timeline.run(passed)).then(() => {
        if (!this.#closed) this.#followFrom(now);
      });
    }, TICK_MS);
  }

  /** The timeline goes on for one at a time. */
  #alone<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
