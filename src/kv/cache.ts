/**
 * A local map of a range, kept fresh by a watch.
 *
 *     read: at once, as of `revision`, which may be old          refresh: waits until it is as new as the store is now
 *
 * Promises: it is always what the range was at `revision`, never a mixture; `revision` never goes back. After
 * `await cache.refresh()` it has everything that was acknowledged to anybody before that was called.
 *
 * How it fails: when its watch cannot go on (closed, permission denied) `failed` says why, and `refresh` and reads throw it:
 * it is never old without saying so for good. In an outage it is old, and `refresh` waits.
 */
import type { QuorateError } from "../errors.ts";
import type { CallOptions, Store } from "../store/store.ts";
import { type ByteString, type KeyValue, SortOrder, SortTarget } from "../wire/kv.ts";
import { Entry, type Reading } from "./entry.ts";
import { closedCache } from "./errors.ts";
import { applyEvent, follow, type KeyRange } from "./follow.ts";
import { type Key, keyIn } from "./key-range.ts";
import { getOp, rangeAt } from "./requests.ts";
import { Wait } from "./wait.ts";

/**
 * A local map of a range, kept fresh by a watch: always what the range was at `revision`, which may be old until
 * `refresh`.
 */
export class Cache<Out> implements AsyncDisposable {
  readonly #store: Store;
  readonly #range: KeyRange;
  readonly #reading: Reading<Out>;
  readonly #end = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #following: Promise<void>;
  readonly #kvs = new Map<ByteString, KeyValue>();
  #revision = 0;
  #failed: QuorateError | null = null;

  /** Resolves when it is filled. */
  static async open<Out>(
    store: Store,
    range: KeyRange,
    reading: Reading<Out>,
    options?: CallOptions,
  ): Promise<Cache<Out>> {
    using wait = new Wait(store.clock, options);
    const cache = new Cache(store, range, reading);
    try {
      await cache.#until(() => cache.#revision > 0, wait);
      return cache;
    } catch (error) {
      await cache.close();
      throw error;
    }
  }

  private constructor(store: Store, range: KeyRange, reading: Reading<Out>) {
    this.#store = store;
    this.#range = range;
    this.#reading = reading;
    this.#following = this.#follow();
  }

  /** The revision that it is of. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#kvs.size;
  }

  /** Why it cannot go on; null: it does. */
  get failed(): QuorateError | null {
    return this.#failed;
  }

  /** Null: there is none. @throws QuorateError if it cannot go on */
  get(key: Key): Entry<Out> | null {
    this.#check();
    const kv = this.#kvs.get(keyIn(this.#reading.prefix, key));
    return kv === undefined ? null : new Entry(kv, this.#reading);
  }

  /** All entries in the order of their keys. @throws QuorateError if it cannot go on */
  entries(): readonly Entry<Out>[] {
    this.#check();
    const sorted = [...this.#kvs.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return sorted.map((kv) => new Entry(kv, this.#reading));
  }

  /** Waits until it has everything that was acknowledged to anybody before this call. */
  async refresh(options?: CallOptions): Promise<void> {
    using wait = new Wait(this.#store.clock, options);
    const { key, rangeEnd } = this.#range;
    const newest = { rangeEnd, limit: 1, sortOrder: SortOrder.descend, sortTarget: SortTarget.mod, keysOnly: true };
    const request = {
      compare: [],
      success: [getOp(key, newest), getOp(key, { rangeEnd, countOnly: true })],
      failure: [],
    };
    const { header, responses } = await wait.for(this.#store.txn(request, wait.call()));
    const lastPut = rangeAt(responses, 0).kvs[0]?.modRevision ?? 0;
    const { count } = rangeAt(responses, 1);
    // A watch does not tell of revisions that change nothing here. As new as the store is also what lacks no put, and no
    // deletion: if there was none but deletions since, it has too many keys until they are told.
    await this.#until(
      () => this.#revision >= header.revision || (this.#revision >= lastPut && this.#kvs.size === count),
      wait,
    );
  }

  async close(): Promise<void> {
    this.#failed ??= closedCache();
    this.#end.abort();
    this.#wake();
    await this.#following;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #follow(): Promise<void> {
    try {
      for await (const { events, revision } of follow(this.#store, this.#range, { signal: this.#end.signal })) {
        for (const event of events) applyEvent(this.#kvs, event);
        this.#revision = revision;
        this.#wake();
      }
      this.#failed ??= closedCache();
    } catch (error) {
      this.#failed ??= error as QuorateError;
    }
    this.#wake();
  }

  async #until(done: () => boolean, wait: Wait): Promise<void> {
    for (;;) {
      this.#check();
      if (done()) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await wait.for(promise).finally(() => this.#waiting.delete(resolve));
    }
  }

  #check(): void {
    if (this.#failed !== null) throw this.#failed;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}
