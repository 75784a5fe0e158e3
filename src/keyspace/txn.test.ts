import assert from "node:assert/strict";
import { test } from "node:test";
import type { Compare, RequestOp } from "../wire/kv.ts";
import { encodeCommand } from "./command.ts";
import {
  codeOf,
  Driver,
  deleteOp,
  NO_COMPARE,
  NO_PUT,
  NO_TXN,
  plain,
  putOp,
  rangeOp,
  txnOp,
} from "./testing/driver.ts";
import { hasPuts, isReadOnly, isSerializable } from "./txn.ts";

function holds(driver: Driver, compare: Partial<Compare>): boolean {
  return driver.txn({ compare: [{ ...NO_COMPARE, ...compare }] }).succeeded;
}

test("a put bumps the revision also with an equal value, counts versions, and starts anew after a deletion", () => {
  const driver = new Driver();
  driver.put("k", "v");
  driver.put("k", "v");
  assert.deepEqual(driver.get("k"), { key: "k", createRevision: 2, modRevision: 3, version: 2, value: "v", lease: 0n });
  assert.deepEqual(driver.delete("k", { prevKv: true }).prevKvs.map(plain), [
    { key: "k", createRevision: 2, modRevision: 3, version: 2, value: "v", lease: 0n },
  ]);
  assert.equal(driver.get("k"), null);
  driver.put("k", "w");
  assert.deepEqual(driver.get("k"), { key: "k", createRevision: 5, modRevision: 5, version: 1, value: "w", lease: 0n });
  assert.deepEqual(driver.get("k", 3)?.version, 2);
  assert.equal(driver.get("k", 4), null);
  assert.deepEqual(driver.told(2), ["k@2", "k@3<v", "k!@4<v", "k@5"]);
});

test("deleting nothing does not bump the revision, deleting a range bumps it once", () => {
  const driver = new Driver();
  for (const key of ["a", "b", "c"]) driver.put(key);
  assert.deepEqual(driver.delete("x", { prevKv: true }), { deleted: 0, prevKvs: [] });
  assert.equal(driver.keyspace.revision, 4);
  assert.equal(driver.delete("b", { rangeEnd: "\0" }).deleted, 2);
  assert.equal(driver.keyspace.revision, 5);
  assert.deepEqual(driver.told(5), ["b!@5<", "c!@5<"]);
  assert.deepEqual(driver.delete("a").prevKvs, []);
});

test("prev_kv, ignore_value and ignore_lease", () => {
  const driver = new Driver();
  driver.grant(7n);
  assert.equal(driver.put("k", "1", { prevKv: true }).prevKv, null);
  assert.equal(driver.put("k", "2", { prevKv: true, lease: 7n }).prevKv?.value, "1");
  assert.equal(driver.put("k", "3").prevKv, null);
  driver.put("k", "4", { lease: 7n });
  driver.put("k", "", { ignoreValue: true, lease: 7n });
  assert.deepEqual([driver.get("k")?.value, driver.get("k")?.lease], ["4", 7n]);
  driver.put("k", "5", { ignoreLease: true });
  assert.deepEqual([driver.get("k")?.value, driver.get("k")?.lease], ["5", 7n]);
  // Without either the lease is lost.
  driver.put("k", "6");
  assert.deepEqual([driver.get("k")?.lease, driver.keyspace.leases.keys(7n)], [0n, []]);
  const revision = driver.keyspace.revision;
  assert.equal(
    codeOf(() => driver.put("x", "", { ignoreValue: true })),
    "KEY_NOT_FOUND",
  );
  assert.equal(
    codeOf(() => driver.put("x", "", { ignoreLease: true })),
    "KEY_NOT_FOUND",
  );
  assert.equal(
    codeOf(() => driver.put("k", "", { lease: 8n })),
    "LEASE_NOT_FOUND",
  );
  // A put of its own names the lease first, one in a transaction the key.
  assert.equal(
    codeOf(() => driver.put("x", "", { lease: 8n, ignoreValue: true })),
    "LEASE_NOT_FOUND",
  );
  assert.equal(
    codeOf(() => driver.txn({ success: [putOp({ key: "x", lease: 8n, ignoreValue: true })] })),
    "KEY_NOT_FOUND",
  );
  assert.equal(driver.keyspace.revision, revision);
});

