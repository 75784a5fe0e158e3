/**
 * A counter for programs that add often: adds that come while one is under way are made together, by the next.
 *
 *     add add add │ add add          each column is one transaction; each add gets its own number all the same
 *
 * Keys, promises and failures are those of `counter.ts`, with which it shares its numbers. A call that is given up
 * before its transaction has begun had no effect; all adds of a transaction fail together.
 */
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { Counter, wholeNumber } from "./counter.ts";
import { outcomeUnknown } from "./errors.ts";
import { described } from "./names.ts";
import type { SessionSource } from "./session.ts";

interface Add {
  readonly delta: bigint;
  readonly done: PromiseWithResolvers<bigint>;
  begun: boolean;
}

/**
 * A counter for a program that adds often: adds that come while one is under way are made together. Keep the object.
 */
export class HighRateCounter {
  readonly name: string;
  readonly #what: string;
  readonly #counter: Counter;
  readonly #source: SessionSource;
  #waiting: Add[] = [];
  #adding = false;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string) {
    this.name = name;
    this.#what = described("counter", name);
    this.#source = source;
    this.#counter = new Counter(source, name);
  }

  get(options?: ReadOptions): Promise<bigint> {
    return this.#counter.get(options);
  }

  /** Adds a whole number, which may be negative. Returns what the counter is with it and all before it. */
  async add(delta: bigint | number = 1n, options?: CallOptions): Promise<bigint> {
    const add: Add = {
      delta: wholeNumber(delta, this.#what),
      done: Promise.withResolvers(),
      begun: false,
    };
    using wait = new Wait(this.#source.store.clock, options);
    wait.check();
    this.#waiting.push(add);
    if (!this.#adding) void this.#addAll();
    try {
      return await wait.for(add.done.promise);
    } catch (error) {
      if (add.begun) throw wait.signal.aborted ? outcomeUnknown(this.#what, error) : error;
      this.#waiting = this.#waiting.filter((other) => other !== add);
      throw error;
    }
  }

  async #addAll(): Promise<void> {
    this.#adding = true;
    // Those of the same turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const adds = this.#waiting;
      this.#waiting = [];
      let sum = 0n;
      for (const add of adds) {
        add.begun = true;
        sum += add.delta;
      }
      try {
        let value = (await this.#counter.add(sum)) - sum;
        for (const { delta, done } of adds) {
          value += delta;
          done.resolve(value);
        }
      } catch (error) {
        for (const { done } of adds) done.reject(error);
      }
    }
    this.#adding = false;
  }
}
