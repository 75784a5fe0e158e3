/**
 * A line of those who want something, in the order in which they came: the heart of all fair recipes.
 *
 *     <prefix><lease in hex>.<n>      one key a place, on the session's lease; its create revision is the place's number
 *     <prefix><lease in hex>          the same, made by another etcd client
 *
 *         join            turn                       leave, or the lease ends
 *     ───────▶ waiting ─────────▶ at the head ──────────▶ gone
 *                 └── waits for one key only: the nearest before it that stands in its way
 *
 * Promises: nobody overtakes. Who is told that it is its turn was, in one transaction, found to be in the line still (so
 * that its lease lived; etcd's lock once granted without that: Jepsen, etcd 3.4.3) and behind nobody who stands in
 * its way (the whole rule again, not only "the one I waited for is gone": that one may have left without ever having had
 * its turn, which gave etcd's read-write lock two writers, etcd 16221).
 *
 * The layout is that of etcd's own locks and elections (`concurrency.Mutex`), so that they wait for each other.
 */
import { assert } from "../errors.ts";
import { Backoff } from "../kv/backoff.ts";
import { getOp, isAbsent, isCreatedAt, prefixRange, rangeAt, rangeRequest } from "../kv/requests.ts";
import { hasCode, isRetryable, type Wait } from "../kv/wait.ts";
import type { ReadOptions, Store } from "../store/store.ts";
import { textOf } from "../wire/byte-string.ts";
import {
  type ByteString,
  type Compare,
  type KeyValue,
  type RequestOp,
  type ResponseOp,
  SortOrder,
  SortTarget,
} from "../wire/kv.ts";
import { evicted } from "./errors.ts";
import type { Place } from "./hold.ts";
import type { Session } from "./session.ts";

/** Somebody in a line, as others see it. */
export interface Contender {
  /** Of the session. */
  readonly lease: bigint;
  /** Its number: who came earlier has a smaller one. */
  readonly fence: bigint;
  /** What it said of itself. */
  readonly label: string;
}

export interface Joining {
  /** The part of the line to stand in: keys begin with this. */
  readonly prefix: ByteString;
  readonly value?: ByteString;
  /** Join only if all of this holds. */
  readonly compare?: readonly Compare[];
  /** Read in the same transaction, before the place is taken. */
  readonly reads?: readonly RequestOp[];
}

/** What one who waits sees of the line at a revision. */
export interface View {
  readonly responses: readonly ResponseOp[];
  readonly revision: number;
}

/** A place that was just taken; `view`: what `reads` gave; null: that answer was lost. */
export interface Joined extends Place {
  readonly view: View | null;
}

export class Line {
  readonly store: Store;
  /** Of all keys in the line. */
  readonly prefix: ByteString;
  /** For people: `lock "a"`. */
  readonly what: string;

  constructor(store: Store, prefix: ByteString, what: string) {
    this.store = store;
    this.prefix = prefix;
    this.what = what;
  }

  /** Takes a place. When the caller does not wait for it, the place is left as soon as it was got. */
  async join(session: Session, wait: Wait, joining: Omit<Joining, "compare">): Promise<Joined> {
    for (;;) {
      const place = await this.tryJoin(session, wait, joining);
      if (place !== null) return place;
    }
  }

  /** `join`; null: `compare` did not hold. */
  async tryJoin(session: Session, wait: Wait, joining: Joining): Promise<Joined | null> {
    const { prefix, value = "", compare = [], reads = [] } = joining;
    // A key of its own for each attempt: what is found there later can only be this one's.
    const key = `${prefix}${session.id.toString(16)}.${session.nextNumber()}`;
    const request = { compare: [isAbsent(key), ...compare], success: reads, failure: [] };
    const settled = await session.writes.take(request, { key, value }, wait);
    if (!settled.applied) return null;
    const { responses, revision } = settled;
    return { session, key, revision, view: responses === null ? null : { responses, revision } };
  }

  /** Gives a place up, for as long as that takes, in the background. */
  leave(place: Place): void {
    place.session.writes.discard(place.key, place.revision).catch(() => undefined);
  }

