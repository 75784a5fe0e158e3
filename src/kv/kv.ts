/**
 * Typed keys and values on a store.
 *
 * For: what a program says to the keyspace: text, bytes, JSON and checked values; ranges in pages; watches; transactions.
 * Promises: nothing that is not said is done: a write is sent once, and one with an unknown outcome is rejected with
 * `OUTCOME_UNKNOWN`. Must not know: recipes, how a store reaches its members, what time it is other than by `Store.clock`.
 *
 *     kv.ts ─┬─ codec.ts  entry.ts  key-range.ts     values, keys
 *            ├─ pages.ts  changes.ts                 ranges, watches
 *            ├─ txn-builder.ts  conditions.ts        if … then … else
 *            ├─ transaction.ts                       read, decide, write: optimistic
 *            └─ cache.ts  follow.ts                  a local map kept fresh
 */
import type { CallOptions, ReadOptions, Store } from "../store/store.ts";
import type { ByteString, LeaseId } from "../wire/kv.ts";
import { Cache } from "./cache.ts";
import { changes, type WatchOptions } from "./changes.ts";
import { type Codec, type Encoded, encodeWith, plain } from "./codec.ts";
import type { Condition } from "./conditions.ts";
import { type Change, Entry, type Reading } from "./entry.ts";
import { type Key, type Keys, keyIn, keysIn } from "./key-range.ts";
import { entries, type RangeOptions } from "./pages.ts";
import { putRequest, rangeRequest } from "./requests.ts";
import { runTransaction, type Transaction, type TransactionOptions } from "./transaction.ts";
import { TxnBuilder } from "./txn-builder.ts";

/** How fresh, or of which revision, and how long it may take. */
export interface GetOptions extends ReadOptions {
  /** As it was at this revision; default: as it is. */
  readonly revision?: number;
}

/** What the key hangs on, and what is told of the one before. */
export interface PutOptions extends CallOptions {
  /** The key ends with this lease: a `Session`'s, or the number of one. */
  readonly lease?: LeaseId | { readonly id: LeaseId };
  /** Also tell what was there. */
  readonly previous?: boolean;
}

/** What is told of what was deleted. */
export interface DeleteOptions extends CallOptions {
  /** Also tell what was there. */
  readonly previous?: boolean;
}

/** What came of a put. */
export interface Written<Out> {
  /** The write's. */
  readonly revision: number;
  /** Where it was asked for. */
  readonly previous: Entry<Out> | null;
}

/** What came of a deletion. */
export interface Deleted<Out> {
  /** The deletion's; the present one if nothing was deleted. */
  readonly revision: number;
  /** How many keys. */
  readonly deleted: number;
  /** Where they were asked for. */
  readonly previous: readonly Entry<Out>[];
}

/**
 * Keys and values: read, written, watched, changed together.
 *
 * @typeParam In what values are written.
 * @typeParam Out what they are read as.
 */
export class Kv<In = Encoded, Out = string> {
  readonly store: Store;
  readonly #prefix: ByteString;
  readonly #codec: Codec<In, Out>;

  private constructor(store: Store, prefix: ByteString, codec: Codec<In, Out>) {
    this.store = store;
    this.#prefix = prefix;
    this.#codec = codec;
  }

  /** All keys of a store; text and bytes are written, text is read. */
  static on(store: Store): Kv {
    return new Kv(store, "", plain);
  }

  /** The same keys, with other values: `kv.of(json<User>())`. */
  of<T, U = T>(codec: Codec<T, U>): Kv<T, U> {
    return new Kv(this.store, this.#prefix, codec);
  }

  /** The keys that begin with `prefix`, told and given without it. */
  namespace(prefix: Key): Kv<In, Out> {
    return new Kv(this.store, keyIn(this.#prefix, prefix), this.#codec);
  }

  /** Null: there is none. */
  async get(key: Key, { revision = 0, ...options }: GetOptions = {}): Promise<Entry<Out> | null> {
    const { kvs } = await this.store.range(rangeRequest(keyIn(this.#prefix, key), { revision }), options);
    return kvs[0] === undefined ? null : new Entry(kvs[0], this.#reading);
  }

  async put(key: Key, value: In, { lease = 0n, previous = false, ...options }: PutOptions = {}): Promise<Written<Out>> {
    const id = typeof lease === "bigint" ? lease : lease.id;
    const request = putRequest(keyIn(this.#prefix, key), encodeWith(this.#codec, value), id);
    const { header, prevKv } = await this.store.put({ ...request, prevKv: previous }, options);
    return { revision: header.revision, previous: prevKv === null ? null : new Entry(prevKv, this.#reading) };
  }

  /** A key, or many at once: `{ prefix: "a/" }`. */
  async delete(keys: Keys, { previous = false, ...options }: DeleteOptions = {}): Promise<Deleted<Out>> {
    const request = { ...keysIn(this.#prefix, keys), prevKv: previous };
    const { header, deleted, prevKvs } = await this.store.deleteRange(request, options);
    return { revision: header.revision, deleted, previous: prevKvs.map((kv) => new Entry(kv, this.#reading)) };
  }

  /** All entries of a range in the order of their keys, as they were at one revision; fetched in pages. */
  range(keys: Keys, options: RangeOptions = {}): AsyncGenerator<Entry<Out>, void, undefined> {
    return entries(this.store, keysIn(this.#prefix, keys), this.#reading, options);
  }

  /** How many keys there are. */
  async count(keys: Keys, { revision = 0, ...options }: GetOptions = {}): Promise<number> {
    const { key, rangeEnd } = keysIn(this.#prefix, keys);
    const { count } = await this.store.range(rangeRequest(key, { rangeEnd, revision, countOnly: true }), options);
    return count;
  }

  /**
   * Every change, each once and in order, without end. It begins when it is first asked for a change; with `from` it
   * misses nothing from that revision on.
   * @throws QuorateError `COMPACTED` if changes it must tell of are gone: read anew, and watch from there
   */
  watch(keys: Keys, options: WatchOptions = {}): AsyncGenerator<Change<Out>, void, undefined> {
    return changes(this.store, keysIn(this.#prefix, keys), this.#reading, options);
  }

  /**
   * A transaction that reads like a sentence; all at once or nothing.
   * @example
   * ```ts
   * const { succeeded } = await kv.if({ key: "a", exists: false }).then(put("a", "1")).else(get("a")).commit();
   * ```
   */
  if(...conditions: readonly Condition<In>[]): TxnBuilder<In, Out> {
    return new TxnBuilder({ store: this.store, prefix: this.#prefix, codec: this.#codec }, conditions);
  }

  /**
   * Runs `work`, and makes its writes at once if nothing that it read has been changed by then; else runs it again. So
   * it must do nothing else that cannot be done twice.
   * @throws QuorateError `CONFLICT` after too many attempts, `OUTCOME_UNKNOWN` as any write
   */
  transaction<T>(work: (tx: Transaction<In, Out>) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction({ store: this.store, prefix: this.#prefix, codec: this.#codec }, work, options);
  }

  /** A local map of a range, kept fresh by a watch. Resolves when it is filled. */
  cache(keys: Keys, options: CallOptions = {}): Promise<Cache<Out>> {
    return Cache.open(this.store, keysIn(this.#prefix, keys), this.#reading, options);
  }

  get #reading(): Reading<Out> {
    return { prefix: this.#prefix, codec: this.#codec };
  }
}
