/**
 * Puts, deletions and transactions, with etcd's exact meaning (`server/etcdserver/txn/txn.go`).
 *
 * A transaction runs in three passes, so that it does everything or nothing:
 *
 * 1. *Plan*: all comparisons, those of inner transactions too, are made on the state before it. That is how etcd does
 *    it: an inner comparison does not see what the outer operations write.
 * 2. *Check* the operations that were chosen: revisions of ranges, leases of puts, keys that must exist.
 * 3. *Execute* in order; each operation sees the ones before. All changes have one revision. Nothing fails here.
 */
import { assert } from "../errors.ts";
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type DeleteRangeResult,
  type KeyValue,
  type PutRequest,
  type PutResult,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResult,
} from "../wire/kv.ts";
import { etcdErrors } from "./etcd-errors.ts";
import type { Leases } from "./leases.ts";
import type { Mvcc } from "./mvcc.ts";
import { executeRange, upperBound } from "./range.ts";
import type { KeyRecord } from "./record.ts";

/** What transactions work on. */
export interface State {
  readonly mvcc: Mvcc;
  readonly leases: Leases;
}

/** A transaction with its comparisons decided. */
interface Plan {
  readonly succeeded: boolean;
  readonly ops: readonly PlannedOp[];
}

type PlannedOp = Exclude<RequestOp, { type: "txn" }> | { readonly type: "txn"; readonly plan: Plan };

/** Whether a transaction can be answered without the log. One that holds another never is, as in etcd. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => op.type === "range");
}

/** Whether a transaction only reads, and contents itself with what this member has. */
export function isSerializable(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => op.type === "range" && op.request.serializable);
}

/** Whether a transaction may put something, at any depth. */
export function hasPuts(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].some(
    (op) => op.type === "put" || (op.type === "txn" && hasPuts(op.request)),
  );
}

/** Makes one put, in a write transaction that the caller ends. @throws QuorateError before any change */
export function applyPut(state: State, request: PutRequest): PutResult {
  // A put of its own names a missing lease first, one in a transaction a missing key.
  checkLease(state, request);
  checkPrevious(state, request);
  return put(state, request);
}

/** Deletes a range, in a write transaction that the caller ends. */
export function applyDeleteRange(state: State, request: DeleteRangeRequest): DeleteRangeResult {
  const { mvcc } = state;
  const records: KeyRecord[] = [];
  if (request.rangeEnd === "") {
    const record = mvcc.get(request.key);
    if (record !== null) records.push(record);
  } else {
    mvcc.visit(request.key, upperBound(request.rangeEnd), (record) => records.push(record) > 0);
  }
  for (const record of records) {
    state.leases.detach(record.key, record.lease);
    mvcc.delete(record);
  }
  return { deleted: records.length, prevKvs: request.prevKv ? records : [] };
}

/** Makes a transaction, within a write transaction that the caller ends. @throws QuorateError before any change */
export function applyTxn(state: State, request: TxnRequest): TxnResult {
  const planned = plan(state.mvcc, request);
  check(state, planned);
  return execute(state, planned);
}

/** Answers a transaction that does not write. @throws QuorateError */
export function executeReadOnly(state: State, request: TxnRequest): TxnResult {
  assert(isReadOnly(request), "a transaction with writes must go through the log");
  return applyTxn(state, request);
}

function plan(mvcc: Mvcc, request: TxnRequest): Plan {
  const succeeded = request.compare.every((compare) => holds(mvcc, compare));
  const ops = (succeeded ? request.success : request.failure).map(
    (op): PlannedOp => (op.type === "txn" ? { type: "txn", plan: plan(mvcc, op.request) } : op),
  );
  return { succeeded, ops };
}

function check(state: State, { ops }: Plan): void {
  const { mvcc } = state;
  for (const op of ops) {
    switch (op.type) {
      case "range": {
        const { revision } = op.request;
        if (revision > mvcc.revision) throw etcdErrors.futureRevision();
        if (revision !== 0 && revision < mvcc.compactRevision) throw etcdErrors.compacted();
        break;
      }
      case "put":
        checkPrevious(state, op.request);
        checkLease(state, op.request);
        break;
      case "txn":
        check(state, op.plan);
        break;
      case "deleteRange":
      case "empty":
        break;
    }
  }
}

