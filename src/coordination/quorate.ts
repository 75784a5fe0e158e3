/**
 * Everything that a program does with a store, in one place.
 *
 * The room `coordination/` is for recipes: what programs do together, made of keys, leases, transactions and watches, on
 * `store/store.ts` alone. Each says in its header what it promises, what not, how it fails, and its keys. Must not know:
 * how a store reaches its members; a clock other than the store's; any global state.
 *
 *     session.ts ── settled-writes.ts        a lease as an object; writes whose outcome becomes known
 *        │  shared-session.ts, admission.ts  one for all recipes, replaced when lost
 *        ├─ line.ts, entrance.ts, hold.ts    fair lines, and what is held
 *        │     mutex, read-write-lock, semaphore, multi-lock, election, ranked-election, double-barrier
 *        ├─ register.ts                      one key, each change exactly once
 *        │     counter, high-rate-counter, sharded-counter, atomic-value, latch, block-ids
 *        ├─ membership, snowflake-ids        keys of a session
 *        ├─ barrier, rate-limiter            keys alone
 *        └─ guard.ts                         writes that check what is held
 */

import { Services } from "../discovery/registry/services.ts";
import { type Codec, type Encoded, plain } from "../kv/codec.ts";
import { Kv } from "../kv/kv.ts";
import type { CallOptions, Store, StoreState } from "../store/store.ts";
import { Queue, type QueueOptions } from "../work/queue/queue.ts";
import { Schedules } from "../work/schedules/schedules.ts";
import { Tasks } from "../work/tasks/tasks.ts";
import { AtomicValue } from "./atomic-value.ts";
import { Barrier } from "./barrier.ts";
import { BlockIds, type BlockIdsOptions } from "./block-ids.ts";
import { Counter } from "./counter.ts";
import { DoubleBarrier, type DoubleBarrierOptions } from "./double-barrier.ts";
import { Election, type ElectionOptions } from "./election.ts";
import { Guard } from "./guard.ts";
import { HighRateCounter } from "./high-rate-counter.ts";
import type { Hold } from "./hold.ts";
import { Latch } from "./latch.ts";
import { Group, type GroupOptions } from "./membership.ts";
import { type MultiHold, MultiLock, type MultiLockOptions } from "./multi-lock.ts";
import { Mutex, type MutexOptions } from "./mutex.ts";
import { RankedElection, type RankedElectionOptions } from "./ranked-election.ts";
import { RateLimiter, type RateLimiterOptions } from "./rate-limiter.ts";
import { ReadWriteLock, type ReadWriteLockOptions } from "./read-write-lock.ts";
import { Semaphore, type SemaphoreOptions } from "./semaphore.ts";
import { Session, type SessionOptions } from "./session.ts";
import { ShardedCounter, type ShardedCounterOptions } from "./sharded-counter.ts";
import { SharedSession } from "./shared-session.ts";
import { SnowflakeIds } from "./snowflake-ids.ts";

/** What all recipes of one `Quorate` have in common. */
export interface QuorateOptions {
  /** Of the session that recipes share; default 10 s. */
  readonly sessionTtlMs?: number;
}

/**
 * Of the session that counters share. Longer than an outage: as long as it lives, a change whose answer was lost is found
 * out. Nothing that others wait for hangs on it.
 */
const WRITER_TTL_MS = 600_000;

/**
 * A program's hold on a store.
 *
 * @example
 * ```ts
 * await using q = new Quorate(store);
 * await using lock = await q.lock("invoice/42").acquire({ timeoutMs: 5_000 });
 * await q.guard(lock).put("invoice/42/paid", "yes");
 * ```
 */
export class Quorate implements AsyncDisposable {
  readonly store: Store;
  /** Keys and values: text and bytes are written, text is read; `kv.of(codec)` for others. */
  readonly kv: Kv;
  /** Work that one program asks for and another does. */
  readonly tasks: Tasks;
  /** Tasks that are submitted at their times. */
  readonly schedules: Schedules;
  /** Who is where, who takes calls, and calls to them. */
  readonly services: Services;
  readonly #session: SharedSession;
  readonly #writers: SharedSession;

