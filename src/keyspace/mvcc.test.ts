import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyspace } from "./keyspace.ts";
import { RECORD_OVERHEAD_BYTES } from "./record.ts";
import { bytesOf, codeOf, Driver, hashOf, loaded, rangeOp } from "./testing/driver.ts";

const size = (bytes: number): number => bytes + RECORD_OVERHEAD_BYTES;

function drain(keyspace: Keyspace): void {
  while (keyspace.sweep(1));
}

test("compaction: what is compacted or in the future is refused, what remains is exact before any sweeping", () => {
  const driver = new Driver();
  for (let i = 0; i < 4; i++) driver.put("k", `v${i}`);
  assert.equal(
    codeOf(() => driver.compact(6)),
    "FUTURE_REVISION",
  );
  driver.compact(4);
  assert.equal(
    codeOf(() => driver.compact(4)),
    "COMPACTED",
  );
  assert.equal(
    codeOf(() => driver.compact(3)),
    "COMPACTED",
  );
  assert.equal(driver.keyspace.compactRevision, 4);
  assert.deepEqual([driver.get("k", 4)?.value, driver.get("k")?.value], ["v2", "v3"]);
  assert.equal(driver.keyspace.historyBytes, size(3));
  driver.compact(5);
  assert.equal(driver.keyspace.historyBytes, 0);
  assert.equal(driver.get("k", 5)?.version, 4);
});

test("live and history bytes follow what can be read, however far sweeping has come", () => {
  const driver = new Driver();
  const bytes = (): number[] => [driver.keyspace.liveBytes, driver.keyspace.historyBytes];
  driver.put("k", "1234");
  assert.deepEqual(bytes(), [size(5), 0]);
  driver.put("k", "12");
  assert.deepEqual(bytes(), [size(3), size(5)]);
  driver.delete("k");
  assert.deepEqual(bytes(), [0, size(5) + size(3) + size(1)]);
  driver.put("k", "");
  assert.deepEqual(bytes(), [size(1), size(5) + size(3) + size(1)]);
  driver.compact(3);
  assert.deepEqual(bytes(), [size(1), size(3) + size(1)]);
  const again = new Driver(loaded(bytesOf(driver.keyspace.freeze())));
  assert.deepEqual([again.keyspace.liveBytes, again.keyspace.historyBytes], bytes());
  drain(driver.keyspace);
  assert.deepEqual(bytes(), [size(1), size(3) + size(1)]);
  driver.compact(4);
  again.compact(4);
  assert.deepEqual(bytes(), [size(1), 0]);
  assert.deepEqual([again.keyspace.liveBytes, again.keyspace.historyBytes], bytes());
});

test("a watch may begin at the compacted revision: its changes are told, without what was before them", () => {
  const driver = new Driver();
  driver.put("a", "1");
  driver.put("b", "1");
  driver.delete("\0", { rangeEnd: "\0" });
  driver.put("a", "2");
  driver.compact(4);
  const expected = ["a!@4", "b!@4", "a@5"];
  assert.deepEqual(driver.told(4), expected);
  drain(driver.keyspace);
  assert.deepEqual(driver.told(4), expected);
  assert.deepEqual(new Driver(loaded(bytesOf(driver.keyspace.freeze()))).told(4), expected);
  assert.throws(() => driver.told(3), /changes from 3 on are compacted: 4/);
});

test("the compaction target is the smallest revision that halves a history over its budget", () => {
  const driver = new Driver();
  for (let i = 0; i < 11; i++) driver.put("k", "x".repeat(99 + (i === 3 ? 1000 : 0)));
  const { keyspace } = driver;
  // Each but the last of the eleven is history.
  assert.equal(keyspace.historyBytes, 10 * size(100) + 1000);
  assert.equal(keyspace.compactionTarget(keyspace.historyBytes), null);
  const budget = keyspace.historyBytes - 1;
  const target = keyspace.compactionTarget(budget) as number;
  assert.equal(target, 6);
  driver.compact(target);
  assert.ok(keyspace.historyBytes <= budget / 2);
  assert.equal(keyspace.compactionTarget(budget), null);
  assert.equal(keyspace.compactionTarget(0), keyspace.revision);
});

