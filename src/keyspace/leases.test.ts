import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, Driver, deleteOp, putOp } from "./testing/driver.ts";

test("grants: ids are unique and not 0, TTLs have a least and a largest value", () => {
  const driver = new Driver();
  assert.equal(driver.grant(1n, 10), 10);
  assert.equal(driver.grant(-5n, 0), 1);
  assert.equal(driver.grant(2n, -7), 1);
  assert.equal(driver.grant(3n, 9_000_000_000), 9_000_000_000);
  assert.equal(
    codeOf(() => driver.grant(4n, 9_000_000_001)),
    "LEASE_TTL_TOO_LARGE",
  );
  assert.equal(
    codeOf(() => driver.grant(1n)),
    "LEASE_EXISTS",
  );
  assert.equal(
    codeOf(() => driver.grant(0n)),
    "LEASE_NOT_FOUND",
  );
  assert.deepEqual(
    driver.keyspace.leases.list().map(({ id, ttl }) => [id, ttl]),
    [
      [1n, 10],
      [-5n, 1],
      [2n, 1],
      [3n, 9_000_000_000],
    ],
  );
  assert.equal(driver.keyspace.leases.size, 4);
  // No change of a key, no revision.
  assert.equal(driver.keyspace.revision, 1);
});

test("a key hangs on the lease of its last put; revoking deletes the keys in order, with one revision", () => {
  const driver = new Driver();
  driver.grant(1n);
  driver.grant(2n);
  for (const key of ["c", "a", "b", "d", "e"]) driver.put(key, "", { lease: 1n });
  driver.put("b", "", { lease: 2n });
  driver.put("d");
  driver.delete("e");
  driver.txn({ success: [putOp({ key: "f", lease: 1n }), putOp({ key: "g", lease: 2n }), deleteOp({ key: "zz" })] });
  const { leases } = driver.keyspace;
  assert.deepEqual([leases.keys(1n), leases.keys(2n), leases.keys(9n)], [["a", "c", "f"], ["b", "g"], []]);
  const revision = driver.keyspace.revision;
  driver.revoke(1n);
  assert.deepEqual(driver.told(revision + 1), [`a!@${revision + 1}<`, `c!@${revision + 1}<`, `f!@${revision + 1}<`]);
  assert.deepEqual([leases.get(1n), leases.keys(1n)], [null, []]);
  assert.deepEqual(driver.keys(), ["b", "d", "g"]);
  assert.equal(
    codeOf(() => driver.revoke(1n)),
    "LEASE_NOT_FOUND",
  );
  driver.delete("b", { rangeEnd: "z" });
  const now = driver.keyspace.revision;
  driver.revoke(2n);
  assert.equal(driver.keyspace.revision, now);
});

test("checkpoints are kept until the next; those of leases that are gone are passed over", () => {
  const driver = new Driver();
  driver.grant(1n, 100);
  driver.apply({
    type: "leaseCheckpoint",
    checkpoints: [
      { id: 9n, remainingTtl: 5 },
      { id: 1n, remainingTtl: 42 },
    ],
  });
  assert.deepEqual(driver.keyspace.leases.get(1n), { id: 1n, ttl: 100, remainingTtl: 42 });
  driver.apply({ type: "leaseCheckpoint", checkpoints: [{ id: 1n, remainingTtl: 0 }] });
  assert.deepEqual(driver.keyspace.leases.list(), [{ id: 1n, ttl: 100, remainingTtl: 0 }]);
});