  constructor(store: Store, { sessionTtlMs }: QuorateOptions = {}) {
    this.store = store;
    this.kv = Kv.on(store);
    this.#session = new SharedSession(store, sessionTtlMs === undefined ? {} : { ttlMs: sessionTtlMs });
    this.#writers = new SharedSession(store, { ttlMs: WRITER_TTL_MS });
    this.tasks = new Tasks(this.#session, this.#writers);
    this.schedules = new Schedules(this.#session, (name) => this.tasks.type(name));
    this.services = new Services(this.#session);
  }

  /** Fair; one at a time. */
  lock(name: string, options?: MutexOptions): Mutex {
    return new Mutex(this.#session, name, options);
  }

  /** Fair; many readers or one writer. */
  readWriteLock(name: string, options?: ReadWriteLockOptions): ReadWriteLock {
    return new ReadWriteLock(this.#session, name, options);
  }

  /** Several locks at once. */
  multiLock(names: readonly string[], options?: MultiLockOptions): MultiLock {
    return new MultiLock(this.#session, names, options);
  }

  /** Fair; a number of permits. */
  semaphore(name: string, options: SemaphoreOptions): Semaphore {
    return new Semaphore(this.#session, name, options);
  }

  /** Who came first leads. */
  election(name: string, options?: ElectionOptions): Election {
    return new Election(this.#session, name, options);
  }

  /** Who has the highest number leads. */
  rankedElection(name: string, options?: RankedElectionOptions): RankedElection {
    return new RankedElection(this.#session, name, options);
  }

  /** Who is there. */
  group(name: string, options?: GroupOptions): Group {
    return new Group(this.#session, name, options);
  }

  /** A number; each add counts once. */
  counter(name: string): Counter {
    return new Counter(this.#writers, name);
  }

  /** The same numbers, for a program that adds often. Keep it: its adds are combined. */
  highRateCounter(name: string): HighRateCounter {
    return new HighRateCounter(this.#writers, name);
  }

  /** A number for many programs that add at once. */
  shardedCounter(name: string, options?: ShardedCounterOptions): ShardedCounter {
    return new ShardedCounter(this.#writers, name, options);
  }

  /** A value that is changed only from what it was known to be; text unless there is a codec. */
  atomicValue(name: string): AtomicValue<Encoded, string>;
  atomicValue<In, Out>(name: string, codec: Codec<In, Out>): AtomicValue<In, Out>;
  atomicValue(name: string, codec: Codec<Encoded, string> = plain): AtomicValue<Encoded, string> {
    return new AtomicValue(this.#writers, name, codec);
  }

  /** Opens when it was counted down, for good. */
  latch(name: string): Latch {
    return new Latch(this.#writers, name);
  }

  /** Closed or open. */
  barrier(name: string): Barrier {
    return new Barrier(this.store, name);
  }

  /** So many begin together, and end together. */
  doubleBarrier(name: string, options: DoubleBarrierOptions): DoubleBarrier {
    return new DoubleBarrier(this.#session, name, options);
  }

  /** 1, 2, 3, …; keep it: it gives out a block of them. */
  blockIds(name: string, options?: BlockIdsOptions): BlockIds {
    return new BlockIds(this.#writers, name, options);
  }

  /** 64 bits, nearly in the order of time; keep it: it holds a worker's number. */
  snowflakeIds(name: string): SnowflakeIds {
    return new SnowflakeIds(this.#session, name);
  }

  /** So many in a window of time. */
  rateLimiter(name: string, options: RateLimiterOptions): RateLimiter {
    return new RateLimiter(this.store, name, options);
  }

  /** Durable messages, each for one consumer at a time until it is acknowledged; text unless there is a codec. */
  queue(name: string, options?: QueueOptions): Queue<Encoded, string>;
  queue<In, Out>(name: string, options: QueueOptions & { readonly codec: Codec<In, Out> }): Queue<In, Out>;
  queue(
    name: string,
    { codec = plain, ...options }: QueueOptions & { readonly codec?: Codec<Encoded, string> } = {},
  ): Queue<Encoded, string> {
    return new Queue(this.#session, this.#writers, name, codec, options);
  }

  /** A session of one's own, to be given to recipes: `q.lock("a", { session })`. */
  session(options?: SessionOptions, call?: CallOptions): Promise<Session> {
    return Session.open(this.store, options, call);
  }

  /** Writes that are made only while all of this is held. */
  guard(...held: readonly (Hold | MultiHold)[]): Guard {
    const holds = held.flatMap((one) => ("locks" in one ? [...one.locks.values()] : [one]));
    return new Guard(this.store, holds, plain);
  }

  /** Where the store stands, and each change; ends after `closed`. */
  status(): AsyncIterable<StoreState> {
    return this.store.states();
  }

  /** Gives up all that is held by shared sessions, and closes the store. */
  async close(options?: CallOptions): Promise<void> {
    await Promise.all([this.#session.close(options), this.#writers.close(options)]);
    await this.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
