/**
 * A number of permits, of which each holder has some: fair, first come, first served.
 *
 *     semaphore/<name>//limit                 how many there are, in decimal; made by the first who uses it, stays
 *     semaphore/<name>//line/<lease>.<n>      one who holds or waits; value: how many it wants, and behind a space its label
 *
 *     create revision ──▶   2   1 │ 3   1          limit 4: the first two hold (3 taken); the next waits for 2 to come free,
 *                                                  and the last behind it, although one is free
 *
 * Promises: never are more permits held than there are, by the holders' own clocks; who came first gets them first, so that
 * one who wants many is not starved by those who want few. What `mutex.ts` says of leases and lost answers holds here.
 *
 * Does not promise: an order among those who hold at the same time. Fences grow with each holder, but a smaller one may
 * still be good: guard a write with `q.guard(permit)`, and do not compare fences.
 *
 * How it fails: `MISMATCH` if another number of permits is in use under this name. To change it, release all, and delete
 * the key of the limit.
 */

import { Backoff } from "../kv/backoff.ts";
import { comparison, getOp, isAbsent, prefixRange, putOp, rangeAt, rangeRequest } from "../kv/requests.ts";
import { hasCode, isRetryable, type Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions, Store } from "../store/store.ts";
import { byteStringOfText } from "../wire/byte-string.ts";
import { type ByteString, type RequestOp, SortOrder, SortTarget } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { invalid, mismatch } from "./errors.ts";
import { Hold, type Place, whileHeld } from "./hold.ts";
import { type Contender, contender, type Joined, Line, type View } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** How many permits there are, in whose name, and what others see. */
export interface SemaphoreOptions {
  /** How many there are: the same for all who use the name. */
  readonly permits: number;
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /** What others see of who holds or waits; default none. */
  readonly label?: string;
}

/** How many permits to take, and how long to wait. */
export interface AcquireOptions extends CallOptions {
  /** How many to take, all at once; default 1. */
  readonly permits?: number;
}

/** Permits that are held. */
export class Permit extends Hold {}

/** Somebody who holds permits or waits for them. */
export interface PermitContender extends Contender {
  readonly permits: number;
  readonly holds: boolean;
}

/**
 * A number of permits, of which each holder has some: fair, first come, first served. Holders' fences do not tell who
 * is late: guard writes instead.
 */
