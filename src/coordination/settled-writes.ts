/**
 * Transactions whose outcome becomes known, also when the answer is lost: what was applied is found out by reading, and
 * what was not can never be applied any more.
 *
 * To read alone is not enough: a write that is not there may still be under way, and come after its writer has given up
 * or tried again: a lock that nobody holds, an add that counts twice. So every such transaction compares the session's
 * gate, a key of the session's lease, and leaves a mark that no other transaction leaves:
 *
 *     txn: gate still as it was, and …?  ─▶ …, mark
 *            │ outcome unknown
 *            ▼
 *     put gate ─▶ read mark ─▶ there: applied. Not there: too late for it, since the gate has moved; sent again.
 *
 *     session/<lease>     the gate; does not exist (modification revision 0) until the first unknown outcome
 *
 * When the session's lease ends, puts that hang on it are refused, so that nothing comes late then either: a mark must
 * hang on the lease. Source: the lost-update bugs of clients that repeat writes (Jepsen, jetcd 0.8.2).
 */
import { Backoff } from "../kv/backoff.ts";
import { comparison, deleteOp, getOp, isCreatedAt, putOp, putRequest, rangeAt, rangeRequest } from "../kv/requests.ts";
import { type Ending, hasCode, isRetryable, Wait } from "../kv/wait.ts";
import type { Store } from "../store/store.ts";
import type { ByteString, KeyValue, LeaseId, ResponseOp, TxnRequest } from "../wire/kv.ts";

/** The session in whose name writes are made, as far as they need to know it. */
export interface Leaseholder extends Ending {
  readonly store: Store;
  readonly id: LeaseId;
  /** Whether it lives now. */
  check(): boolean;
  /** The store says that its lease is gone. */
  gone(cause?: unknown): void;
}

/** What the transaction puts on the session's lease, beside its `success` operations. */
export interface Mark {
  readonly key: ByteString;
  /** Different from the one that the last transaction left at this key. */
  readonly value: ByteString;
}

export type Settled =
  /** `responses`: of `success`; null: the answer was lost. `revision`: the transaction's. */
  | { readonly applied: true; readonly revision: number; readonly responses: readonly ResponseOp[] | null }
  /** A comparison did not hold. `responses`: of `failure`. `revision`: the one they are of. */
  | { readonly applied: false; readonly revision: number; readonly responses: readonly ResponseOp[] };

export class SettledWrites {
  readonly #session: Leaseholder;
  readonly #gate: ByteString;
  /** The gate's modification revision, as far as this side knows. */
  #gateRevision = 0;
  #moving: Promise<void> | null = null;
  /** The last transaction that leaves its mark at a key, as long as it is under way. */
  readonly #last = new Map<ByteString, Promise<void>>();

  constructor(session: Leaseholder) {
    this.#session = session;
    this.#gate = `session/${session.id.toString(16)}`;
  }

  /**
   * Makes a transaction once. Takes as long as it takes while the session lives. Those with the same mark key go one
   * after the other, so that none wipes out another's mark before it was read.
   * @throws QuorateError if the session ends before the outcome is known, or the store refuses the transaction
   */
  async transact(request: TxnRequest, mark: Mark): Promise<Settled> {
    const before = this.#last.get(mark.key);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    this.#last.set(mark.key, done);
    try {
      await before;
      return await this.#transact(request, mark);
    } finally {
      if (this.#last.get(mark.key) === done) this.#last.delete(mark.key);
      finish();
    }
  }

  async #transact(request: TxnRequest, mark: Mark): Promise<Settled> {
    const { store } = this.#session;
    using wait = new Wait(store.clock, {}, this.#session);
    const backoff = new Backoff(store.random);
    for (;;) {
      const gate = this.#gateRevision;
      const { compare, success, failure } = request;
      try {
        const reply = await wait.for(
          store.txn(
            {
              compare: [comparison(this.#gate, { modRevision: gate }), ...compare],
              success: [...success, putOp(mark.key, mark.value, this.#session.id)],
              failure: [...failure, getOp(this.#gate)],
            },
            wait.call(),
          ),
        );
        const { revision } = reply.header;
        if (reply.succeeded) return { applied: true, revision, responses: reply.responses };
        const found = rangeAt(reply.responses, -1).kvs[0]?.modRevision ?? 0;
        if (found === gate) return { applied: false, revision, responses: reply.responses };
        // Moved meanwhile, perhaps by a put of the gate that came late. Modification revisions never come back.
        if (found > this.#gateRevision) this.#gateRevision = found;
        else if (this.#gateRevision === gate) await this.#move();
      } catch (error) {
        wait.check();
        if (hasCode(error, "LEASE_NOT_FOUND")) this.#session.gone(error);
        wait.check();
        if (hasCode(error, "OUTCOME_UNKNOWN")) {
          await this.#move();
          const kv = await this.#read(mark.key);
          if (kv?.value === mark.value) return { applied: true, revision: kv.modRevision, responses: null };
        } else if (!isRetryable(error)) {
          throw error;
        }
        await wait.sleep(backoff.next());
      }
    }
  }

  /** `transact` for a caller who may give up: then the mark's key is deleted as soon as it was put. */
  async take(request: TxnRequest, mark: Mark, wait: Wait): Promise<Settled> {
    const taking = this.transact(request, mark);
    try {
      return await wait.for(taking);
    } catch (error) {
      const undo = async (): Promise<void> => {
        const settled = await taking;
        if (settled.applied) await this.discard(mark.key, settled.revision);
      };
      undo().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Deletes a key if it is the one that was created at a revision. Resolves when that one is gone for good: deleted, or
   * to end with the session's lease.
   */
  async discard(key: ByteString, createRevision: number): Promise<void> {
    const request = { compare: [isCreatedAt(key, createRevision)], success: [deleteOp(key)], failure: [] };
    const { store } = this.#session;
    using wait = new Wait(store.clock, {}, this.#session);
    const backoff = new Backoff(store.random);
    while (this.#session.check()) {
      try {
        await wait.for(store.txn(request, wait.call()));
        return;
      } catch {
        // To delete it twice does no harm, so that an unknown outcome is no better or worse than a refusal.
        await wait.sleep(backoff.next()).catch(() => undefined);
      }
    }
  }

  /** Puts the gate, so that no transaction that is under way can be applied any more. Shared by all who need it. */
  #move(): Promise<void> {
    this.#moving ??= this.#putGate().finally(() => {
      this.#moving = null;
    });
    return this.#moving;
  }

  async #putGate(): Promise<void> {
    const { store, id } = this.#session;
    const reply = await this.#repeat((wait) => store.put(putRequest(this.#gate, "", id), wait.call()));
    this.#gateRevision = reply.header.revision;
  }

  async #read(key: ByteString): Promise<KeyValue | null> {
    const { kvs } = await this.#repeat((wait) => this.#session.store.range(rangeRequest(key), wait.call()));
    return kvs[0] ?? null;
  }

  /** Something that may be done more than once, until it is. @throws QuorateError when the session ends */
  async #repeat<T>(run: (wait: Wait) => Promise<T>): Promise<T> {
    const { store } = this.#session;
    using wait = new Wait(store.clock, {}, this.#session);
    const backoff = new Backoff(store.random);
    for (;;) {
      try {
        return await wait.for(run(wait));
      } catch (error) {
        wait.check();
        if (hasCode(error, "LEASE_NOT_FOUND")) this.#session.gone(error);
        wait.check();
        if (!isRetryable(error) && !hasCode(error, "OUTCOME_UNKNOWN")) throw error;
        await wait.sleep(backoff.next());
      }
    }
  }
}
