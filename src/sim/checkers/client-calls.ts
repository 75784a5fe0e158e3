/** Kinds of calls, as checkers tell them apart. */
import type { Compare, KeyValue, RangeRequest, RequestOp, ResponseOp, TxnRequest, TxnResult } from "../../wire/kv.ts";
import type { Call, ClientRequest, ClientResult, Moment, Outcome } from "../history.ts";

/** Requests to the keyspace itself. */
export type KvRequest = Extract<ClientRequest, { type: "range" | "put" | "deleteRange" | "txn" }>;
export type KvResult = Extract<ClientResult, { type: "range" | "put" | "deleteRange" | "txn" }>;

/** A call with an answer to go by. */
export interface AnsweredCall extends Call {
  readonly returned: Moment;
  readonly outcome: Extract<Outcome, { type: "answered" }>;
}

export interface AnsweredKvCall extends AnsweredCall {
  readonly request: KvRequest;
  readonly outcome: { readonly type: "answered"; readonly revision: number; readonly result: KvResult };
}

export function isAnswered(call: Call): call is AnsweredCall {
  return call.outcome?.type === "answered" && call.returned !== null;
}

/** Whether nobody knows what became of it; one that is under way at the end is such a call, too. */
export function isUnknown(call: Call): boolean {
  return call.outcome === null || call.outcome.type === "unknown";
}

export function isRefused(call: Call): boolean {
  return call.outcome?.type === "refused";
}

export function isKvRequest(request: ClientRequest): request is KvRequest {
  return request.type === "range" || request.type === "put" || request.type === "deleteRange" || request.type === "txn";
}

export function isAnsweredKv(call: Call): call is AnsweredKvCall {
  return isAnswered(call) && isKvRequest(call.request);
}

/** Read from what its member happens to have: a range, or a transaction of nothing but such ranges. */
export function isSerializable(request: ClientRequest): boolean {
  if (request.type === "range") return request.request.serializable;
  if (request.type !== "txn") return false;
  const ops = [...request.request.success, ...request.request.failure];
  return ops.length > 0 && ops.every((op) => op.type === "range" && op.request.serializable);
}

/** Whether a request could change a key, whichever way its transactions go. */
export function mayWrite(request: ClientRequest): boolean {
  let found = false;
  if (isKvRequest(request)) visitOps(request, ({ type }) => (found ||= type !== "range"));
  return found;
}

/** Whether an answer says that something was changed, which took a revision of its own. */
export function hasChanged(result: ClientResult): boolean {
  switch (result.type) {
    case "put":
      return true;
    case "deleteRange":
      return result.result.deleted > 0;
    case "txn":
      return txnHasChanged(result.result);
    case "range":
    case "compact":
    case "leaseGrant":
    case "leaseRevoke":
    case "leaseKeepAlive":
      return false;
  }
}

function txnHasChanged({ responses }: TxnResult): boolean {
  return responses.some((response) => {
    if (response.type === "txn") return txnHasChanged(response.result);
    return response.type === "put" || (response.type === "deleteRange" && response.result.deleted > 0);
  });
}

/** All ranges that a request may ask for. */
export function rangesOf(request: ClientRequest): RangeRequest[] {
  const ranges: RangeRequest[] = [];
  if (!isKvRequest(request)) return ranges;
  visitOps(request, (op) => {
    if (op.type === "range") ranges.push(op.request);
  });
  return ranges;
}

/** Whether a range tells every living key in it, as it is now. */
export function tellsAll({ revision, limit, countOnly, ...filters }: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = filters;
  const bounds = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision];
  return revision <= 0 && limit <= 0 && !countOnly && bounds.every((bound) => bound === 0);
}

/** An operation that was made, and what came back. */
export type MadeOp =
  | (Extract<RequestOp, { type: "range" }> & { readonly response: Extract<ResponseOp, { type: "range" }> })
  | (Extract<RequestOp, { type: "put" }> & { readonly response: Extract<ResponseOp, { type: "put" }> })
  | (Extract<RequestOp, { type: "deleteRange" }> & { readonly response: Extract<ResponseOp, { type: "deleteRange" }> });

/** The operations that an answered call made, those of inner transactions too; answers that do not fit are left out. */
export function madeOps({ request, outcome }: AnsweredKvCall): MadeOp[] {
  const { result, revision } = outcome;
  if (request.type === "txn") return result.type === "txn" ? madeInTxn(request.request, result.result) : [];
  if (request.type !== result.type) return [];
  return [{ ...request, response: { ...result, revision } } as MadeOp];
}

function madeInTxn(txn: TxnRequest, result: TxnResult): MadeOp[] {
  const ops = result.succeeded ? txn.success : txn.failure;
  return ops.flatMap((op, at): MadeOp[] => {
    const response = result.responses[at];
    if (response === undefined || response.type !== op.type) return [];
    if (op.type === "txn") return response.type === "txn" ? madeInTxn(op.request, response.result) : [];
    return [{ ...op, response } as MadeOp];
  });
}

/** Visits all versions of keys that an answer tells, and whether with their values. */
export function forEachKv(call: AnsweredKvCall, visit: (kv: KeyValue, hasValue: boolean) => void): void {
  for (const op of madeOps(call)) {
    switch (op.type) {
      case "range":
        for (const kv of op.response.result.kvs) visit(kv, !op.request.keysOnly);
        break;
      case "put":
        if (op.response.result.prevKv !== null) visit(op.response.result.prevKv, true);
        break;
      case "deleteRange":
        for (const kv of op.response.result.prevKvs) visit(kv, true);
        break;
    }
  }
}

type PlainOp = Exclude<RequestOp, { type: "txn" } | { type: "empty" }>;

/** Visits all operations that a request may make, those of inner transactions and of both ways too. */
export function visitOps(op: RequestOp, visit: (op: PlainOp) => void): void {
  if (op.type === "empty") return;
  if (op.type !== "txn") return visit(op);
  for (const inner of op.request.success) visitOps(inner, visit);
  for (const inner of op.request.failure) visitOps(inner, visit);
}

/** Visits all comparisons of a request, those of inner transactions too. */
export function visitCompares(op: RequestOp, visit: (compare: Compare) => void): void {
  if (op.type !== "txn") return;
  for (const compare of op.request.compare) visit(compare);
  for (const inner of op.request.success) visitCompares(inner, visit);
  for (const inner of op.request.failure) visitCompares(inner, visit);
}
