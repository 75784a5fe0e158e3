/**
 * A latch: opens when it was counted down to zero, and stays open.
 *
 *     latch/<name>//count                what is left, in decimal; none: it was not set
 *     latch/<name>//writer/<lease>       see `register.ts`
 *
 *     not set ──(set n)──▶ closed: n ──(count down)──▶ … ──▶ 0: open
 *
 * Promises: each count-down counts exactly once, also when its answer is lost, and however often its program was paused.
 *
 * Does not promise: that one who dies is counted: then it stays closed. Waits have a signal and a time.
 */
import { follow } from "../kv/follow.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { numberOf } from "./counter.ts";
import { closedSharing, invalid, mismatch, notCreated } from "./errors.ts";
import { described, recipePrefix } from "./names.ts";
import { Register } from "./register.ts";
import type { SessionSource } from "./session.ts";

/** Opens when it was counted down to zero, and stays open. Each count-down counts exactly once. */
export class Latch {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #what: string;
  readonly #register: Register;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string) {
    this.name = name;
    this.#source = source;
    this.#what = described("latch", name);
    this.#register = new Register(source, recipePrefix("latch", name), "count", this.#what);
  }

  /**
   * Sets it if nobody has.
   * @throws QuorateError `MISMATCH` if it was set, and not counted down, to something else
   */
  async set(count: number, options?: CallOptions): Promise<void> {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw invalid(`${this.#what} cannot be set to ${String(count)}: give a whole number from 1 on`);
    }
    const wanted = `${count}`;
    using wait = new Wait(this.#source.store.clock, options);
    const created = await this.#register.compareAndSet(0, wanted, wait.call());
    if (created !== null) return;
    const { value } = await this.#register.read(wait.call());
    if (value !== wanted) throw mismatch(this.#what, `a count of ${String(value)}`, wanted);
  }

  /** What is left. @throws QuorateError `NOT_CREATED` if it was not set */
  async count(options?: ReadOptions): Promise<number> {
    const { value } = await this.#register.read(options);
    if (value === null) throw notCreated(this.#what);
    return Number(numberOf(value, this.#what));
  }

  /**
   * Counts down by one. Returns what is left; one that is open stays so.
   * @throws QuorateError `NOT_CREATED` if it was not set
   */
  countDown(options?: CallOptions): Promise<number> {
    return this.#register.change((value) => {
      if (value === null) throw notCreated(this.#what);
      const before = Number(numberOf(value, this.#what));
      const left = Math.max(0, before - 1);
      return { value: `${left}`, result: left };
    }, options);
  }

  /** Waits until it is open; also until it is set. */
  async wait(options?: CallOptions): Promise<void> {
    const { store } = this.#source;
    using wait = new Wait(store.clock, options);
    const range = { key: this.#register.key, rangeEnd: "" };
    for await (const { kvs } of follow(store, range, { signal: wait.signal })) {
      const kv = kvs.get(this.#register.key);
      if (kv !== undefined && numberOf(kv.value, this.#what) === 0n) return;
    }
    wait.check();
    throw closedSharing();
  }
}