  /**
   * Waits until nobody who came before stands in the way. A place whose turn is not waited for is left.
   * @param place joined with `reads: [nearest(blocking)]`
   * @param blocking prefix of the keys that do: all of the line, or a part of it
   * @throws QuorateError `EVICTED`, or what ended the wait
   */
  async turn(place: Joined, blocking: ByteString, wait: Wait): Promise<Place> {
    return await this.orLeave(place, this.#turn(place, blocking, wait));
  }

  /** What `promise` gives; leaves the place when it is rejected. */
  async orLeave<T>(place: Place, promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      this.leave(place);
      throw error;
    }
  }

  async #turn(place: Joined, blocking: ByteString, wait: Wait): Promise<Place> {
    const backoff = new Backoff(this.store.random);
    let { view } = place;
    for (;;) {
      try {
        view ??= await this.look(place, [nearest(blocking, place.revision)], wait);
        const ahead = rangeAt(view.responses, 0).kvs[0];
        if (ahead === undefined) return place;
        const { createRevision } = ahead;
        assert(
          createRevision < place.revision,
          `${this.what}: place ${place.revision} was to wait for ${createRevision}, which came later`,
        );
        await this.gone(ahead.key, view.revision, wait);
        backoff.reset();
      } catch (error) {
        wait.check();
        if (!isRetryable(error)) throw error;
        await wait.sleep(backoff.next());
      }
      view = null;
    }
  }

  /** Reads in one transaction with the proof that the place is in the line still. @throws QuorateError `EVICTED` */
  async look(place: Place, reads: readonly RequestOp[], wait: Wait): Promise<View> {
    const request = { compare: [isCreatedAt(place.key, place.revision)], success: reads, failure: [] };
    const reply = await wait.for(this.store.txn(request, wait.call()));
    if (!reply.succeeded) {
      // The lease knows better: without it the key is gone for that reason.
      if ((await wait.for(this.store.leaseState(place.session.id, false, wait.call()))).ttlSeconds < 0) {
        place.session.gone();
        place.session.assertHeld();
      }
      throw evicted(this.what);
    }
    return { responses: reply.responses, revision: reply.header.revision };
  }

  /** Resolves when a key that existed at a revision is deleted, or when that has to be looked at again. */
  async gone(key: ByteString, revision: number, wait: Wait): Promise<void> {
    await this.deletions({ key, rangeEnd: "" }, revision, () => true, wait);
  }

  /**
   * Tells of each key that is deleted after a revision until `isEnough` says so, or until one has to look again because
   * what happened is forgotten.
   */
  async deletions(
    range: { readonly key: ByteString; readonly rangeEnd: ByteString },
    revision: number,
    isEnough: (key: ByteString) => boolean,
    wait: Wait,
  ): Promise<void> {
    const watching = new AbortController();
    const watch = this.store.watch(
      { ...range, startRevision: revision + 1, prevKv: false, without: ["put"], progress: false },
      { signal: watching.signal },
    );
    const enough = async (): Promise<void> => {
      try {
        for await (const batch of watch) if (batch.events.some(({ kv }) => isEnough(kv.key))) return;
      } catch (error) {
        if (!hasCode(error, "COMPACTED")) throw error;
      }
    };
    try {
      await wait.for(enough());
    } finally {
      watching.abort();
    }
  }

  /** All who are in it, in their order. */
  async contenders(options?: ReadOptions): Promise<readonly Contender[]> {
    const { key, rangeEnd } = prefixRange(this.prefix);
    const order = { sortOrder: SortOrder.ascend, sortTarget: SortTarget.create };
    const { kvs } = await this.store.range(rangeRequest(key, { rangeEnd, ...order }), options);
    return kvs.map(contender);
  }

  /** Nobody is in it. */
  isEmpty(): Compare {
    const { key, rangeEnd } = prefixRange(this.prefix);
    return isAbsent(key, rangeEnd);
  }
}

export function contender(kv: KeyValue): Contender {
  return { lease: kv.lease, fence: BigInt(kv.createRevision), label: textOf(kv.value) };
}

/** Reads the latest who came before a revision (default: now), of those whose keys begin with `prefix`. */
export function nearest(prefix: ByteString, before?: number): RequestOp {
  const { key, rangeEnd } = prefixRange(prefix);
  return getOp(key, {
    rangeEnd,
    limit: 1,
    sortOrder: SortOrder.descend,
    sortTarget: SortTarget.create,
    ...(before === undefined ? {} : { maxCreateRevision: before - 1 }),
  });
}
