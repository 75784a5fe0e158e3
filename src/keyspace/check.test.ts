import assert from "node:assert/strict";
import { test } from "node:test";
import type { Compare, DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from "../wire/kv.ts";
import { NO_RANGE } from "../wire/request-codec.ts";
import { checkDeleteRangeRequest, checkPutRequest, checkRangeRequest, checkTxnRequest } from "./check.ts";

const NO_PUT: PutRequest = { key: "k", value: "", lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
const NO_TXN: TxnRequest = { compare: [], success: [], failure: [] };

function put(key: string): RequestOp {
  return { type: "put", request: { ...NO_PUT, key } };
}

function del(key: string, rangeEnd = ""): RequestOp {
  const request: DeleteRangeRequest = { key, rangeEnd, prevKv: false };
  return { type: "deleteRange", request };
}

function range(key: string): RequestOp {
  return { type: "range", request: { ...NO_RANGE, key } };
}

function txn(success: RequestOp[], failure: RequestOp[] = []): RequestOp {
  return { type: "txn", request: { ...NO_TXN, success, failure } };
}

function compare(key: string): Compare {
  return {
    result: 0,
    target: 0,
    key,
    rangeEnd: "",
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: "",
    lease: 0n,
  };
}

function code(check: () => void): string {
  try {
    check();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "ok";
}

test("ranges, puts and deletions need a key, and say what is contradictory", () => {
  const table: [string, () => void][] = [
    ["ok", () => checkRangeRequest({ ...NO_RANGE, key: "k", sortOrder: 2, sortTarget: 4 })],
    ["KEY_NOT_PROVIDED", () => checkRangeRequest(NO_RANGE)],
    ["INVALID_SORT_OPTION", () => checkRangeRequest({ ...NO_RANGE, key: "k", sortOrder: 3 })],
    ["INVALID_SORT_OPTION", () => checkRangeRequest({ ...NO_RANGE, key: "k", sortTarget: -1 })],
    ["INVALID_SORT_OPTION", () => checkRangeRequest({ ...NO_RANGE, key: "k", sortTarget: 5 })],
    ["ok", () => checkPutRequest({ ...NO_PUT, ignoreValue: true, ignoreLease: true })],
    ["KEY_NOT_PROVIDED", () => checkPutRequest({ ...NO_PUT, key: "", ignoreValue: true, value: "v" })],
    ["VALUE_PROVIDED", () => checkPutRequest({ ...NO_PUT, ignoreValue: true, value: "v" })],
    ["LEASE_PROVIDED", () => checkPutRequest({ ...NO_PUT, ignoreLease: true, lease: 1n })],
    ["ok", () => checkDeleteRangeRequest({ key: "\0", rangeEnd: "\0", prevKv: false })],
    ["KEY_NOT_PROVIDED", () => checkDeleteRangeRequest({ key: "", rangeEnd: "\0", prevKv: false })],
  ];
  for (const [expected, check] of table) assert.equal(code(check), expected);
});

test("operations are limited by the largest of the three lists; inner transactions get what is left", () => {
  const many = (count: number): RequestOp[] => Array.from({ length: count }, () => range("k"));
  const compares = (count: number): Compare[] => Array.from({ length: count }, () => compare("k"));
  const check = (request: Partial<TxnRequest>): string => code(() => checkTxnRequest({ ...NO_TXN, ...request }, 10));
  assert.equal(check({ compare: compares(10), success: many(10), failure: many(10) }), "ok");
  assert.equal(check({ compare: compares(11) }), "TOO_MANY_OPS");
  assert.equal(check({ success: many(11) }), "TOO_MANY_OPS");
  assert.equal(check({ failure: many(11) }), "TOO_MANY_OPS");
  assert.equal(check({ compare: compares(4), success: [txn(many(6))] }), "ok");
  assert.equal(check({ compare: compares(4), success: [txn(many(7))] }), "TOO_MANY_OPS");
  assert.equal(check({ compare: compares(4), success: [txn([txn(many(5))])] }), "ok");
  assert.equal(check({ compare: compares(4), success: [txn([txn(many(6))])] }), "TOO_MANY_OPS");
});

test("operations inside a transaction are checked like those outside, in etcd's order", () => {
  const check = (request: Partial<TxnRequest>): string => code(() => checkTxnRequest({ ...NO_TXN, ...request }, 128));
  assert.equal(check({ compare: [compare("")] }), "KEY_NOT_PROVIDED");
  assert.equal(check({ success: [put("")] }), "KEY_NOT_PROVIDED");
  assert.equal(check({ failure: [del("")] }), "KEY_NOT_PROVIDED");
  assert.equal(check({ failure: [{ type: "empty" }] }), "KEY_NOT_FOUND");
  assert.equal(check({ success: [txn([], [range("")])] }), "KEY_NOT_PROVIDED");
  assert.equal(
    check({ success: [{ type: "range", request: { ...NO_RANGE, key: "k", sortOrder: 9 } }] }),
    "INVALID_SORT_OPTION",
  );
  // Before duplicates are looked for.
  assert.equal(check({ success: [put("k"), put("k"), { type: "empty" }] }), "KEY_NOT_FOUND");
});

test("no way through a transaction may put a key twice, or put what it deletes", () => {
  const table: [string, RequestOp[]][] = [
    ["ok", [put("a"), put("b"), range("a")]],
    ["DUPLICATE_KEY", [put("a"), put("a")]],
    ["DUPLICATE_KEY", [put("a"), del("a")]],
    ["DUPLICATE_KEY", [del("a"), put("a")]],
    ["ok", [put("b"), del("a", "b")]],
    ["DUPLICATE_KEY", [put("b"), del("a", "b\0")]],
    ["DUPLICATE_KEY", [put("z"), del("a", "\0")]],
    ["ok", [put("a"), del("b", "\0")]],
    ["ok", [put("a"), del("b", "a")]],
    // Deletions may overlap.
    ["ok", [del("a", "c"), del("b", "d"), del("b")]],
    // The two ways of an inner transaction exclude each other,
    ["ok", [txn([put("a")], [put("a")])]],
    ["ok", [txn([put("a")], [del("a")])]],
    // but not those of two, nor an inner and an outer.
    ["DUPLICATE_KEY", [txn([put("a")]), txn([], [put("a")])]],
    ["DUPLICATE_KEY", [txn([put("a")]), put("a")]],
    ["DUPLICATE_KEY", [txn([put("a")], [put("a")]), put("a")]],
    ["DUPLICATE_KEY", [put("a"), txn([], [txn([put("a")])])]],
    ["DUPLICATE_KEY", [txn([put("a")]), del("a")]],
    ["DUPLICATE_KEY", [txn([del("a")]), put("a")]],
    ["DUPLICATE_KEY", [txn([], [del("a", "b")]), put("a")]],
    ["DUPLICATE_KEY", [txn([del("a")]), txn([put("a")])]],
    // etcd compares with deletions of earlier inner transactions only.
    ["ok", [txn([put("a")]), txn([del("a")])]],
  ];
  for (const [index, [expected, ops]] of table.entries()) {
    for (const request of [
      { ...NO_TXN, success: ops },
      { ...NO_TXN, failure: ops },
    ]) {
      assert.equal(
        code(() => checkTxnRequest(request, 128)),
        expected,
        `row ${index}`,
      );
    }
  }
  // The two lists of one transaction never meet.
  assert.equal(
    code(() => checkTxnRequest({ ...NO_TXN, success: [put("a")], failure: [put("a"), del("b")] }, 128)),
    "ok",
  );
});
