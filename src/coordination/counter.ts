/**
 * A number that all share. Each add counts exactly once, also when its answer is lost.
 *
 *     counter/<name>//value              the number, in decimal, of any size
 *     counter/<name>//writer/<lease>     see `register.ts`
 *
 * Promises: `add` gives the number as this add made it; all adds of all programs stand in one order (linearizable).
 *
 * Does not promise: speed where many add at once: each add is a transaction that fails when another was quicker. For that
 * there are `high-rate-counter.ts` (one program's adds are combined) and `sharded-counter.ts`.
 *
 * How it fails: `OUTCOME_UNKNOWN` as in `register.ts`. `MISMATCH`: what is there is no number.
 */
import type { CallOptions, ReadOptions } from "../store/store.ts";
import type { ByteString } from "../wire/kv.ts";
import { invalid, mismatch } from "./errors.ts";
import { described, recipePrefix } from "./names.ts";
import { Register } from "./register.ts";
import type { SessionSource } from "./session.ts";

/** A number that all share: each add counts exactly once, also when its answer is lost, and tells what it made. */
export class Counter {
  readonly name: string;
  readonly #what: string;
  readonly #register: Register;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string) {
    this.name = name;
    this.#what = described("counter", name);
    this.#register = new Register(source, recipePrefix("counter", name), "value", this.#what);
  }

  /** 0 until it is changed. */
  async get(options?: ReadOptions): Promise<bigint> {
    return numberOf((await this.#register.read(options)).value, this.#what);
  }

  /** Adds a whole number, which may be negative. Returns what the counter is then. */
  add(delta: bigint | number = 1n, options?: CallOptions): Promise<bigint> {
    const added = wholeNumber(delta, this.#what);
    return this.#to((value) => value + added, options);
  }

  /** Sets it to a number. Returns what it was. */
  async set(number: bigint | number, options?: CallOptions): Promise<bigint> {
    const wanted = wholeNumber(number, this.#what);
    let before = 0n;
    await this.#to((value) => {
      before = value;
      return wanted;
    }, options);
    return before;
  }

  #to(next: (value: bigint) => bigint, options: CallOptions | undefined): Promise<bigint> {
    return this.#register.change((value) => {
      const result = next(numberOf(value, this.#what));
      return { value: result.toString(), result };
    }, options);
  }
}

/** @throws QuorateError `INVALID_ARGUMENT` */
export function wholeNumber(number: bigint | number, what: string): bigint {
  if (typeof number === "bigint") return number;
  if (Number.isSafeInteger(number)) return BigInt(number);
  throw invalid(`${what} counts whole numbers, not ${String(number)}: give one below 2^53, or a bigint`);
}

/** What a counter's value says; none: 0. @throws QuorateError `MISMATCH` */
export function numberOf(value: ByteString | null, what: string): bigint {
  if (value === null) return 0n;
  if (!/^-?[0-9]+$/.test(value)) throw mismatch(what, JSON.stringify(value), "a number");
  return BigInt(value);
}
