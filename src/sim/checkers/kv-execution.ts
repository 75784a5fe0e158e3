/**
 * etcd's puts, deletions, ranges and transactions, carried out on a view of a store: what they change, and whether what
 * was answered to them can be true. Written for the checkers alone, and knows nothing of the code under test.
 *
 * What the view does not cover is taken from the answer where there is one; without an answer all that could be is
 * returned.
 */
import type {
  ByteString,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResult,
} from "../../wire/kv.ts";
import { type AnsweredKvCall, hasChanged, type KvRequest } from "./client-calls.ts";
import { isInRange, type KeyRange } from "./key-range.ts";
import {
  type Discrepancy,
  differenceOfLists,
  differenceOfRanges,
  differenceText,
  isSameOrNone,
  rangeResult,
} from "./key-values.ts";
import { outcomes } from "./kv-comparison.ts";
import { compareText, quoted } from "./narration.ts";
import type { StoreView } from "./store-view.ts";

/** A key as a call leaves it; null: deleted. Those that the view does not cover are not among them. */
export interface KeyChange {
  readonly key: ByteString;
  readonly kv: KeyValue | null;
}

export interface Execution {
  /** In the order of the operations. */
  readonly changes: readonly KeyChange[];
  /** The first one found; null: the answer is right. */
  readonly discrepancy: Discrepancy | null;
}

interface Plan {
  readonly succeeded: boolean;
  readonly ops: readonly PlannedOp[];
}

type PlannedOp = Exclude<RequestOp, { type: "txn" }> | { readonly type: "txn"; readonly plan: Plan };

/** Carries out a call that was answered, which made its changes, if any, at the revision in its answer. */
export function executeAnswered(view: StoreView, { request, outcome }: AnsweredKvCall): Execution {
  const { revision, result } = outcome;
  if (request.type !== result.type) {
    const text = `a ${request.type} was answered with the result of a ${result.type}`;
    return { changes: [], discrepancy: { text, blamed: [] } };
  }
  const execution = new Executor(view, revision, hasChanged(result) ? revision - 1 : revision);
  if (request.type === "txn") {
    const actual = (result as { readonly result: TxnResult }).result;
    const possible = plans(view, request.request);
    const plan = possible.find((candidate) => agrees(candidate, actual));
    if (plan === undefined) return { changes: [], discrepancy: wrongWay(request.request, actual) };
    execution.runTxn(plan, actual);
  } else {
    execution.run(request, { ...result, revision });
  }
  return execution;
}

/** All that a call without an answer could do at a revision; nothing, if it would have been refused. */
export function possibleEffects(view: StoreView, request: KvRequest, revision: number): (readonly KeyChange[])[] {
  const ways: readonly PlannedOp[] =
    request.type === "txn" ? plans(view, request.request).map((plan) => ({ type: "txn", plan })) : [request];
  return ways.flatMap((way) => {
    const execution = new Executor(view, revision, revision - 1);
    execution.run(way, null);
    return execution.discrepancy === null ? [execution.changes] : [];
  });
}

/** All comparisons, also those of inner transactions, are made on the store as it was before. */
function plans(view: StoreView, txn: TxnRequest): Plan[] {
  return outcomes(view, txn).flatMap((succeeded) => {
    let lists: PlannedOp[][] = [[]];
    for (const op of succeeded ? txn.success : txn.failure) {
      const ways: PlannedOp[] =
        op.type === "txn" ? plans(view, op.request).map((plan) => ({ type: "txn", plan })) : [op];
      lists = lists.flatMap((list) => ways.map((way) => [...list, way]));
    }
    return lists.map((ops) => ({ succeeded, ops }));
  });
}

function agrees(plan: Plan, { succeeded, responses }: TxnResult): boolean {
  if (plan.succeeded !== succeeded || plan.ops.length !== responses.length) return false;
  return plan.ops.every((op, at) => {
    const response = responses[at] as ResponseOp;
    if (op.type !== "txn") return op.type === response.type;
    return response.type === "txn" && agrees(op.plan, response.result);
  });
}

function wrongWay(txn: TxnRequest, { succeeded }: TxnResult): Discrepancy {
  const compares = comparesOf(txn);
  const text = `it ${succeeded ? "succeeded" : "failed"} with these answers, which does not follow from ${
    compares.map(compareText).join(", ") || "having no comparison"
  }`;
  return { text, blamed: compares };
}

function comparesOf({ compare, success, failure }: TxnRequest): TxnRequest["compare"] {
  const inner = [...success, ...failure].flatMap((op) => (op.type === "txn" ? comparesOf(op.request) : []));
  return [...compare, ...inner];
}

/** One call under way. Without an answer, `null` stands for it. */
class Executor implements Execution {
  readonly changes: KeyChange[] = [];
  discrepancy: Discrepancy | null = null;
  readonly #view: StoreView;
  readonly #revision: number;
  readonly #revisionBefore: number;
  /** What an inner header says: it moves on with the first change. */
  #headerRevision: number;
  readonly #changed = new Map<ByteString, KeyValue | null>();

