import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, EntryKind, type SnapshotMeta } from "../consensus/engine.ts";
import { emptyMembership } from "../consensus/membership.ts";
import { encodeCommand } from "../keyspace/command.ts";
import { Keyspace } from "../keyspace/keyspace.ts";
import { benchClock } from "../virtual/testing/bench-clock.ts";
import { Applier } from "./applier.ts";
import { MemoryDisk, MemoryStorage } from "./testing/memory-storage.ts";
import { put, rangeOf } from "./testing/replica-cluster.ts";

function metaAt(index: number): SnapshotMeta {
  return { index, epoch: 1, membership: emptyMembership };
}

/** An empty entry: all that matters here is where it stands. */
function noop(index: number): Entry {
  return { index, epoch: 1, kind: EntryKind.noop, data: new Uint8Array(0) };
}

/** An applier behind an empty log; `publish` puts a snapshot on the disk whose key `k` holds the index. */
function stage(): {
  applier: Applier;
  publish: (index: number) => void;
  value: () => string | undefined;
  installed: number[];
  failures: unknown[];
} {
  const disk = new MemoryDisk();
  const { clock } = benchClock();
  const installed: number[] = [];
  const failures: unknown[] = [];
  const applier = new Applier({
    clock,
    storage: new MemoryStorage(disk, clock, () => {}),
    keyspace: new Keyspace(),
    snapshot: null,
    events: {
      batchApplied() {},
      entryApplied() {},
      membershipApplied() {},
      membersChanged() {},
      leaseGranted() {},
      leaseRevoked() {},
      compacting() {},
      compacted() {},
      installed: ({ index }) => installed.push(index),
      failed: (error) => failures.push(error),
      wake() {},
    },
  });
  const publish = (index: number): void => {
    const keyspace = new Keyspace();
    keyspace.apply(encodeCommand(put("k", `${index}`)));
    // The image writes all its chunks into one buffer.
    const chunks = Array.from(keyspace.freeze().chunks(1 << 16), (chunk) => new Uint8Array(chunk));
    disk.snapshot = { meta: metaAt(index), content: Buffer.concat(chunks) };
  };
  const value = (): string | undefined => applier.keyspace.range(rangeOf("k")).kvs[0]?.value;
  return { applier, publish, value, installed, failures };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a snapshot replaces the state, and entries go on behind it", async () => {
  const { applier, publish, value, installed, failures } = stage();
  publish(10);
  applier.install(metaAt(10));
  applier.committed([noop(11)]);
  applier.run();
  await settled();
  applier.run();
  assert.deepEqual([applier.index, value(), installed, failures], [11, "10", [10], []]);
});

test("a newer snapshot that arrives while one is installed takes its place, as soon as the engine knows of it", async () => {
  const { applier, publish, value, installed, failures } = stage();
  applier.install(metaAt(10));
  applier.committed([noop(11), noop(12)]);
  // The one at 20 is on disk already; the engine has yet to hear of it.
  publish(20);
  applier.run();
  await settled();
  assert.equal(applier.run(), false);
  assert.deepEqual([applier.index, installed, failures], [0, [], []]);
  applier.install(metaAt(20));
  applier.committed([noop(21)]);
  applier.run();
  applier.run();
  assert.deepEqual([applier.index, value(), installed, failures], [21, "20", [20], []]);
});

test("a newer snapshot whose installation is asked for already is installed once", async () => {
  const { applier, publish, value, installed, failures } = stage();
  publish(20);
  applier.install(metaAt(10));
  applier.committed([noop(11)]);
  applier.install(metaAt(20));
  applier.committed([noop(21)]);
  applier.run();
  await settled();
  while (applier.run()) await settled();
  assert.deepEqual([applier.index, value(), installed, failures], [21, "20", [20], []]);
});

test("a newer snapshot is also taken when the engine got there by the log", async () => {
  const { applier, publish, value, installed, failures } = stage();
  publish(12);
  applier.install(metaAt(10));
  applier.run();
  await settled();
  applier.committed([noop(11), noop(12), noop(13)]);
  while (applier.run()) await settled();
  assert.deepEqual([applier.index, value(), installed, failures], [13, "12", [12], []]);
});

test("an older snapshot than the one to be installed is a failure", async () => {
  const { applier, publish, failures } = stage();
  publish(9);
  applier.install(metaAt(10));
  applier.run();
  await settled();
  assert.match(String(failures[0]), /newest snapshot is at index 9, one of at least 10 was wanted/);
});
