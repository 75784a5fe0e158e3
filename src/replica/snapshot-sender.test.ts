import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyMembership, type Membership } from "../consensus/membership.ts";
import type { GroupStorage, SnapshotReader } from "../storage/storage.ts";
import { benchClock } from "../virtual/testing/bench-clock.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { MemoryDisk, MemoryStorage } from "./testing/memory-storage.ts";

interface Stage {
  readonly sender: SnapshotSender;
  /** Answers the oldest `openSnapshot` that waits. */
  readonly opened: (reader: SnapshotReader | Error | null) => void;
  readonly sent: { to: bigint; index: number; ok: boolean }[];
  readonly frames: { count: number };
}

function stage(): Stage {
  const { clock } = benchClock();
  const waiting: PromiseWithResolvers<SnapshotReader | null>[] = [];
  const storage: GroupStorage = Object.assign(new MemoryStorage(new MemoryDisk(), clock, () => {}), {
    openSnapshot: () => {
      const answer = Promise.withResolvers<SnapshotReader | null>();
      waiting.push(answer);
      return answer.promise;
    },
  });
  const sent: Stage["sent"] = [];
  const frames = { count: 0 };
  const sender = new SnapshotSender({
    storage,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    chunkBytes: 1 << 18,
    resendMs: 2_000,
    send: () => {
      frames.count++;
      return true;
    },
    sent: (to, index, ok) => sent.push({ to, index, ok }),
  });
  const opened: Stage["opened"] = (reader) => {
    const next = waiting.shift();
    assert.ok(next !== undefined, "nothing is being opened");
    if (reader instanceof Error) next.reject(reader);
    else next.resolve(reader);
  };
  return { sender, opened, sent, frames };
}

function reader(index: number): SnapshotReader & { closed: number } {
  const membership: Membership = emptyMembership;
  return {
    meta: { index, epoch: 1, membership },
    size: 10,
    closed: 0,
    read: async (offset, length) => new Uint8Array(10).subarray(offset, offset + length),
    async close() {
      this.closed++;
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a snapshot that cannot be opened is a transfer that failed, and may be tried again", async () => {
  const { sender, opened, sent, frames } = stage();
  const begun = sender.begin(2n, 5);
  opened(new Error("input/output error"));
  assert.equal(await begun, true);
  assert.deepEqual(sent, [{ to: 2n, index: 5, ok: false }]);
  assert.equal(sender.isSendingTo(2n), false);
  const again = sender.begin(2n, 5);
  opened(reader(7));
  assert.equal(await again, true);
  await settled();
  assert.equal(frames.count, 1);
});

test("a stop while the snapshot is being opened ends the transfer and closes the file", async () => {
  const { sender, opened, sent, frames } = stage();
  const begun = sender.begin(2n, 5);
  sender.stop();
  const late = reader(7);
  opened(late);
  assert.equal(await begun, true);
  await settled();
  assert.deepEqual([late.closed, frames.count, sender.isSendingTo(2n)], [1, 0, false]);
  assert.deepEqual(sent, [{ to: 2n, index: 5, ok: false }], "who leads again by now must not wait for it");
});

test("one that is too old is closed and not sent", async () => {
  const { sender, opened, sent } = stage();
  const begun = sender.begin(2n, 5);
  const old = reader(4);
  opened(old);
  assert.equal(await begun, false);
  assert.deepEqual([old.closed, sent.length, sender.isSendingTo(2n)], [1, 0, false]);
  const none = sender.begin(2n, 5);
  opened(null);
  assert.equal(await none, false);
});
