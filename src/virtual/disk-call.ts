import type { SeededRandom } from "../consensus/random.ts";
import type { VirtualProcess } from "./process.ts";
import type { Action, Timeline } from "./timeline.ts";

/** Shortest and longest, in virtual milliseconds; equal: always that. 0: in the same moment. */
export type DelayRange = readonly [min: number, max: number];

export type DiskOperation =
  | "open"
  | "list"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "close"
  | "rename"
  | "remove"
  | "lock";

/** How long operations take: `readMs` also for names, `writeMs` also for truncations, `syncMs` for making durable. */
export interface DiskLatency {
  readonly readMs: DelayRange;
  readonly writeMs: DelayRange;
  readonly syncMs: DelayRange;
}

/** A call as its disk sees it. */
export interface PendingCall {
  readonly operation: DiskOperation;
  readonly path: string;
  readonly process: VirtualProcess;
  /** Goes on behind a hang. */
  proceed(): void;
}

/** What a call needs of its disk. */
export interface DiskDriver {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  /** Counts the step; true: it waits for `proceed`. */
  arrives(call: PendingCall): boolean;
  /** Why the step fails, if a fault is set. */
  faultOf(call: PendingCall): Error | null;
  /** The step has begun: whoever counts may let the machine crash here. */
  begun(call: PendingCall): void;
}

/** One thing that a call does. */
export interface Step<T> {
  readonly operation: DiskOperation;
  readonly delay: DelayRange;
  /** Done when the step begins: the first part of a write. */
  readonly start?: () => void;
  /** All of it, or what `start` left. */
  readonly work: () => T;
  /** Done in the call itself, without giving up the thread. */
  readonly inline?: true;
}

/**
 * A system call under way. What it does happens at its beginning or at its end, as the seed says: between the two others
 * overtake it, and a process that is killed has done it or not.
 */
export class DiskCall<T> implements Action, PendingCall {
  readonly path: string;
  readonly process: VirtualProcess;
  readonly promise: Promise<T>;
  readonly #driver: DiskDriver;
  #step: Step<unknown>;
  /** What comes behind the first step. */
  #last: Step<T> | null;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;
  #isDone = false;
  #value: unknown;
  #error: Error | null = null;

  constructor(driver: DiskDriver, process: VirtualProcess, path: string, first: Step<unknown>, last: Step<T> | null) {
    this.#driver = driver;
    this.process = process;
    this.path = path;
    this.#step = first;
    this.#last = last;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get operation(): DiskOperation {
    return this.#step.operation;
  }

  /** Of a dead process nothing more is heard. */
  begin(): void {
    if (!this.process.alive) return;
    if (!this.#driver.arrives(this)) this.proceed();
  }

  proceed(): void {
    const driver = this.#driver;
    const step = this.#step;
    this.#isDone = false;
    this.#error = driver.faultOf(this);
    if (this.#error !== null) {
      this.#isDone = true;
    } else if (step.start !== undefined) {
      this.#attempt(step.start);
    } else if (step.inline || driver.random.chance(0.5)) {
      this.#work();
    }
    driver.begun(this);
    if (step.inline && this.#error === null) {
      this.#goOn();
      return;
    }
    const [min, max] = step.delay;
    const delay = max > min ? driver.random.between(min, max) : min;
    driver.timeline.schedule(driver.timeline.now + delay, this);
  }

  /** The step is over. */
  fire(): void {
    if (!this.process.alive) return;
    if (!this.#isDone) this.#work();
    if (this.process.listening) this.#goOn();
    else this.process.enter(() => this.#goOn());
  }

  #goOn(): void {
    const last = this.#last;
    if (this.#error !== null) {
      this.#reject(this.#error);
    } else if (last === null) {
      this.#resolve(this.#value as T);
    } else {
      this.#last = null;
      this.#step = last;
      this.begin();
    }
  }

  #work(): void {
    this.#isDone = true;
    this.#attempt(this.#step.work);
  }

  #attempt(work: () => unknown): void {
    try {
      this.#value = work();
    } catch (error) {
      this.#isDone = true;
      this.#error = error instanceof Error ? error : new Error(String(error));
    }
  }
}