test("comparisons of every target and result", () => {
  const driver = new Driver();
  driver.grant(7n);
  driver.put("k", "b");
  driver.put("k", "b", { lease: 7n });
  const [equal, greater, less, notEqual] = [0, 1, 2, 3];
  const [version, create, mod, value, lease] = [0, 1, 2, 3, 4];
  const fields = [
    { target: version, below: { version: 1 }, same: { version: 2 }, above: { version: 3 } },
    { target: create, below: { createRevision: 1 }, same: { createRevision: 2 }, above: { createRevision: 3 } },
    { target: mod, below: { modRevision: 2 }, same: { modRevision: 3 }, above: { modRevision: 4 } },
    { target: value, below: { value: "a\xff" }, same: { value: "b" }, above: { value: "b\0" } },
    { target: lease, below: { lease: -9n }, same: { lease: 7n }, above: { lease: 8n } },
  ];
  for (const { target, below, same, above } of fields) {
    for (const [result, expected] of [
      [equal, [false, true, false]],
      [greater, [true, false, false]],
      [less, [false, false, true]],
      [notEqual, [true, false, true]],
      // etcd takes a result it does not know for true.
      [9, [true, true, true]],
    ] as const) {
      const found = [below, same, above].map((field) => holds(driver, { target, result, ...field }));
      assert.deepEqual(found, expected, `target ${target}, result ${result}`);
    }
  }
  assert.equal(holds(driver, { target: 9, result: equal, version: 77 }), true);
});

test("a missing key compares as 0, but no comparison of its value holds, not even 'not equal'", () => {
  const driver = new Driver();
  for (const target of [0, 1, 2, 4]) {
    assert.equal(holds(driver, { target, result: 0 }), true);
    assert.equal(holds(driver, { target, result: 1 }), false);
    assert.equal(holds(driver, { target, result: 2, version: 1, createRevision: 1, modRevision: 1, lease: 1n }), true);
  }
  for (const result of [0, 1, 2, 3]) {
    assert.equal(holds(driver, { target: 3, result, value: "" }), false);
    assert.equal(holds(driver, { target: 3, result, value: "v" }), false);
    assert.equal(holds(driver, { target: 3, result, rangeEnd: "\0" }), false);
  }
});

test("a comparison with a range must hold for all keys in it", () => {
  const driver = new Driver();
  for (const key of ["a", "b", "c"]) driver.put(key, key);
  const above = { target: 3, result: 1, value: "a", rangeEnd: "\0" };
  assert.equal(holds(driver, { ...above, key: "b" }), true);
  assert.equal(holds(driver, { ...above, key: "a" }), false);
  assert.equal(holds(driver, { ...above, key: "b", rangeEnd: "c" }), true);
  assert.equal(holds(driver, { target: 0, result: 0, version: 0, key: "x", rangeEnd: "\0" }), true);
  assert.equal(holds(driver, { target: 0, result: 0, version: 1, key: "x", rangeEnd: "\0" }), false);
});

test("operations see the ones before, share one revision, and answer with it", () => {
  const driver = new Driver();
  driver.put("a", "old");
  const { succeeded, responses } = driver.txn({
    success: [
      rangeOp({ key: "a" }),
      putOp({ key: "a", value: "new", prevKv: true }),
      rangeOp({ key: "a" }),
      rangeOp({ key: "a", revision: 2 }),
      putOp({ key: "b", value: "b" }),
      deleteOp({ key: "c", rangeEnd: "d" }),
      rangeOp({ key: "\0", rangeEnd: "\0", countOnly: true }),
    ],
  });
  assert.equal(succeeded, true);
  assert.deepEqual(
    responses.map((response) => {
      switch (response.type) {
        case "range":
          return [response.revision, response.result.kvs.map(({ value }) => value).join(), response.result.count];
        case "put":
          return [response.revision, response.result.prevKv?.value];
        case "deleteRange":
          return [response.revision, response.result.deleted];
        case "txn":
          return [];
      }
    }),
    [
      [2, "old", 1],
      [3, "old"],
      [3, "new", 1],
      [3, "old", 1],
      [3, undefined],
      [3, 0],
      [3, "", 2],
    ],
  );
  assert.equal(driver.keyspace.revision, 3);
  assert.deepEqual(driver.told(3), ["a@3<old", "b@3"]);
});

test("a transaction that writes nothing keeps the revision, whichever way it goes", () => {
  const driver = new Driver();
  driver.put("a");
  const never: Compare = { ...NO_COMPARE, target: 0, result: 0, version: 5 };
  driver.txn({ compare: [never], success: [putOp({ key: "b" })] });
  driver.txn({ success: [deleteOp({ key: "x" }), rangeOp({ key: "a" })] });
  driver.txn({});
  assert.equal(driver.keyspace.revision, 2);
  assert.deepEqual(driver.txn({ compare: [never], failure: [deleteOp({ key: "x" })] }), {
    succeeded: false,
    responses: [{ type: "deleteRange", revision: 2, result: { deleted: 0, prevKvs: [] } }],
  });
});

