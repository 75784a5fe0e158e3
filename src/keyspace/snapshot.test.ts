import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { QuorateError } from "../errors.ts";
import { Crc32c } from "./crc32c.ts";
import { KeyspaceLoader } from "./keyspace.ts";
import { bytesOf, codeOf, Driver, hashOf, loaded, putOp } from "./testing/driver.ts";

/** Some of everything: leases, old versions, tombstones, a compaction, alarms. */
function varied(): Driver {
  const driver = new Driver();
  driver.grant(2n ** 62n, 100);
  driver.grant(-1n, 5);
  driver.apply({ type: "leaseCheckpoint", checkpoints: [{ id: -1n, remainingTtl: 3 }] });
  for (let i = 0; i < 60; i++) driver.put(`key-${i % 20}`, "v".repeat(i), { lease: i % 3 === 0 ? -1n : 0n });
  driver.delete("key-1", { rangeEnd: "key-13" });
  driver.compact(driver.keyspace.revision);
  driver.put("z-big", "x".repeat(100_000), { lease: 2n ** 62n });
  for (let i = 0; i < 30; i++) driver.put(`key-${i % 7}`, "w");
  driver.delete("key-3");
  driver.apply({ type: "alarm", action: "activate", memberId: 5n, alarm: 3 });
  return driver;
}

function throughAndThrough(driver: Driver): unknown {
  const { keyspace } = driver;
  return [
    hashOf(keyspace.freeze()),
    [keyspace.revision, keyspace.compactRevision, keyspace.keyCount, keyspace.liveBytes, keyspace.historyBytes],
    driver.told(keyspace.compactRevision),
    keyspace.leases.list().map((lease) => [lease, keyspace.leases.keys(lease.id)]),
    keyspace.alarms.list(),
  ];
}

test("a snapshot is read back in chunks with any borders", () => {
  const driver = varied();
  const expected = throughAndThrough(driver);
  for (const written of [1, 500, 1 << 20]) {
    const bytes = bytesOf(driver.keyspace.freeze(), written);
    for (const read of [1, 7, 4096, bytes.length]) {
      assert.deepEqual(throughAndThrough(new Driver(loaded(bytes, read))), expected);
    }
  }
});

test("chunks stay near the wanted size, but for a record that is larger", () => {
  const driver = varied();
  const sizes = [...driver.keyspace.freeze().chunks(1000)].map(({ length }) => length);
  assert.equal(sizes.filter((size) => size > 2000).length, 1);
  assert.ok(sizes.length > 5);
});

test("an empty keyspace has a snapshot too", () => {
  const keyspace = loaded(bytesOf(new Driver().keyspace.freeze()));
  assert.deepEqual([keyspace.revision, keyspace.compactRevision, keyspace.keyCount], [1, -1, 0]);
  new Driver(keyspace).put("a");
  assert.equal(keyspace.revision, 2);
});

test("the hash is of all that can be read up to its revision, and of nothing else", () => {
  const driver = new Driver();
  for (let i = 0; i < 5; i++) driver.put("k", `v${i}`);
  const at4 = hashOf(driver.keyspace.freeze(), 4);
  assert.deepEqual([at4.hashRevision, at4.compactRevision], [4, -1]);
  driver.put("other");
  driver.delete("k");
  assert.deepEqual(hashOf(driver.keyspace.freeze(), 4), at4);
  const now = hashOf(driver.keyspace.freeze());
  assert.equal(now.hashRevision, driver.keyspace.revision);
  assert.notEqual(now.hash, at4.hash);
  // Another past makes another hash, though what lives now is the same.
  const twin = new Driver();
  for (let i = 0; i < 5; i++) twin.put("k", i === 2 ? "other" : `v${i}`);
  twin.put("other");
  twin.delete("k");
  assert.notEqual(hashOf(twin.keyspace.freeze()).hash, now.hash);
  // When that past is compacted, they are equal.
  driver.compact(5);
  twin.compact(5);
  assert.deepEqual(hashOf(twin.keyspace.freeze()), hashOf(driver.keyspace.freeze()));
  assert.equal(
    codeOf(() => driver.keyspace.freeze().hash(4)),
    "COMPACTED",
  );
  assert.equal(
    codeOf(() => driver.keyspace.freeze().hash(99)),
    "FUTURE_REVISION",
  );
});

