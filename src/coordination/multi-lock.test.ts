import assert from "node:assert/strict";
import { test } from "node:test";
import { MultiLock } from "./multi-lock.ts";
import { Mutex } from "./mutex.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("two who want the same locks in opposite orders do not wait for each other", async () => {
  const world = new Participants();
  const takes = [
    ["a", "b"],
    ["b", "a"],
    ["b", "c", "a"],
    ["c", "a", "a"],
  ].map(async (names) => {
    const { source, store } = world.join();
    for (let round = 0; round < 5; round++) {
      await new MultiLock(source, names).run(async (locks) => {
        await new Promise<void>((resolve) => store.clock.after(10, resolve));
        assert.deepEqual([...locks.locks.keys()], [...new Set(names)].sort());
      });
    }
  });
  await world.play(Promise.all(takes));
  assert.deepEqual(world.keys("lock/"), []);
});

test("all or none: what was taken is released when one cannot be had", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const b = await world.play(new Mutex(one.source, "b").acquire());
  const multi = new MultiLock(two.source, ["a", "b", "c"]);
  assert.equal(await world.play(multi.tryAcquire()), null);
  await world.pass(10);
  assert.deepEqual(world.keys("lock/"), [b.key]);
  await assert.rejects(world.play(multi.acquire({ timeoutMs: 500 })), { code: "TIMEOUT" });
  await world.pass(10);
  assert.deepEqual(world.keys("lock/"), [b.key]);
  await world.play(b.release());
  const locks = await world.play(multi.tryAcquire());
  assert.equal(locks?.fences.size, 3);
});

test("it excludes who wants one of them, and is lost as a whole", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const locks = await world.play(new MultiLock(one.source, ["a", "b"]).acquire());
  const b = new Outcome(new Mutex(two.source, "b").acquire());
  await world.pass(100);
  assert.ok(b.pending);
  one.store.faults.refuse(60_000);
  await world.pass(10_000);
  assert.ok(b.value?.held);
  assert.ok(locks.signal.aborted);
  assert.throws(() => locks.assertHeld(), { code: "SESSION_LOST" });
  assert.throws(() => new MultiLock(one.source, []), { code: "INVALID_ARGUMENT" });
});
