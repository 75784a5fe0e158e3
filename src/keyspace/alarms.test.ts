import assert from "node:assert/strict";
import { test } from "node:test";
import { AlarmType } from "./alarms.ts";
import { codeOf, Driver, deleteOp, putOp, rangeOp, txnOp } from "./testing/driver.ts";

function alarm(driver: Driver, action: "activate" | "deactivate", memberId: bigint, kind: number): void {
  driver.apply({ type: "alarm", action, memberId, alarm: kind });
}

test("without space nothing may grow, but reading, deleting and compacting go on", () => {
  const driver = new Driver();
  driver.grant(1n);
  driver.put("a");
  driver.put("b");
  alarm(driver, "activate", 7n, AlarmType.noSpace);
  const refused: (() => unknown)[] = [
    () => driver.put("a"),
    () => driver.grant(2n),
    () => driver.txn({ success: [putOp({})] }),
    () => driver.txn({ failure: [txnOp({ failure: [putOp({})] })] }),
  ];
  for (const run of refused) assert.equal(codeOf(run), "NO_SPACE");
  driver.delete("a");
  driver.txn({ success: [deleteOp({ key: "x" }), rangeOp({})] });
  driver.compact(3);
  driver.revoke(1n);
  assert.deepEqual(driver.keys(), ["b"]);
  alarm(driver, "deactivate", 8n, AlarmType.noSpace);
  assert.equal(
    codeOf(() => driver.put("a")),
    "NO_SPACE",
  );
  alarm(driver, "deactivate", 7n, AlarmType.noSpace);
  driver.put("a");
});

test("while members are known to differ, nothing is read or written", () => {
  const driver = new Driver();
  driver.grant(1n);
  driver.put("a");
  alarm(driver, "activate", 7n, AlarmType.corrupt);
  const refused: (() => unknown)[] = [
    () => driver.put("a"),
    () => driver.delete("a"),
    () => driver.txn({}),
    () => driver.compact(2),
    () => driver.grant(2n),
    () => driver.revoke(1n),
    () => driver.range({}),
    () => driver.keyspace.readTxn({ compare: [], success: [], failure: [] }),
    () => driver.keyspace.pages({ ...rangeRequest(), key: "a" }, 100),
  ];
  for (const run of refused) assert.equal(codeOf(run), "CORRUPT");
  alarm(driver, "deactivate", 7n, AlarmType.corrupt);
  assert.deepEqual(driver.keys(), ["a"]);
});

function rangeRequest(): Parameters<Driver["keyspace"]["range"]>[0] {
  const op = rangeOp({});
  assert.equal(op.type, "range");
  return op.type === "range" ? op.request : assert.fail();
}

test("alarms are listed once each, in order; no alarm is none", () => {
  const driver = new Driver();
  alarm(driver, "activate", 0xffff_ffff_ffff_ffffn, AlarmType.noSpace);
  alarm(driver, "activate", 3n, AlarmType.noSpace);
  alarm(driver, "activate", 3n, AlarmType.noSpace);
  alarm(driver, "activate", 9n, AlarmType.none);
  alarm(driver, "deactivate", 9n, AlarmType.corrupt);
  const list = driver.keyspace.alarms.list();
  assert.deepEqual(list, [
    { memberId: 3n, alarm: 1 },
    { memberId: 0xffff_ffff_ffff_ffffn, alarm: 1 },
  ]);
  list.pop();
  assert.equal(driver.keyspace.alarms.list().length, 2);
});