test("hashing goes on in slices", () => {
  const driver = new Driver();
  for (let i = 0; i < 8; i++) driver.put(`k${i}`, "x".repeat(400_000));
  const slices = driver.keyspace.freeze().hash(0);
  let yields = 0;
  while (!slices.next().done) yields++;
  assert.ok(yields >= 4, `${yields} slices`);
});

test("the checksum is CRC-32C", () => {
  const crc = new Crc32c();
  crc.byteString("123456789");
  assert.equal(crc.value, 0xe3069283);
  const numbers = new Crc32c();
  numbers.number(2 ** 40 + 5);
  numbers.int64(-2n);
  const bytes = new Crc32c();
  bytes.byteString("\x05\0\0\0\0\x01\0\0\xfe\xff\xff\xff\xff\xff\xff\xff");
  assert.equal(numbers.value, bytes.value);
});

test("a snapshot that ends early, goes on too long, or is of another kind or version is refused", () => {
  const bytes = bytesOf(varied().keyspace.freeze(), 100);
  for (let end = 0; end < bytes.length; end += end < 2000 ? 1 : 997) {
    assert.throws(() => loaded(bytes.subarray(0, end)), { code: "SNAPSHOT_DAMAGED" }, `${end} bytes`);
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assert.throws(() => loaded(longer), /something behind its end/);
  const other = bytes.slice();
  other[5] = 0x58;
  assert.throws(() => loaded(other), /does not begin as a snapshot does/);
  const newer = bytes.slice();
  newer[9] = 2;
  assert.throws(() => loaded(newer), { code: "SNAPSHOT_VERSION", message: /version 2, this program reads version 1/ });
  assert.throws(() => loaded(Uint8Array.of(255, 255, 255, 255)), /a block of 4294967295 bytes/);
});

test("any damage is refused with an error, or gives a keyspace that works; nothing else happens", () => {
  const bytes = bytesOf(varied().keyspace.freeze(), 200);
  let refused = 0;
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 1, max: 255 }), fc.nat(3), (where, flip, count) => {
      const damaged = bytes.slice();
      for (let i = 0; i <= count; i++) {
        const at = (where * (i + 1) * 31) % 6000;
        damaged[at] = (damaged[at] ?? 0) ^ flip;
      }
      try {
        const driver = new Driver(loaded(damaged));
        throughAndThrough(driver);
        driver.compact(driver.keyspace.revision);
        while (driver.keyspace.sweep(10));
        driver.keys();
      } catch (error) {
        assert.ok(error instanceof QuorateError, String(error));
        assert.ok(["SNAPSHOT_DAMAGED", "SNAPSHOT_VERSION", "COMPACTED"].includes(error.code), error.code);
        refused++;
      }
    }),
    { numRuns: 500 },
  );
  // About a fifth; most bytes are values.
  assert.ok(refused > 20, `${refused} refused`);
});

test("a revision without changes, or more revisions than changes, is refused", () => {
  const driver = new Driver();
  driver.put("a");
  driver.put("b");
  const bytes = bytesOf(driver.keyspace.freeze());
  // Header: length, kind, magic, version, then the revision: 3.
  assert.equal(bytes[10], 3);
  const later = bytes.slice();
  later[10] = 4;
  assert.throws(() => loaded(later), /2 changes for 3 revisions/);
  // The most that a number can say must not make an array of that size.
  const huge = Uint8Array.of(15, 0, 0, 0, 1, 0x51, 0x4b, 0x45, 0x59, 1, ...HUGE, 0, ...bytes.subarray(12));
  assert.throws(() => loaded(huge), /2 changes for 9007199254740990 revisions/);
  driver.txn({ success: [putOp({ key: "c" }), putOp({ key: "d" })] });
  const gap = bytesOf(driver.keyspace.freeze());
  assert.equal(gap[10], 4);
  gap[10] = 5;
  assert.throws(() => loaded(gap), /no change of revision 5/);
});

/** 2^53 - 1 as a varint. */
const HUGE = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];

test("counts that do not agree with what came are refused", () => {
  const bytes = bytesOf(varied().keyspace.freeze());
  // The end block's content: four counts, the last bytes.
  for (const back of [1, 2, 3, 4]) {
    const damaged = bytes.slice();
    const at = damaged.length - back;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const loader = new KeyspaceLoader();
    assert.throws(() => loader.push(damaged), /leases, records, floor changes and living keys, and should have/);
  }
});
