/**
 * A double barrier: so many begin together, and end together.
 *
 *     double-barrier/<name>//in/<lease>.<n>      one who has come and has not left
 *     double-barrier/<name>//ready               all have come; since then nobody else may
 *
 *     enter ──▶ in ──(as many as it takes)──▶ ready: all go on ──▶ leave ──(nobody is in)──▶ ready is gone, all go on
 *                                                                                            the next round may begin
 *
 * Promises: `enter` resolves when as many as it takes were in at the same time; `leave` when all of the round have left
 * or are dead. Who comes while a round is under way waits for the next one.
 *
 * Does not promise: that all of a round still live when it begins: one that dies after it was counted counts as left.
 *
 * Source: the ZooKeeper and etcd recipes of that name.
 */

import { Backoff } from "../kv/backoff.ts";
import { follow } from "../kv/follow.ts";
import { deleteOp, getOp, isAbsent, isCreatedAt, prefixRange, putOp } from "../kv/requests.ts";
import { hasCode, isRetryable, Wait } from "../kv/wait.ts";
import type { CallOptions } from "../store/store.ts";
import type { ByteString, TxnRequest } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { closedSharing, evicted, invalid } from "./errors.ts";
import { Hold, type Place } from "./hold.ts";
import { Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** How many it takes, and in whose name. */
export interface DoubleBarrierOptions {
  /** How many it takes: the same for all. */
  readonly parties: number;
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
}

/** To be in a round. */
export class Participation extends Hold {
  readonly #done: (wait: Wait) => Promise<void>;

  constructor(what: string, place: Place, done: (wait: Wait) => Promise<void>) {
    super(what, place);
    this.#done = done;
  }

  /** Leaves, and waits until all have. */
  async leave(options?: CallOptions): Promise<void> {
    using wait = new Wait(this.session.store.clock, options);
    await this.release(options);
    await this.#done(wait);
  }
}

/** So many begin together and end together, round after round; one who dies counts as left. */
export class DoubleBarrier {
  readonly name: string;
  readonly parties: number;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #ready: ByteString;
  readonly #line: Line;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or `parties` is no number of them */
  constructor(source: SessionSource, name: string, { parties, session }: DoubleBarrierOptions) {
    if (!Number.isSafeInteger(parties) || parties < 1) {
      throw invalid(`a double barrier cannot take ${String(parties)} parties: give a whole number from 1 on`);
    }
    this.name = name;
    this.parties = parties;
    this.#source = session ?? source;
    this.#prefix = recipePrefix("double-barrier", name);
    this.#ready = `${this.#prefix}ready`;
    this.#line = new Line(source.store, `${this.#prefix}in/`, described("double barrier", name));
  }

  /** Comes, and waits until all have. */
  async enter(options?: CallOptions): Promise<Participation> {
    const { place, round } = await admit(this.#source, options, async (session, wait) => {
      const place = await this.#come(session, wait);
      return { place, round: await this.#line.orLeave(place, this.#allCame(place, wait)) };
    });
    return new Participation(this.#line.what, place, (wait) => this.#allLeft(wait, round));
  }

  /** Into the round that has not begun yet. */
  async #come(session: Session, wait: Wait): Promise<Place> {
    const { prefix } = this.#line;
    for (;;) {
      const place = await this.#line.tryJoin(session, wait, { prefix, compare: [isAbsent(this.#ready)] });
      if (place !== null) return place;
      await this.#allLeft(wait);
    }
  }

  /** Resolves with the round that it is in: the revision at which it began. */
  async #allCame(place: Place, wait: Wait): Promise<number> {
    for await (const { kvs } of this.#follow(wait)) {
      if (kvs.get(place.key)?.createRevision !== place.revision) break;
      const ready = kvs.get(this.#ready);
      if (ready !== undefined) return ready.createRevision;
      if (kvs.size < this.parties) continue;
      // Whoever is the quickest; for all others it has been done.
      const compare = [isAbsent(this.#ready), isCreatedAt(place.key, place.revision)];
      await this.#surely({ compare, success: [putOp(this.#ready, "")], failure: [] }, wait);
    }
    wait.check();
    await this.#line.look(place, [], wait);
    throw evicted(this.#line.what);
  }

  /** Waits until a round (default: the present one) is over, which whoever sees it says. */
  async #allLeft(wait: Wait, round?: number): Promise<void> {
    for await (const { kvs } of this.#follow(wait)) {
      const ready = kvs.get(this.#ready);
      round ??= ready?.createRevision;
      if (ready === undefined || ready.createRevision !== round) return;
      if (kvs.size > 1) continue;
      const { key, rangeEnd } = prefixRange(this.#line.prefix);
      const success = [deleteOp(this.#ready)];
      await this.#surely({ compare: [isAbsent(key, rangeEnd)], success, failure: [getOp(this.#ready)] }, wait);
    }
    wait.check();
    throw closedSharing();
  }

  #follow(wait: Wait): ReturnType<typeof follow> {
    return follow(this.#source.store, prefixRange(this.#prefix), { signal: wait.signal });
  }

  /** Makes a transaction that does no harm when it is made twice. */
  async #surely(request: TxnRequest, wait: Wait): Promise<void> {
    const { store } = this.#source;
    const backoff = new Backoff(store.random);
    for (;;) {
      try {
        await wait.for(store.txn(request, wait.call()));
        return;
      } catch (error) {
        wait.check();
        if (!isRetryable(error) && !hasCode(error, "OUTCOME_UNKNOWN")) throw error;
        await wait.sleep(backoff.next());
      }
    }
  }
}