test("inner transactions: all comparisons are made before any write, answers nest, their header is empty", () => {
  const driver = new Driver();
  const absent: Compare = { ...NO_COMPARE, target: 0, result: 0, version: 0 };
  const { responses } = driver.txn({
    success: [
      putOp({ key: "k", value: "outer" }),
      // Sees no k yet, though the put before wrote it.
      txnOp({ compare: [absent], success: [rangeOp({ key: "k" })], failure: [putOp({ key: "wrong" })] }),
    ],
  });
  const inner = responses[1];
  assert.equal(inner?.type, "txn");
  if (inner?.type !== "txn") return;
  assert.deepEqual([inner.revision, inner.result.succeeded], [0, true]);
  const [range] = inner.result.responses;
  assert.equal(range?.type === "range" && range.result.kvs[0]?.value, "outer");
  assert.equal(driver.get("wrong"), null);
});

test("what cannot be done fails the whole transaction before any write", () => {
  const driver = new Driver();
  for (const key of ["a", "b", "c"]) driver.put(key, "0");
  driver.compact(3);
  const failing: [string, RequestOp][] = [
    ["COMPACTED", rangeOp({ key: "a", revision: 2 })],
    ["FUTURE_REVISION", rangeOp({ key: "a", revision: 5 })],
    ["LEASE_NOT_FOUND", putOp({ key: "x", lease: 9n })],
    ["KEY_NOT_FOUND", putOp({ key: "x", ignoreValue: true })],
    ["COMPACTED", txnOp({ success: [rangeOp({ key: "a", revision: 2 })] })],
    ["LEASE_NOT_FOUND", txnOp({ success: [txnOp({ success: [putOp({ key: "x", lease: 9n })] })] })],
  ];
  const writes = [putOp({ key: "a", value: "1" }), deleteOp({ key: "b" })];
  for (const [code, op] of failing) {
    assert.equal(
      codeOf(() => driver.txn({ success: [...writes, op] })),
      code,
    );
    assert.deepEqual([driver.keyspace.revision, driver.get("a")?.value, driver.get("b")?.value], [4, "0", "0"]);
  }
  // What is on the way not taken does not matter.
  driver.txn({ success: writes, failure: failing.map(([, op]) => op) });
  assert.equal(driver.keyspace.revision, 5);
  // The compacted revision itself can be read, and 0 stands for now.
  driver.txn({ success: [rangeOp({ key: "a", revision: 3 }), rangeOp({ key: "a", revision: 0 })] });
});

test("one transaction may put a key and then delete it: both are told, with the value before the transaction", () => {
  const driver = new Driver();
  driver.put("k", "before");
  driver.txn({
    success: [txnOp({ success: [putOp({ key: "k", value: "during" })] }), txnOp({ success: [deleteOp({ key: "k" })] })],
  });
  assert.equal(driver.get("k"), null);
  assert.equal(driver.get("k", 2)?.value, "before");
  assert.deepEqual(driver.told(3), ["k@3<before", "k!@3<before"]);
  driver.compact(3);
  while (driver.keyspace.sweep(1));
  assert.deepEqual([driver.keyspace.historyBytes, driver.keyspace.liveBytes, driver.keyspace.keyCount], [0, 0, 0]);
});

test("which transactions need the log, and which have puts", () => {
  const read = rangeOp({ serializable: true });
  assert.equal(isReadOnly(NO_TXN), true);
  assert.equal(isReadOnly({ ...NO_TXN, success: [read], failure: [read] }), true);
  assert.equal(isReadOnly({ ...NO_TXN, failure: [deleteOp({})] }), false);
  assert.equal(isReadOnly({ ...NO_TXN, success: [txnOp({ success: [read] })] }), false);
  assert.equal(isSerializable({ ...NO_TXN, success: [read] }), true);
  assert.equal(isSerializable({ ...NO_TXN, success: [read, rangeOp({})] }), false);
  assert.equal(hasPuts({ ...NO_TXN, failure: [txnOp({ failure: [putOp({})] })] }), true);
  assert.equal(hasPuts({ ...NO_TXN, success: [deleteOp({}), txnOp({})] }), false);
  const driver = new Driver();
  driver.put("k", "v");
  const { succeeded, responses } = driver.keyspace.readTxn({ ...NO_TXN, success: [rangeOp({})] });
  assert.deepEqual([succeeded, responses.length, responses[0]?.revision], [true, 1, 2]);
  assert.equal(
    codeOf(() => driver.keyspace.readTxn({ ...NO_TXN, success: [rangeOp({ revision: 3 })] })),
    "FUTURE_REVISION",
  );
  assert.throws(() => driver.keyspace.readTxn({ ...NO_TXN, success: [putOp({})] }), /must go through the log/);
});

test("what no command can be is an error result and changes nothing", () => {
  const { keyspace } = new Driver();
  const good = encodeCommand({ type: "put", request: { ...NO_PUT, value: "v" } });
  const bad = [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(99, 1, 2), good.subarray(0, 3), Uint8Array.of(8, 0)];
  for (const bytes of bad) {
    const result = keyspace.apply(bytes);
    assert.equal(result.type, "error");
    assert.equal(keyspace.revision, 1);
  }
  assert.equal(keyspace.apply(good).type, "put");
});
