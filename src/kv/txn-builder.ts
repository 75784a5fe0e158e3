/** A transaction in the making: `kv.if(…).then(…).else(…).commit()`. The only builder of this library. */
import type { ReadOptions } from "../store/store.ts";
import type { Compare, TxnRequest, TxnResult } from "../wire/kv.ts";
import {
  type Condition,
  compareOf,
  type Operation,
  type OperationResult,
  requestOf,
  resultOf,
  type Scope,
} from "./conditions.ts";
import { awaitedBuilder } from "./errors.ts";

/** What came of a transaction. */
export interface TxnOutcome<Out> {
  /** Whether all conditions held. */
  readonly succeeded: boolean;
  readonly revision: number;
  /** Of the operations of the side that was taken, in their order. */
  readonly results: readonly OperationResult<Out>[];
}

/** Conditions and two branches, of which one is done, all at once: `kv.if(…).then(…).else(…).commit()`. */
export class TxnBuilder<In, Out> {
  readonly #scope: Scope<In, Out>;
  readonly #compare: readonly Compare[];
  readonly #then: readonly Operation<In>[];
  readonly #else: readonly Operation<In>[];

  constructor(
    scope: Scope<In, Out>,
    conditions: readonly Condition<In>[],
    then: readonly Operation<In>[] = [],
    otherwise: readonly Operation<In>[] = [],
    compare: readonly Compare[] = conditions.map((condition) => compareOf(scope, condition)),
  ) {
    this.#scope = scope;
    this.#compare = compare;
    this.#then = then;
    this.#else = otherwise;
  }

  /** What to do if all conditions hold. */
  // oxlint-disable-next-line unicorn/no-thenable -- the word is the sentence; who awaits the builder is told
  then(...operations: readonly Operation<In>[]): TxnBuilder<In, Out> {
    // `await` calls `then` with two functions.
    if (operations.some((operation) => typeof operation === "function")) throw awaitedBuilder();
    return new TxnBuilder(this.#scope, [], [...this.#then, ...operations], this.#else, this.#compare);
  }

  /** What to do if one does not. */
  else(...operations: readonly Operation<In>[]): TxnBuilder<In, Out> {
    return new TxnBuilder(this.#scope, [], this.#then, [...this.#else, ...operations], this.#compare);
  }

  /** What is sent. */
  get request(): TxnRequest {
    return {
      compare: this.#compare,
      success: this.#then.map((operation) => requestOf(this.#scope, operation)),
      failure: this.#else.map((operation) => requestOf(this.#scope, operation)),
    };
  }

  /** Does it. @throws QuorateError `OUTCOME_UNKNOWN` as any write; one that only reads is repeated */
  async commit(options?: ReadOptions): Promise<TxnOutcome<Out>> {
    const result = await this.#scope.store.txn(this.request, options);
    return this.outcome(result, result.header.revision);
  }

  /** What an answer to `request` says. */
  outcome({ succeeded, responses }: TxnResult, revision: number): TxnOutcome<Out> {
    const operations = succeeded ? this.#then : this.#else;
    const results = operations.map((operation, at) => resultOf(this.#scope, operation, responses[at]));
    return { succeeded, revision, results };
  }
}
