/**
 * Writes that are made only while something is held: the check that its key is still there, with the create revision
 * that is its fence, is part of the same transaction.
 *
 *     txn: keys of all that is held still as they were acquired?  ─ yes ─▶ the write (or the whole inner transaction)
 *                                                                 ─ no ──▶ FENCED, nothing was written
 *
 * Promises: no write of a holder that was paused, or lost the lock without knowing, is made after the next one got it. That
 * is more than a lock alone can promise, for keys of the same store; for other resources check the fence there.
 *
 * Source: Burrows 2006, Chubby's sequencers; Kleppmann 2016.
 */
import type { Codec, Encoded } from "../kv/codec.ts";
import {
  type Operation,
  type OperationResult,
  put,
  remove,
  requestOf,
  resultOf,
  type Scope,
} from "../kv/conditions.ts";
import { badAnswer } from "../kv/errors.ts";
import type { Key, Keys } from "../kv/key-range.ts";
import { isCreatedAt } from "../kv/requests.ts";
import type { TxnBuilder, TxnOutcome } from "../kv/txn-builder.ts";
import type { CallOptions, Store } from "../store/store.ts";
import type { LeaseId, RequestOp, TxnResult } from "../wire/kv.ts";
import { fenced } from "./errors.ts";
import type { Hold } from "./hold.ts";

/**
 * Writes that are made only while something is held: the check is part of the same transaction, so that none of a
 * former holder is made after another got it.
 *
 * @typeParam In what values are written.
 * @typeParam Out what they are read as.
 */
export class Guard<In = Encoded, Out = string> {
  readonly #scope: Scope<In, Out>;
  readonly #holds: readonly Hold[];

  constructor(store: Store, holds: readonly Hold[], codec: Codec<In, Out>) {
    this.#scope = { store, prefix: "", codec };
    this.#holds = holds;
  }

  /** Returns the write's revision. @throws QuorateError `FENCED`, `OUTCOME_UNKNOWN` */
  async put(
    key: Key,
    value: In,
    options: CallOptions & { readonly lease?: LeaseId | { readonly id: LeaseId } } = {},
  ): Promise<number> {
    const { revision } = await this.#all([put(key, value, options)], options);
    return revision;
  }

  /** A key, or many. Returns how many were deleted. @throws QuorateError `FENCED`, `OUTCOME_UNKNOWN` */
  async delete(keys: Keys, options?: CallOptions): Promise<number> {
    const [result] = (await this.#all([remove(keys)], options)).results;
    if (result?.did !== "delete") throw badAnswer("delete", result?.did);
    return result.deleted;
  }

  /**
   * Commits a transaction: `guard.commit(kv.if(…).then(…).else(…))`. That its own conditions do not hold is no `FENCED`.
   * @throws QuorateError `FENCED`, `OUTCOME_UNKNOWN`
   */
  async commit<I, O>(transaction: TxnBuilder<I, O>, options?: CallOptions): Promise<TxnOutcome<O>> {
    const { revision, result } = await this.#run([{ type: "txn", request: transaction.request }], options);
    const inner = result.responses[0];
    if (inner?.type !== "txn") throw badAnswer("transaction", inner?.type);
    return transaction.outcome(inner.result, revision);
  }

  async #all(
    operations: readonly Operation<In>[],
    options: CallOptions | undefined,
  ): Promise<{ readonly revision: number; readonly results: readonly OperationResult<Out>[] }> {
    const ops = operations.map((operation) => requestOf(this.#scope, operation));
    const { revision, result } = await this.#run(ops, options);
    const results = operations.map((operation, at) => resultOf(this.#scope, operation, result.responses[at]));
    return { revision, results };
  }

  async #run(
    success: readonly RequestOp[],
    { signal, timeoutMs }: CallOptions = {},
  ): Promise<{ readonly revision: number; readonly result: TxnResult }> {
    for (const hold of this.#holds) hold.assertHeld();
    const compare = this.#holds.map(({ key, fence }) => isCreatedAt(key, Number(fence)));
    const result = await this.#scope.store.txn(
      { compare, success, failure: [] },
      { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    );
    if (!result.succeeded) throw fenced(this.#holds.map(({ what }) => what).join(" and "));
    return { revision: result.header.revision, result };
  }
}