export class Semaphore {
  readonly name: string;
  readonly permits: number;
  readonly #source: SessionSource;
  readonly #limitKey: ByteString;
  readonly #line: Line;
  readonly #label: string;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or `permits` is no number of them */
  constructor(source: SessionSource, name: string, { permits, session, label = "" }: SemaphoreOptions) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw invalid(`a semaphore cannot have ${String(permits)} permits: give a whole number from 1 on`);
    }
    const prefix = recipePrefix("semaphore", name);
    this.name = name;
    this.permits = permits;
    this.#source = session ?? source;
    this.#limitKey = `${prefix}limit`;
    this.#line = new Line(source.store, `${prefix}line/`, described("semaphore", name));
    this.#label = label;
  }

  /** Waits until its permits are free and nobody before it waits. */
  async acquire({ permits = 1, ...options }: AcquireOptions = {}): Promise<Permit> {
    this.#check(permits);
    const place = await admit(this.#source, options, async (session, wait) => {
      const joined = await this.#join(session, permits, wait);
      return await this.#line.orLeave(joined, this.#turn(joined, permits, wait));
    });
    return new Permit(this.#line.what, place);
  }

  /** The permits if they are free and nobody waits; else null. */
  async tryAcquire({ permits = 1, ...options }: AcquireOptions = {}): Promise<Permit | null> {
    this.#check(permits);
    const place = await admit(this.#source, options, async (session, wait): Promise<Place | null> => {
      const joined = await this.#join(session, permits, wait);
      return await this.#line.orLeave(joined, this.#atOnce(joined, permits, wait));
    });
    return place === null ? null : new Permit(this.#line.what, place);
  }

  /** Runs `use` while permits are held. @throws QuorateError also when they were lost before `use` was done */
  async run<T>(use: (permit: Permit) => Promise<T>, options?: AcquireOptions): Promise<T> {
    return await whileHeld(await this.acquire(options), use);
  }

  /** All who hold permits or wait for them, in their order. */
  async standing(options?: ReadOptions): Promise<readonly PermitContender[]> {
    const { kvs } = await this.#store.range(rangeAhead(this.#line.prefix).request, options);
    let taken = 0;
    return kvs.map((kv) => {
      const { permits, label } = this.#parse(kv.key, kv.value);
      taken += permits;
      return { ...contender(kv), label, permits, holds: taken <= this.permits };
    });
  }

  get #store(): Store {
    return this.#source.store;
  }

  #check(permits: number): void {
    if (Number.isSafeInteger(permits) && permits >= 1 && permits <= this.permits) return;
    throw invalid(
      `${this.#line.what} has ${this.permits} permits, of which ${String(permits)} cannot be had: give 1 or more`,
    );
  }

  async #join(session: Session, permits: number, wait: Wait): Promise<Joined> {
    const { prefix } = this.#line;
    const joining = {
      prefix,
      value: byteStringOfText(this.#label === "" ? `${permits}` : `${permits} ${this.#label}`),
      compare: [comparison(this.#limitKey, { value: `${this.permits}` })],
      reads: [rangeAhead(prefix)],
    };
    for (;;) {
      const joined = await this.#line.tryJoin(session, wait, joining);
      if (joined !== null) return joined;
      await this.#agree(wait);
    }
  }

  /** Sets the limit if nobody has. @throws QuorateError `MISMATCH` */
  async #agree(wait: Wait): Promise<void> {
    const request = {
      compare: [isAbsent(this.#limitKey)],
      success: [putOp(this.#limitKey, `${this.permits}`)],
      failure: [getOp(this.#limitKey)],
    };
    try {
      const { succeeded, responses } = await wait.for(this.#store.txn(request, wait.call()));
      const found = succeeded ? `${this.permits}` : (rangeAt(responses, 0).kvs[0]?.value ?? "none");
      if (found !== `${this.permits}`) throw mismatch(this.#line.what, `${found} permits`, `${this.permits}`);
    } catch (error) {
      wait.check();
      // Whoever set it, the same is found in it when it is looked at again.
      if (!hasCode(error, "OUTCOME_UNKNOWN") && !isRetryable(error)) throw error;
      await wait.sleep(new Backoff(this.#store.random, 100).next());
    }
  }

  async #turn(place: Joined, wanted: number, wait: Wait): Promise<Place> {
    const backoff = new Backoff(this.#store.random);
    const range = prefixRange(this.#line.prefix);
    let { view } = place;
    for (;;) {
      try {
        view ??= await this.#line.look(place, [rangeAhead(this.#line.prefix, place.revision)], wait);
        const ahead = this.#ahead(view);
        let taken = sum(ahead);
        if (taken + wanted <= this.permits) return place;
        const isEnough = (key: ByteString): boolean => {
          taken -= ahead.get(key) ?? 0;
          ahead.delete(key);
          return taken + wanted <= this.permits;
        };
        await this.#line.deletions(range, view.revision, isEnough, wait);
        backoff.reset();
      } catch (error) {
        wait.check();
        if (!isRetryable(error)) throw error;
        await wait.sleep(backoff.next());
      }
      view = null;
    }
  }

  async #atOnce(place: Joined, wanted: number, wait: Wait): Promise<Place | null> {
    const view = place.view ?? (await this.#line.look(place, [rangeAhead(this.#line.prefix, place.revision)], wait));
    if (sum(this.#ahead(view)) + wanted <= this.permits) return place;
    this.#line.leave(place);
    return null;
  }

  /** How many permits each of those before it wants. */
  #ahead(view: View): Map<ByteString, number> {
    return new Map(rangeAt(view.responses, 0).kvs.map((kv) => [kv.key, this.#parse(kv.key, kv.value).permits]));
  }

  #parse(key: ByteString, value: ByteString): { readonly permits: number; readonly label: string } {
    const [, digits, label = ""] = /^([1-9][0-9]{0,15})(?: (.*))?$/s.exec(value) ?? [];
    if (digits === undefined)
      throw mismatch(this.#line.what, `${JSON.stringify(value)} in ${key}`, "a number of permits");
    return { permits: Number(digits), label };
  }
}

function sum(permits: ReadonlyMap<ByteString, number>): number {
  let all = 0;
  for (const some of permits.values()) all += some;
  return all;
}

/** Reads all who came before a revision (default: now), in their order. */
function rangeAhead(prefix: ByteString, before?: number): Extract<RequestOp, { type: "range" }> {
  const { key, rangeEnd } = prefixRange(prefix);
  const request = rangeRequest(key, {
    rangeEnd,
    sortOrder: SortOrder.ascend,
    sortTarget: SortTarget.create,
    ...(before === undefined ? {} : { maxCreateRevision: before - 1 }),
  });
  return { type: "range", request };
}
