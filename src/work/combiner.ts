/**
 * Many small guarded writes in few transactions: each keeps its own condition and its own outcome.
 *
 *     add ─┐                        ┌ txn: if claim a as it was … ─▶ its writes
 *     add ─┼─▶ waiting ──(slot)──▶ txn ┼ txn: if claim b …            ─▶ its writes      one revision, one round trip
 *     add ─┘   (while one is on        └ put wake key once
 *               its way, more come together)
 *
 * Transactions are made through a session (`coordination/settled-writes.ts`), so that their outcome becomes known also
 * when the answer is lost. Then only the branches taken are missing: they follow from what was there one revision before,
 * which the store still knows.
 *
 * Conditions are therefore only "created at", "modified at" (0: absent), and absence of a range. Limits: etcd counts the
 * operations of a transaction and of the largest one in it together (128 by default), and takes 1.5 MiB.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { putOp, rangeRequest } from "../kv/requests.ts";
import { hasCode, isRetryable } from "../kv/wait.ts";
import type { Store } from "../store/store.ts";
import {
  type ByteString,
  type Compare,
  CompareResult,
  CompareTarget,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
} from "../wire/kv.ts";
import { outcomeUnknown } from "./errors.ts";
import type { WorkSession } from "./session.ts";

/** One guarded write. */
export interface Step {
  readonly request: TxnRequest;
  /** Empty keys that are put beside, once for all steps that want the same, whatever becomes of `request`. */
  readonly marks?: readonly ByteString[];
}

/** What became of a step. `responses` of the branch taken; null: that answer was lost. */
export interface Stepped {
  readonly succeeded: boolean;
  readonly revision: number;
  readonly responses: readonly ResponseOp[] | null;
}

interface Waiting {
  readonly step: Step;
  readonly bytes: number;
  readonly keys: readonly ByteString[];
  readonly resolve: (stepped: Stepped) => void;
  readonly reject: (error: unknown) => void;
}

/** Steps and marks in one transaction; with the session's mark and the largest step they stay below 128. */
const MOST_AT_ONCE = 60;
/** Operations of one step. */
export const MOST_OPS = 64;
const MOST_BYTES = 1_000_000;
const OVERHEAD_BYTES = 64;

export class Combiner {
  readonly session: WorkSession;
  readonly #store: Store;
  readonly #prefix: ByteString;
  readonly #slots: number[];
  #waiting: Waiting[] = [];
  #planned = false;

  /**
   * @param prefix keys of what is left behind begin with it
   * @param slots transactions under way at once
   */
  constructor(store: Store, session: WorkSession, prefix: ByteString, slots = 2) {
    this.#store = store;
    this.session = session;
    this.#prefix = prefix;
    this.#slots = Array.from({ length: slots }, (_, slot) => slot);
  }

  /** @throws QuorateError `OUTCOME_UNKNOWN` if the session ends while it is under way, `SESSION_LOST` if before */
  add(step: Step): Promise<Stepped> {
    const { promise, resolve, reject } = Promise.withResolvers<Stepped>();
    const { bytes, keys } = measured(step.request);
    this.#waiting.push({ step, bytes, keys: [...keys], resolve, reject });
    if (!this.#planned) {
      this.#planned = true;
      // What a program does in one turn goes together.
      this.#store.clock.afterEvent(() => {
        this.#planned = false;
        this.#start();
      });
    }
    return promise;
  }

  #start(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#slots.shift();
      if (slot === undefined) return;
      const batch = this.#take();
      void this.#run(batch, slot).finally(() => {
        this.#slots.push(slot);
        this.#start();
      });
    }
  }

  /** The first that fit together: no key is written twice in a transaction. */
  #take(): readonly Waiting[] {
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const written = new Set<ByteString>();
    const marked = new Set<ByteString>();
    let bytes = 0;
    for (const one of this.#waiting) {
      const marks = one.step.marks ?? [];
      const clashes =
        one.keys.some((key) => written.has(key) || marked.has(key)) || marks.some((key) => written.has(key));
      const isFull =
        taken.length > 0 &&
        (taken.length + 1 + new Set([...marked, ...marks]).size > MOST_AT_ONCE || bytes + one.bytes > MOST_BYTES);
      // None overtakes one that waits, so that what was sent first comes first.
      if (left.length > 0 || clashes || isFull) {
        left.push(one);
        continue;
      }
      taken.push(one);
      bytes += one.bytes;
      for (const key of one.keys) written.add(key);
      for (const key of marks) marked.add(key);
    }
    this.#waiting = left;
    return taken;
  }

  async #run(batch: readonly Waiting[], slot: number): Promise<void> {
    const { session } = this;
    const marks = new Set(batch.flatMap(({ step }) => step.marks ?? []));
    const steps = batch.map(({ step }): RequestOp => ({ type: "txn", request: step.request }));
    const success = [...steps, ...[...marks].map((key) => putOp(key, ""))];
    const mark = { key: `${this.#prefix}${session.id.toString(16)}.${slot}`, value: `${session.nextNumber()}` };
    let sent = false;
    try {
      session.assertHeld();
      sent = true;
      const settled = await session.writes.transact({ compare: [], success, failure: [] }, mark);
      const { responses, revision } = settled;
      for (const [at, one] of batch.entries()) {
        const response = responses?.[at];
        if (response?.type === "txn") {
          one.resolve({ succeeded: response.result.succeeded, revision, responses: response.result.responses });
        } else {
          one.resolve({ succeeded: await this.#held(one.step.request, revision - 1), revision, responses: null });
        }
      }
    } catch (error) {
      const reason = sent && !session.check() ? outcomeUnknown("what a session wrote last", error) : error;
      for (const one of batch) one.reject(reason);
    }
  }

  /** Whether all conditions held at a revision. */
  async #held({ compare }: TxnRequest, revision: number): Promise<boolean> {
    for (const one of compare) if (!(await this.#held1(one, revision))) return false;
    return true;
  }

  async #held1(compare: Compare, revision: number): Promise<boolean> {
    const { key, rangeEnd, result, target } = compare;
    if (result !== CompareResult.equal || (target !== CompareTarget.create && target !== CompareTarget.mod)) {
      throw new QuorateError("BAD_ANSWER", GrpcStatus.internal, "a step has a condition that history cannot answer");
    }
    for (;;) {
      try {
        const { kvs } = await this.#store.range(rangeRequest(key, { rangeEnd, revision, limit: 1, keysOnly: true }));
        const [kv] = kvs;
        return target === CompareTarget.create
          ? (kv?.createRevision ?? 0) === compare.createRevision
          : (kv?.modRevision ?? 0) === compare.modRevision;
      } catch (error) {
        if (hasCode(error, "COMPACTED")) throw outcomeUnknown("a step whose history is compacted", error);
        if (!isRetryable(error) || !this.session.check()) throw error;
      }
    }
  }
}

/** How large a request is, and which keys it writes. */
function measured(request: TxnRequest): { readonly bytes: number; readonly keys: ReadonlySet<ByteString> } {
  const keys = new Set<ByteString>();
  let bytes = 0;
  const visit = ({ compare, success, failure }: TxnRequest): void => {
    for (const { key, rangeEnd } of compare) bytes += key.length + rangeEnd.length + OVERHEAD_BYTES;
    for (const op of [...success, ...failure]) {
      if (op.type === "txn") visit(op.request);
      else if (op.type !== "empty") {
        bytes += op.request.key.length + OVERHEAD_BYTES;
        if (op.type === "put") bytes += op.request.value.length;
        if (op.type !== "range") keys.add(op.request.key);
      }
    }
  };
  visit(request);
  return { bytes, keys };
}
