/**
 * Clocks of a simulated machine: one that may run fast or slow or leap forward, and a view of it for each process.
 *
 * Times are multiples of 2^-20 ms, so that sums of them are exact: when a timer fires, its clock shows no less than the
 * time it was asked for, whoever computes that. Without that a program that waits for the rest of a time could be
 * called a rounding error too early, for ever.
 */
import type { Clock, Scheduled } from "../environment.ts";
import { assert } from "../errors.ts";
import type { VirtualProcess } from "./process.ts";
import type { Action, Timeline } from "./timeline.ts";

const STEPS_PER_MS = 2 ** 20;
/** Unix time at which every virtual world begins, in milliseconds. */
const EPOCH_MS = 1_700_000_000_000;
/** The longest delay that a timer of Node keeps; above it fires at once, which no caller ever meant. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** What drives the clocks of one machine, over all lives of its processes. */
export class ClockRate {
  /** What the wall clock differs by, in milliseconds: it may be set to anything. */
  wallShiftMs = 0;
  readonly #timeline: Timeline;
  #rate = 1;
  /** What it showed at `#since` (true time), and that it never shows less than. */
  #shown = 0;
  #since: number;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.#since = timeline.now;
  }

  /** Milliseconds that it shows; never less than before. */
  now(): number {
    const shown = this.#shown + (this.#timeline.now - this.#since) * this.#rate;
    return Math.floor(shown * STEPS_PER_MS) / STEPS_PER_MS;
  }

  /** Milliseconds it counts in a true one; 1 unless set. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    assert(rate > 0 && Number.isFinite(rate), `a clock cannot run at a rate of ${rate}: give a number above 0`);
    this.#restart(this.now());
    this.#rate = rate;
    this.#moveTimers();
  }

  /** Leaps forward, as that of a virtual machine which was asleep. Timers that became due fire at once. */
  jump(ms: number): void {
    assert(ms >= 0 && Number.isFinite(ms), `a clock cannot jump by ${ms} ms: it never goes back`);
    this.#restart(this.now() + roundedUp(ms));
    this.#moveTimers();
  }

  /** The true time at which it shows `shown`, as near as numbers allow. */
  trueTimeOf(shown: number): number {
    return this.#since + (shown - this.#shown) / this.#rate;
  }

  /** A timer for that time fires: it shows it, whatever a division rounded. */
  reach(shown: number): void {
    if (this.now() < shown) this.#restart(shown);
  }

  #restart(shown: number): void {
    this.#shown = shown;
    this.#since = this.#timeline.now;
  }

  #moveTimers(): void {
    this.#timeline.reschedule((action) =>
      action instanceof Timer && action.rate === this ? this.trueTimeOf(action.due) : null,
    );
  }
}

/** The clock of one life of a process. It begins at 0, as Node's does. */
export class VirtualClock implements Clock {
  readonly #timeline: Timeline;
  readonly #rate: ClockRate;
  readonly #process: VirtualProcess;
  readonly #bornAt: number;

  constructor(timeline: Timeline, rate: ClockRate, process: VirtualProcess) {
    this.#timeline = timeline;
    this.#rate = rate;
    this.#process = process;
    this.#bornAt = rate.now();
  }

  now(): number {
    return this.#rate.now() - this.#bornAt;
  }

  wallClock(): number {
    return EPOCH_MS + Math.floor(this.#rate.now() + this.#rate.wallShiftMs);
  }

  after(delayMs: number, run: () => void): Scheduled {
    assert(delayMs <= LONGEST_DELAY_MS, `no timer takes a delay of ${delayMs} ms: give at most ${LONGEST_DELAY_MS}`);
    const rate = this.#rate;
    const due = rate.now() + roundedUp(Math.max(0, delayMs));
    const timer = new Timer(rate, this.#process, due, run);
    timer.entry = this.#timeline.schedule(rate.trueTimeOf(due), timer);
    return timer;
  }

  soon(run: () => void): void {
    this.#timeline.schedule(this.#timeline.now, new Timer(this.#rate, this.#process, 0, run));
  }

  /** Like `soon`: as late as it may be. */
  afterEvent(run: () => void): void {
    this.soon(run);
  }

  /** `ClockRate.jump` of the machine. */
  jump(ms: number): void {
    this.#rate.jump(ms);
  }
}

class Timer implements Action, Scheduled {
  readonly rate: ClockRate;
  /** What the machine's clock shows when it fires. */
  readonly due: number;
  entry: Scheduled | null = null;
  readonly #process: VirtualProcess;
  #run: (() => void) | null;

  constructor(rate: ClockRate, process: VirtualProcess, due: number, run: () => void) {
    this.rate = rate;
    this.due = due;
    this.#process = process;
    this.#run = run;
  }

  fire(): void {
    this.rate.reach(this.due);
    if (this.#process.listening) this.#call();
    else this.#process.enter(() => this.#call());
  }

  /** Also one that has fired into a paused process is not heard. */
  cancel(): void {
    this.#run = null;
    this.entry?.cancel();
  }

  #call(): void {
    const run = this.#run;
    this.#run = null;
    run?.();
  }
}

function roundedUp(ms: number): number {
  return Math.ceil(ms * STEPS_PER_MS) / STEPS_PER_MS;
}