function execute(state: State, { succeeded, ops }: Plan): TxnResult {
  const { mvcc } = state;
  const responses: ResponseOp[] = [];
  for (const op of ops) {
    switch (op.type) {
      case "range": {
        const result = executeRange(mvcc, op.request);
        responses.push({ type: "range", revision: mvcc.readRevision, result });
        break;
      }
      case "put": {
        const result = put(state, op.request);
        responses.push({ type: "put", revision: mvcc.readRevision, result });
        break;
      }
      case "deleteRange": {
        const result = applyDeleteRange(state, op.request);
        responses.push({ type: "deleteRange", revision: mvcc.readRevision, result });
        break;
      }
      case "txn":
        // etcd leaves the header of an inner transaction empty.
        responses.push({ type: "txn", revision: 0, result: execute(state, op.plan) });
        break;
      case "empty":
        break;
    }
  }
  return { succeeded, responses };
}

function put({ mvcc, leases }: State, request: PutRequest): PutResult {
  const previous = mvcc.get(request.key);
  const value = request.ignoreValue ? (previous?.value ?? "") : request.value;
  // The lease's own number, so that records share one object.
  const wanted = request.ignoreLease ? (previous?.lease ?? 0n) : request.lease;
  const lease = wanted === 0n ? 0n : (leases.get(wanted)?.id ?? 0n);
  leases.attach(previous?.key ?? request.key, lease, previous?.lease ?? 0n);
  mvcc.put(request.key, value, lease);
  return { prevKv: request.prevKv ? previous : null };
}

function checkLease({ leases }: State, { lease }: PutRequest): void {
  if (lease !== 0n && leases.get(lease) === null) throw etcdErrors.leaseNotFound();
}

function checkPrevious({ mvcc }: State, { key, ignoreValue, ignoreLease }: PutRequest): void {
  if ((ignoreValue || ignoreLease) && mvcc.get(key) === null) throw etcdErrors.keyNotFound();
}

/** Whether a comparison holds for all keys in its range. */
function holds(mvcc: Mvcc, compare: Compare): boolean {
  if (compare.rangeEnd === "") return holdsFor(mvcc.get(compare.key), compare);
  let found = false;
  let held = true;
  mvcc.visit(compare.key, upperBound(compare.rangeEnd), (record) => {
    found = true;
    held = holdsFor(record, compare);
    return held;
  });
  return found ? held : holdsFor(null, compare);
}

function holdsFor(kv: KeyValue | null, compare: Compare): boolean {
  // No value at all can be told apart from an empty one by no client, so nothing holds for it, not even "not equal".
  if (kv === null && compare.target === CompareTarget.value) return false;
  const order = orderOf(kv, compare);
  switch (compare.result) {
    case CompareResult.equal:
      return order === 0;
    case CompareResult.notEqual:
      return order !== 0;
    case CompareResult.greater:
      return order > 0;
    case CompareResult.less:
      return order < 0;
    default:
      // etcd takes a result it does not know for true, and a target it does not know for equal.
      return true;
  }
}

/** Negative, 0 or positive, as what a key has is less than, equal to or greater than what it is compared with. */
function orderOf(kv: KeyValue | null, compare: Compare): number {
  switch (compare.target) {
    case CompareTarget.version:
      return (kv?.version ?? 0) - compare.version;
    case CompareTarget.create:
      return (kv?.createRevision ?? 0) - compare.createRevision;
    case CompareTarget.mod:
      return (kv?.modRevision ?? 0) - compare.modRevision;
    case CompareTarget.value:
      return order(kv?.value ?? "", compare.value);
    case CompareTarget.lease:
      return order(kv?.lease ?? 0n, compare.lease);
    default:
      return 0;
  }
}

function order<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
