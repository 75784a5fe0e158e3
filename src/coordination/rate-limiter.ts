/**
 * So many in a window of time, all programs together.
 *
 *     rate/<name>//window     on a lease as long as a window: how many came in it, in decimal; gone when it is over
 *
 *     no window ──(first comes: grants a lease)──▶ 1 ──▶ 2 ──▶ … ──▶ limit: no more ──(the lease ends)──▶ no window
 *
 * Time is the store's alone: no clock of a program counts. Promises: never more than `limit` in one window, which is at
 * least as long as asked for.
 *
 * Does not promise: that a window is not longer: the store grants whole seconds and may raise short ones, and a change of
 * leader begins leases anew. Evenness: twice the limit may come around the border of two windows. What was let in and
 * whose answer was lost counts: never too many, perhaps too few.
 *
 * How it fails: `OUTCOME_UNKNOWN` when an answer is lost: it may have been counted; do not go on.
 */
import { Backoff } from "../kv/backoff.ts";
import { comparison, putOp, rangeRequest } from "../kv/requests.ts";
import { hasCode, Wait } from "../kv/wait.ts";
import type { CallOptions, Store } from "../store/store.ts";
import type { ByteString, KeyValue } from "../wire/kv.ts";
import { numberOf } from "./counter.ts";
import { invalid } from "./errors.ts";
import { Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";

/** How many, in which time. */
export interface RateLimiterOptions {
  /** How many in a window. */
  readonly limit: number;
  /** At least this long; whole seconds, ms. */
  readonly windowMs: number;
}

/**
 * So many in a window of time, all programs together, by the clock of the store. Not fair, and not even: for what is
 * dear, not for every request.
 */
export class RateLimiter {
  readonly name: string;
  readonly limit: number;
  readonly #store: Store;
  readonly #ttlSeconds: number;
  readonly #key: ByteString;
  readonly #what: string;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or limit or window are no numbers of theirs */
  constructor(store: Store, name: string, { limit, windowMs }: RateLimiterOptions) {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw invalid(`a rate limiter cannot have a limit of ${String(limit)}: give a whole number from 1 on`);
    }
    if (!(windowMs > 0)) throw invalid(`a window of ${String(windowMs)} ms is none: give a number above 0`);
    this.name = name;
    this.limit = limit;
    this.#store = store;
    this.#ttlSeconds = Math.ceil(windowMs / 1_000);
    this.#key = `${recipePrefix("rate", name)}window`;
    this.#what = described("rate limiter", name);
  }

  /** Whether this one is let in now. */
  async tryAcquire(options?: CallOptions): Promise<boolean> {
    using wait = new Wait(this.#store.clock, options);
    return (await this.#tryOnce(wait)).admitted;
  }

  /** Waits until it is let in. Not fair: who asks at the right moment comes first. */
  async acquire(options?: CallOptions): Promise<void> {
    using wait = new Wait(this.#store.clock, options);
    const line = new Line(this.#store, this.#key, this.#what);
    for (;;) {
      const { admitted, revision } = await this.#tryOnce(wait);
      if (admitted) return;
      await line.gone(this.#key, revision, wait);
    }
  }

  /** @returns the revision at which the window was full */
  async #tryOnce(wait: Wait): Promise<{ readonly admitted: boolean; readonly revision: number }> {
    const backoff = new Backoff(this.#store.random);
    for (;;) {
      const { kvs, header } = await wait.for(this.#store.range(rangeRequest(this.#key), wait.call()));
      const window = kvs[0] ?? null;
      const count = numberOf(window?.value ?? null, this.#what);
      if (count >= this.limit) return { admitted: false, revision: header.revision };
      if (await this.#count(window, count + 1n, wait)) return { admitted: true, revision: header.revision };
      await wait.sleep(backoff.next());
    }
  }

  /** Counts one in a window that is as it was seen, or in a new one. Returns whether it was so still. */
  async #count(window: KeyValue | null, count: bigint, wait: Wait): Promise<boolean> {
    const store = this.#store;
    const lease = window?.lease ?? (await wait.for(store.grantLease(this.#ttlSeconds, 0n, wait.call()))).id;
    let counted = false;
    try {
      const compare = [comparison(this.#key, { modRevision: window?.modRevision ?? 0 })];
      const request = { compare, success: [putOp(this.#key, `${count}`, lease)], failure: [] };
      // Its signal goes with the call, so that what has left and is given up is told as of unknown outcome.
      counted = (await store.txn(request, wait.call())).succeeded;
      return counted;
    } catch (error) {
      counted = hasCode(error, "OUTCOME_UNKNOWN");
      // The window is over.
      if (hasCode(error, "LEASE_NOT_FOUND")) return false;
      throw error;
    } finally {
      // A lease on which nothing hangs would end by itself.
      if (!counted && window === null) store.revokeLease(lease).catch(() => undefined);
    }
  }
}
