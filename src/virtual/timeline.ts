/**
 * What happens when, in true virtual time: the one queue of a simulated world. It reads no clock and starts no timer: how
 * promises settle between two events is told from outside.
 */
import type { Scheduled } from "../environment.ts";
import { assert } from "../errors.ts";

/** What an event does. An object with a `fire` of its own costs no closure. */
export interface Action {
  fire(): void;
}

/** One event in the queue. A single class, so that comparing two stays cheap whatever they do. */
class Entry implements Scheduled {
  /** In virtual milliseconds. */
  time: number;
  /** Later scheduled, higher: decides between equal times. */
  readonly order: number;
  /** Null: cancelled or done. */
  action: Action | null;

  constructor(time: number, order: number, action: Action) {
    this.time = time;
    this.order = order;
    this.action = action;
  }

  cancel(): void {
    this.action = null;
  }
}

/** So many events without any time passing are a loop that would never end. */
const MOST_EVENTS_AT_ONCE = 100_000;
/** The queue is freed of cancelled events when it has grown to this, then to twice of what was left. */
const LEAST_SWEEP = 1024;

export class Timeline {
  readonly #settle: () => Promise<void>;
  #now = 0;
  #order = 0;
  #events = 0;
  /** A binary heap: the children of i are 2i+1 and 2i+2, none is due before its parent. */
  #heap: Entry[] = [];
  #sweepAt = LEAST_SWEEP;
  /** What is due at once, in order. All of the heap with the same time was scheduled before. */
  #atOnce: Entry[] = [];
  #atOnceHead = 0;
  #running = false;
  #eventsAtOnce = 0;

  /**
   * @param settle resolves when all promise work that an event set going is done, as between two turns of an event
   *   loop. On Node `() => new Promise(setImmediate)` does it; `process.nextTick` in its place is three times as quick.
   */
  constructor(settle: () => Promise<void>) {
    this.#settle = settle;
  }

  /** Virtual milliseconds since the beginning; fractions allowed. */
  get now(): number {
    return this.#now;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Runs `run` at a time; one that is past means as soon as what is due already is done. */
  at(time: number, run: () => void): Scheduled {
    return this.schedule(time, { fire: run });
  }

  /** `at` for an object that knows what to do. */
  schedule(time: number, action: Action): Scheduled {
    if (time > this.#now) {
      const entry = new Entry(time, this.#order++, action);
      this.#push(entry);
      return entry;
    }
    // A NaN would put the heap out of order without a word.
    assert(time <= this.#now, `an event cannot be scheduled at ${time}: give a time in milliseconds`);
    const entry = new Entry(this.#now, this.#order++, action);
    this.#atOnce.push(entry);
    return entry;
  }

  /**
   * Runs events until `until()` holds, asked at the start and after each event, or until `forMs` have passed.
   * Resolves to `until()`; rejects with what an event threw.
   */
  async run(forMs: number, until: () => boolean = never): Promise<boolean> {
    assert(forMs >= 0, `time cannot go on for ${forMs} ms: give 0 or more`);
    assert(!this.#running, "the timeline runs already: wait for the promise of the last run");
    this.#running = true;
    try {
      const end = this.#now + forMs;
      // What was done before the run may have set promises going.
      await Promise.resolve();
      await this.#settle();
      while (!until()) {
        const action = this.#take(end);
        if (action === null) {
          this.#now = end;
          this.#eventsAtOnce = 0;
          return until();
        }
        this.#events++;
        action.fire();
        await this.#settle();
      }
      return true;
    } finally {
      this.#running = false;
    }
  }

  /**
   * Moves waiting events to where `timeOf` says; null leaves one where it is. For clocks that change their pace: those
   * whose time is past then come at once, in the order of their times.
   */
  reschedule(timeOf: (action: Action) => number | null): void {
    const heap = this.#heap;
    for (const entry of heap) {
      const time = entry.action === null ? null : timeOf(entry.action);
      if (time !== null) entry.time = time;
    }
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) this.#sink(heap[at] as Entry, at);
  }

  /** The next action due by `end`, and sets the time to it; null: there is none. */
  #take(end: number): Action | null {
    for (;;) {
      const first = this.#heap[0];
      const urgent = this.#atOnce[this.#atOnceHead];
      if (first !== undefined && (urgent === undefined || first.time <= this.#now)) {
        if (first.action !== null && first.time > end) return null;
        this.#pop();
        if (first.action !== null) return this.#begin(first, first.action);
      } else if (urgent !== undefined) {
        if (++this.#atOnceHead === this.#atOnce.length) {
          this.#atOnce.length = 0;
          this.#atOnceHead = 0;
        }
        if (urgent.action !== null) return this.#begin(urgent, urgent.action);
      } else {
        return null;
      }
    }
  }

  #begin(entry: Entry, action: Action): Action {
    entry.action = null;
    if (entry.time > this.#now) {
      this.#now = entry.time;
      this.#eventsAtOnce = 0;
    } else {
      this.#eventsAtOnce++;
      assert(
        this.#eventsAtOnce < MOST_EVENTS_AT_ONCE,
        `${MOST_EVENTS_AT_ONCE} events at ${this.#now} ms: something schedules itself without letting time pass`,
      );
    }
    return action;
  }

  #push(entry: Entry): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    const heap = this.#heap;
    let child = heap.length;
    heap.push(entry);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = entry;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last, 0);
  }

  /** Puts an entry where `parent` was, or below. */
  #sink(entry: Entry, parent: number): void {
    const heap = this.#heap;
    const size = heap.length;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      const below = heap[child] as Entry;
      if (!isBefore(below, entry)) break;
      heap[parent] = below;
      parent = child;
    }
    heap[parent] = entry;
  }

  /** Drops cancelled events: deadlines that were met outnumber all else. */
  #sweep(): void {
    const heap = this.#heap.filter(({ action }) => action !== null);
    this.#heap = heap;
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) this.#sink(heap[at] as Entry, at);
    this.#sweepAt = Math.max(LEAST_SWEEP, 2 * heap.length);
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function never(): boolean {
  return false;
}