test("sweeping goes on with the writes also if nobody asks for it, and frees chain and tombstones", () => {
  const driver = new Driver();
  for (let i = 0; i < 100; i++) driver.put(`k${i % 10}`, "v");
  driver.delete("k", { rangeEnd: "l" });
  driver.compact(driver.keyspace.revision);
  for (let i = 0; i < 40; i++) driver.put("other");
  assert.equal(driver.keyspace.sweep(1), false);
});

test("an image keeps what it shows from being swept, and lets go when it was read", () => {
  const driver = new Driver();
  for (let i = 0; i < 10; i++) driver.put("k", `v${i}`);
  driver.delete("k");
  const image = driver.keyspace.freeze();
  const hash = hashOf(driver.keyspace.freeze());
  driver.put("k", "new");
  driver.compact(driver.keyspace.revision);
  drain(driver.keyspace);
  const thawed = new Driver(loaded(bytesOf(image, 1)));
  assert.deepEqual(thawed.told(2).length, 11);
  assert.equal(thawed.get("k", 9)?.value, "v7");
  assert.deepEqual(hashOf(thawed.keyspace.freeze()), hash);
  // Read to its end, and nothing was swept since: it can be read again.
  assert.deepEqual(hashOf(image), hash);
  drain(driver.keyspace);
  assert.equal(
    codeOf(() => hashOf(image)),
    "IMAGE_OVERTAKEN",
  );
  assert.equal(
    codeOf(() => [...image.chunks(100)]),
    "IMAGE_OVERTAKEN",
  );
});

test("two readings of one image do not take it from each other; an abandoned one lets go too", () => {
  const driver = new Driver();
  for (let i = 0; i < 10; i++) driver.put("k", `v${i}`);
  const image = driver.keyspace.freeze();
  const first = image.chunks(1);
  first.next();
  hashOf(image);
  driver.compact(driver.keyspace.revision);
  drain(driver.keyspace);
  assert.ok([...first].length > 10);
  const abandoned = driver.keyspace.freeze();
  abandoned.chunks(1).next();
  abandoned.release();
  driver.put("k");
  driver.compact(driver.keyspace.revision);
  drain(driver.keyspace);
  assert.equal(
    codeOf(() => hashOf(abandoned)),
    "IMAGE_OVERTAKEN",
  );
});

test("asking an image for a hash that it cannot give lets go of it", () => {
  const driver = new Driver();
  for (let i = 0; i < 5; i++) driver.put("k");
  const image = driver.keyspace.freeze();
  assert.equal(
    codeOf(() => image.hash(99)),
    "FUTURE_REVISION",
  );
  driver.compact(driver.keyspace.revision);
  drain(driver.keyspace);
  assert.equal(
    codeOf(() => hashOf(image)),
    "IMAGE_OVERTAKEN",
  );
});

test("an image that would keep too much history in memory is given up", () => {
  const driver = new Driver(new Keyspace({ maxPinnedBytes: 3 * size(2) }));
  for (let i = 0; i < 3; i++) driver.put("k", "v");
  driver.compact(driver.keyspace.revision);
  const chunks = driver.keyspace.freeze().chunks(1);
  chunks.next();
  for (let i = 0; i < 3; i++) driver.put("k", "v");
  driver.compact(driver.keyspace.revision);
  chunks.next();
  driver.put("k", "v");
  driver.compact(driver.keyspace.revision);
  assert.throws(() => chunks.next(), { code: "IMAGE_OVERTAKEN", retryable: true });
});

test("reads of a transaction see old revisions through chains of any length", () => {
  const driver = new Driver();
  for (let i = 0; i < 5000; i++) driver.put("k", `${i}`);
  for (const revision of [2, 1234, 5001]) assert.equal(driver.get("k", revision)?.value, `${revision - 2}`);
  const { responses } = driver.txn({ success: [rangeOp({ key: "k", revision: 2 })] });
  assert.equal(responses[0]?.type === "range" && responses[0].result.kvs[0]?.value, "0");
});
