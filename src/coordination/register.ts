/**
 * One key whose every change is made exactly once, also when the answer is lost: what counters and the like are made of.
 *
 *     <key>                         the value
 *     <prefix>writer/<lease>        on the session's lease: the number of its last change, so that it is found out
 *                                   whether that was made (`settled-writes.ts`)
 *
 *     read ──▶ txn: still at that revision? ─▶ value, writer's number
 *       ▲           │ no: somebody else was quicker
 *       └───────────┘
 *
 * Promises: `change` is applied to the value as it was when it was changed, once; or the call is rejected with
 * `OUTCOME_UNKNOWN`: only if the caller gives up before the answer is there, or the store cannot be reached for as long
 * as the session lives. Any other error: nothing was changed.
 */
import { Backoff } from "../kv/backoff.ts";
import { comparison, getOp, putOp, rangeAt, rangeRequest } from "../kv/requests.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import type { ByteString, KeyValue } from "../wire/kv.ts";
import { outcomeUnknown } from "./errors.ts";
import type { Session, SessionSource } from "./session.ts";
import type { Settled } from "./settled-writes.ts";

/** A value and the revision that made it; there is none (null) at revision 0. */
export interface Version {
  readonly value: ByteString | null;
  readonly revision: number;
}

/** What a change makes of a value. */
export interface Changed<T> {
  readonly value: ByteString;
  readonly result: T;
}

/** From this attempt on somebody else is quicker each time: wait a little. */
const CROWDED_FROM = 3;
/** Short ones: who was quicker does not pause at all, so that one who pauses for long is never quick enough. */
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;

export class Register {
  readonly key: ByteString;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #what: string;
  /** As it was seen last: what a change is tried on first. */
  #seen: Version | null = null;

  constructor(source: SessionSource, prefix: ByteString, name: ByteString, what: string) {
    this.key = prefix + name;
    this.#source = source;
    this.#prefix = prefix;
    this.#what = what;
  }

  async read(options?: ReadOptions): Promise<Version> {
    const { kvs } = await this.#source.store.range(rangeRequest(this.key), options);
    const version = versionOf(kvs[0]);
    if (this.#seen === null || version.revision > this.#seen.revision) this.#seen = version;
    return version;
  }

  /** Makes one change. `change` may be asked more than once; what it throws is what the call is rejected with. */
  async change<T>(change: (value: ByteString | null) => Changed<T>, options?: CallOptions): Promise<T> {
    const { clock, random } = this.#source.store;
    using wait = new Wait(clock, options);
    const session = await this.#source.current(wait.call());
    const backoff = new Backoff(random, SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    let version = this.#seen ?? (await this.read(wait.call()));
    for (let attempt = 1; ; attempt++) {
      const { value, result } = change(version.value);
      const settled = await this.#swap(session, version.revision, value, wait);
      if (settled.applied) {
        this.#seen = { value, revision: settled.revision };
        return result;
      }
      if (attempt < CROWDED_FROM) {
        version = versionOf(rangeAt(settled.responses, 0).kvs[0]);
      } else {
        // What is seen before a sleep is old after it: who slept so would always be too late.
        await wait.sleep(backoff.next());
        version = await this.read(wait.call());
      }
    }
  }

  /** Sets the value if it is of this revision still. Returns the new revision, or null. */
  async compareAndSet(revision: number, value: ByteString, options?: CallOptions): Promise<number | null> {
    using wait = new Wait(this.#source.store.clock, options);
    const session = await this.#source.current(wait.call());
    const settled = await this.#swap(session, revision, value, wait);
    return settled.applied ? settled.revision : null;
  }

  async #swap(session: Session, revision: number, value: ByteString, wait: Wait): Promise<Settled> {
    wait.check();
    const request = {
      compare: [comparison(this.key, { modRevision: revision })],
      success: [putOp(this.key, value)],
      failure: [getOp(this.key)],
    };
    const mark = { key: `${this.#prefix}writer/${session.id.toString(16)}`, value: `${session.nextNumber()}` };
    try {
      return await wait.for(session.writes.transact(request, mark));
    } catch (error) {
      // Its time may be over without a timer having told of it, while the transaction is under way.
      if (wait.over || !session.check()) throw outcomeUnknown(this.#what, error);
      throw error;
    }
  }
}

function versionOf(kv: KeyValue | undefined): Version {
  return kv === undefined ? { value: null, revision: 0 } : { value: kv.value, revision: kv.modRevision };
}
