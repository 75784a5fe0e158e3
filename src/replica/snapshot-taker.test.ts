import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyMembership } from "../consensus/membership.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Keyspace, type KeyspaceImage } from "../keyspace/keyspace.ts";
import { benchClock } from "../virtual/testing/bench-clock.ts";
import type { Timeline } from "../virtual/timeline.ts";
import { SnapshotTaker } from "./snapshot-taker.ts";
import { MemoryDisk, MemoryStorage } from "./testing/memory-storage.ts";

const meta = { index: 5, epoch: 1, membership: emptyMembership };

function taker(): { taker: SnapshotTaker; timeline: Timeline; disk: MemoryDisk; taken: number[]; failures: Error[] } {
  const disk = new MemoryDisk();
  const taken: number[] = [];
  const failures: Error[] = [];
  const { clock, timeline } = benchClock();
  const made = new SnapshotTaker({
    clock,
    storage: new MemoryStorage(disk, clock, () => {}),
    policy: { entries: 10, bytes: 1000 },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    taken: ({ index }) => taken.push(index),
    failed: (error) => failures.push(error),
  });
  return { taker: made, timeline, disk, taken, failures };
}

/** An image whose second chunk throws, if `error` is given; counts how often it was let go. */
function image(error: Error | null): KeyspaceImage & { released: number } {
  return {
    revision: 1,
    compactRevision: -1,
    released: 0,
    *chunks() {
      yield new Uint8Array(100);
      if (error !== null) throw error;
      yield new Uint8Array(100);
    },
    hash: () => new Keyspace().freeze().hash(1),
    release() {
      this.released++;
    },
  };
}

test("it is time for a snapshot after enough entries, or enough bytes", () => {
  const { taker: byEntries } = taker();
  for (let i = 0; i < 9; i++) byEntries.applied(1, 1);
  assert.equal(byEntries.due, false);
  byEntries.applied(1, 1);
  assert.equal(byEntries.due, true);
  const { taker: byBytes } = taker();
  byBytes.applied(1, 1000);
  assert.equal(byBytes.due, true);
});

test("a snapshot is published whole, and the image let go", async () => {
  const { taker: it, disk, taken } = taker();
  const whole = image(null);
  it.take(meta, whole);
  assert.equal(it.busy, true);
  await it.stop().catch(() => {});
  // Stopping gives it up; without that it is taken.
  const again = taker();
  again.taker.take(meta, whole);
  while (again.taker.busy) await Promise.resolve();
  assert.deepEqual([again.taken, again.disk.snapshot?.content.length], [[5], 200]);
  assert.deepEqual([taken, disk.snapshot], [[], null]);
  assert.equal(whole.released, 2);
});

test("an image that writes have overtaken is no failure: a newer one is due at once", async () => {
  const { taker: it, disk, taken, failures } = taker();
  const overtaken = image(new QuorateError("IMAGE_OVERTAKEN", GrpcStatus.aborted, "too much was superseded"));
  it.take(meta, overtaken);
  while (it.busy) await Promise.resolve();
  assert.deepEqual([taken, failures, disk.snapshot, overtaken.released], [[], [], null, 1]);
  assert.equal(it.due, true);
});

test("a full disk is no failure: it is tried again after a while", async () => {
  const { taker: it, timeline, taken, failures } = taker();
  it.take(meta, image(new QuorateError("DISK_FULL", GrpcStatus.resourceExhausted, "no room")));
  while (it.busy) await Promise.resolve();
  assert.deepEqual([taken, failures, it.due], [[], [], false]);
  await timeline.run(10_000);
  assert.equal(it.due, true);
});

test("anything else that goes wrong is told, with nothing published", async () => {
  const { taker: it, disk, failures } = taker();
  it.take(meta, image(new Error("disk gone")));
  while (it.busy) await Promise.resolve();
  assert.deepEqual([failures.map(({ message }) => message), disk.snapshot], [["disk gone"], null]);
});