  constructor(view: StoreView, revision: number, revisionBefore: number) {
    this.#view = view;
    this.#revision = revision;
    this.#revisionBefore = revisionBefore;
    this.#headerRevision = revisionBefore;
  }

  run(op: PlannedOp, response: ResponseOp | null): void {
    switch (op.type) {
      case "range":
        this.#range(op.request, response?.type === "range" ? response.result : null);
        break;
      case "put":
        this.#put(op.request, response?.type === "put" ? response.result : null);
        break;
      case "deleteRange":
        this.#delete(op.request, response?.type === "deleteRange" ? response.result : null);
        break;
      case "txn":
        this.runTxn(op.plan, response?.type === "txn" ? response.result : null);
        return;
      case "empty":
        return;
    }
    if (response !== null && response.revision !== this.#headerRevision) {
      const text = `a ${op.type} has revision ${response.revision} in its header, but it was ${this.#headerRevision}`;
      this.#complain({ text, blamed: [] });
    }
  }

  runTxn({ ops }: Plan, result: TxnResult | null): void {
    ops.forEach((op, at) => this.run(op, result?.responses[at] ?? null));
  }

  #range(request: RangeRequest, actual: Extract<ResponseOp, { type: "range" }>["result"] | null): void {
    if (request.revision > this.#revisionBefore) {
      const text = `a range at revision ${request.revision} must be refused, for it was only ${this.#revisionBefore}`;
      this.#complain({ text, blamed: [] });
    }
    if (actual === null) return;
    const living = request.revision > 0 ? this.#view.living(request, request.revision) : this.#living(request);
    if (this.#view.covers(request)) {
      this.#complain(differenceOfRanges(rangeResult(living, request), actual, request));
    } else if (request.limit <= 0 && !request.countOnly) {
      const expected = rangeResult(living, request);
      const known = actual.kvs.filter(({ key }) => this.#covers(key));
      this.#complain(differenceOfLists(expected.kvs, known, request, request.keysOnly));
    }
  }

  #put(request: PutRequest, actual: Extract<ResponseOp, { type: "put" }>["result"] | null): void {
    const { key } = request;
    this.#headerRevision = this.#revision;
    if (!this.#covers(key)) return;
    const range = { key, rangeEnd: "" };
    // Asked of the store as it was before the whole transaction.
    if ((request.ignoreValue || request.ignoreLease) && this.#view.living(range, null).length === 0) {
      const text = `a put that keeps what ${quoted(key)} has must be refused, for there was no such key`;
      this.#complain({ text, blamed: [range] });
      return;
    }
    const previous = this.#living(range)[0] ?? null;
    const told = actual?.prevKv ?? null;
    const wanted = request.prevKv ? previous : null;
    if (actual !== null && !isSameOrNone(told, wanted)) {
      const text = `as the previous version ${differenceText(key, wanted, told)}`;
      this.#complain({ text, blamed: [range] });
    }
    this.#change(key, {
      key,
      createRevision: previous?.createRevision ?? this.#revision,
      modRevision: this.#revision,
      version: (previous?.version ?? 0) + 1,
      value: request.ignoreValue ? (previous?.value ?? "") : request.value,
      lease: request.ignoreLease ? (previous?.lease ?? 0n) : request.lease,
    });
  }

  #delete(request: DeleteRangeRequest, actual: Extract<ResponseOp, { type: "deleteRange" }>["result"] | null): void {
    const gone = this.#living(request);
    for (const { key } of gone) this.#change(key, null);
    if (actual === null) return;
    if (actual.deleted > 0) this.#headerRevision = this.#revision;
    const told = actual.prevKvs.filter(({ key }) => this.#covers(key));
    this.#complain(differenceOfLists(request.prevKv ? gone : [], told, request));
    const isCovered = this.#view.covers(request);
    if (actual.deleted === gone.length || (!isCovered && actual.deleted > gone.length)) return;
    const keys = gone.map(({ key }) => quoted(key)).join(", ");
    const text = `${actual.deleted} keys are told to be deleted, but there were ${gone.length}${keys && `: ${keys}`}`;
    this.#complain({ text, blamed: [request] });
  }

  #covers(key: ByteString): boolean {
    return this.#view.covers({ key, rangeEnd: "" });
  }

  #living(range: KeyRange): readonly KeyValue[] {
    const before = this.#view.living(range, null);
    if (this.#changed.size === 0) return before;
    const living = before.filter(({ key }) => !this.#changed.has(key));
    for (const [key, kv] of this.#changed) if (kv !== null && isInRange(key, range)) living.push(kv);
    return living.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #change(key: ByteString, kv: KeyValue | null): void {
    this.changes.push({ key, kv });
    this.#changed.set(key, kv);
    this.#headerRevision = this.#revision;
  }

  #complain(discrepancy: Discrepancy | null): void {
    this.discrepancy ??= discrepancy;
  }
}
