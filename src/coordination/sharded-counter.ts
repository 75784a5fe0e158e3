/**
 * A counter for many programs that add at once: each add goes to one of several keys, so that few get in each other's
 * way; the counter is their sum.
 *
 *     sharded/<name>//<shard>            a part of the number, in decimal; <shard> from 0 on
 *     sharded/<name>//writer/<lease>     see `register.ts`
 *
 * Promises: each add counts exactly once. `get` is the sum at one revision: what was added before it began is in it.
 *
 * Does not promise: what the counter was just after an add: `add` does not say. An order of adds.
 *
 * How it fails: as `counter.ts`.
 */
import { prefixRange, rangeRequest } from "../kv/requests.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import type { ByteString } from "../wire/kv.ts";
import { numberOf, wholeNumber } from "./counter.ts";
import { invalid } from "./errors.ts";
import { described, recipePrefix } from "./names.ts";
import { Register } from "./register.ts";
import type { SessionSource } from "./session.ts";

/** Over how many keys it is spread. */
export interface ShardedCounterOptions {
  /** How many keys this program spreads its adds over; others may use another number. Default 16. */
  readonly shards?: number;
}

const DEFAULT_SHARDS = 16;
const MOST_SHARDS = 1_024;

/**
 * A number for many programs that add at once: spread over keys, and summed when it is read. Each add counts exactly
 * once.
 */
export class ShardedCounter {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #what: string;
  readonly #shards: readonly Register[];

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or `shards` is no number of them */
  constructor(source: SessionSource, name: string, { shards = DEFAULT_SHARDS }: ShardedCounterOptions = {}) {
    if (!Number.isSafeInteger(shards) || shards < 1 || shards > MOST_SHARDS) {
      throw invalid(`a counter cannot have ${String(shards)} shards: give a whole number from 1 to ${MOST_SHARDS}`);
    }
    this.name = name;
    this.#source = source;
    this.#prefix = recipePrefix("sharded", name);
    this.#what = described("sharded counter", name);
    const writers = this.#prefix;
    this.#shards = Array.from({ length: shards }, (_, at) => new Register(source, writers, `${at}`, this.#what));
  }

  async get(options?: ReadOptions): Promise<bigint> {
    const { key, rangeEnd } = prefixRange(this.#prefix);
    const { kvs } = await this.#source.store.range(rangeRequest(key, { rangeEnd }), options);
    const parts = kvs.filter((kv) => /^[0-9]+$/.test(kv.key.slice(this.#prefix.length)));
    return parts.reduce((sum, kv) => sum + numberOf(kv.value, this.#what), 0n);
  }

  /** Adds a whole number, which may be negative. */
  async add(delta: bigint | number = 1n, options?: CallOptions): Promise<void> {
    const added = wholeNumber(delta, this.#what);
    const shard = this.#shards[this.#source.store.random.uint32() % this.#shards.length];
    await shard?.change((value) => {
      const sum = numberOf(value, this.#what) + added;
      return { value: sum.toString(), result: sum };
    }, options);
  }
}
