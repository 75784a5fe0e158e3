/**
 * What can be said of a request without looking at the store. Done by the member that takes it from the client, before
 * it is proposed: a request that cannot succeed costs the cluster nothing.
 *
 * Codes, texts and their order are etcd's (`server/etcdserver/api/v3rpc/key.go`).
 */
import {
  type ByteString,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  SortOrder,
  SortTarget,
  type TxnRequest,
} from "../wire/kv.ts";
import { etcdErrors } from "./etcd-errors.ts";
import { KeyIntervals } from "./key-intervals.ts";
import { upperBound } from "./range.ts";

/** Operations a transaction may have, unless `--max-txn-ops` says otherwise. */
export const DEFAULT_MAX_TXN_OPS = 128;

/** @throws QuorateError */
export function checkRangeRequest(request: RangeRequest): void {
  if (request.key === "") throw etcdErrors.keyNotProvided();
  if (!isOneOf(SortOrder, request.sortOrder) || !isOneOf(SortTarget, request.sortTarget)) {
    throw etcdErrors.invalidSortOption();
  }
}

/** @throws QuorateError */
export function checkPutRequest(request: PutRequest): void {
  if (request.key === "") throw etcdErrors.keyNotProvided();
  if (request.ignoreValue && request.value !== "") throw etcdErrors.valueProvided();
  if (request.ignoreLease && request.lease !== 0n) throw etcdErrors.leaseProvided();
}

/** @throws QuorateError */
export function checkDeleteRangeRequest(request: DeleteRangeRequest): void {
  if (request.key === "") throw etcdErrors.keyNotProvided();
}

/**
 * @param maxTxnOps the most comparisons, operations on success, and operations on failure; a transaction within it may
 * use what its outer one leaves of it
 * @throws QuorateError
 */
export function checkTxnRequest(request: TxnRequest, maxTxnOps: number): void {
  checkTxnOps(request, maxTxnOps);
  checkWrites(request.success);
  checkWrites(request.failure);
}

function checkTxnOps(request: TxnRequest, maxTxnOps: number): void {
  const ops = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (ops > maxTxnOps) throw etcdErrors.tooManyOps();
  for (const compare of request.compare) if (compare.key === "") throw etcdErrors.keyNotProvided();
  for (const op of request.success) checkOp(op, maxTxnOps - ops);
  for (const op of request.failure) checkOp(op, maxTxnOps - ops);
}

function checkOp(op: RequestOp, maxTxnOps: number): void {
  switch (op.type) {
    case "range":
      return checkRangeRequest(op.request);
    case "put":
      return checkPutRequest(op.request);
    case "deleteRange":
      return checkDeleteRangeRequest(op.request);
    case "txn":
      return checkTxnOps(op.request, maxTxnOps);
    case "empty":
      throw etcdErrors.keyNotFound();
  }
}

function isOneOf(numbers: Readonly<Record<string, number>>, number: number): boolean {
  return Object.values(numbers).includes(number);
}

/** What a list of operations may write, whichever way its inner transactions go. */
interface Writes {
  readonly puts: Set<ByteString>;
  readonly deletes: KeyIntervals;
}

/**
 * Refuses a list of operations that could put a key twice, or put a key that it also deletes.
 *
 * The order is etcd's and it matters: deletions of this list first, then inner transactions in turn, then puts of this
 * list. So a put in one inner transaction followed by a deletion in the next is allowed. The two ways of one inner
 * transaction exclude each other and may put the same key.
 */
function checkWrites(ops: readonly RequestOp[]): Writes {
  const writes: Writes = { puts: new Set(), deletes: new KeyIntervals() };
  for (const op of ops) {
    if (op.type !== "deleteRange") continue;
    const { key, rangeEnd } = op.request;
    writes.deletes.add(key, rangeEnd === "" ? `${key}\0` : upperBound(rangeEnd));
  }
  for (const op of ops) {
    if (op.type !== "txn") continue;
    const onSuccess = checkWrites(op.request.success);
    const onFailure = checkWrites(op.request.failure);
    for (const key of onSuccess.puts) addPut(writes, key);
    for (const key of onFailure.puts) if (!onSuccess.puts.has(key)) addPut(writes, key);
    writes.deletes.addAll(onSuccess.deletes);
    writes.deletes.addAll(onFailure.deletes);
  }
  for (const op of ops) if (op.type === "put") addPut(writes, op.request.key);
  return writes;
}

function addPut(writes: Writes, key: ByteString): void {
  if (writes.puts.has(key) || writes.deletes.has(key)) throw etcdErrors.duplicateKey();
  writes.puts.add(key);
}
