import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockIds } from "./block-ids.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { SnowflakeIds } from "./snowflake-ids.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("ids of blocks are given once, and grow", async () => {
  const world = new Participants();
  const given: bigint[] = [];
  const takes = [1, 2, 3].map(async () => {
    const { source, store } = world.join();
    await source.current();
    store.faults.nextWrites("applied");
    const ids = new BlockIds(source, "i", { blockSize: 4 });
    const mine = await Promise.all(Array.from({ length: 10 }, () => ids.next()));
    assert.deepEqual(
      mine,
      mine.toSorted((a, b) => Number(a - b)),
    );
    given.push(...mine);
  });
  await world.play(Promise.all(takes));
  assert.equal(new Set(given).size, 30);
  assert.ok(given.every((id) => id >= 1n && id <= 36n));
});

test("snowflakes are given once, whatever the clocks and however many workers came before", async () => {
  const world = new Participants();
  const given: bigint[] = [];
  for (let life = 0; life < 5; life++) {
    const { source, store, rate, process } = world.join();
    rate.wallShiftMs = -1_000_000 * life;
    const ids = new SnowflakeIds(source, "i");
    // Nobody takes more than one of 1024 by chance: all begin at the same one.
    store.random.uint32 = () => 7;
    let last = 0n;
    for (let n = 0; n < 3_000; n++) {
      const id = await world.play(ids.next());
      assert.ok(id > last);
      last = id;
      given.push(id);
      if (n === 1_500) await world.pass(20_000);
    }
    process.kill();
    await world.pass(10_000);
  }
  assert.equal(new Set(given).size, given.length);
  assert.ok(given.every((id) => id > 0n && id < 2n ** 63n));
  assert.deepEqual(world.keys("snowflake/i//until/"), ["snowflake/i//until/7"]);
});

test("workers that live at once have different numbers, and a lost one is replaced", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  for (const { store } of [one, two]) store.random.uint32 = () => 1_023;
  const [a, b] = [new SnowflakeIds(one.source, "i"), new SnowflakeIds(two.source, "i")];
  const workerOf = (id: bigint): bigint => (id >> 12n) & 1_023n;
  assert.equal(workerOf(await world.play(a.next())), 1_023n);
  assert.equal(workerOf(await world.play(b.next())), 0n);
  one.store.faults.refuse(20_000);
  await world.pass(21_000);
  const id = await world.play(a.next());
  assert.ok(id > 0n);
});

test("one program's snowflakes grow, also when the clock goes back and another worker gives them", async () => {
  const world = new Participants();
  const { source, store, rate } = world.join();
  const ids = new SnowflakeIds(source, "i");
  let last = 0n;
  for (const worker of [9, 5, 3]) {
    store.random.uint32 = () => worker;
    for (let n = 0; n < 3; n++) {
      const id = await world.play(ids.next());
      assert.ok(id > last, `${id} was given after ${last}`);
      assert.equal((id >> 12n) & 1_023n, BigInt(worker));
      last = id;
    }
    rate.wallShiftMs -= 1_000_000;
    store.faults.refuse(20_000);
    await world.pass(21_000);
  }
});

test("so many in a window, all programs together", async () => {
  const world = new Participants();
  const limiter = () => new RateLimiter(world.client().store, "r", { limit: 3, windowMs: 2_000 });
  const results = await world.play(Promise.all(Array.from({ length: 6 }, () => limiter().tryAcquire())));
  assert.equal(results.filter(Boolean).length, 3);
  const waiting = new Outcome(
    limiter()
      .acquire()
      .then(() => world.timeline.now),
  );
  await world.pass(1_000);
  assert.ok(waiting.pending);
  await world.pass(2_000);
  assert.ok((waiting.value ?? 0) >= 2_000);
  await world.pass(3_000);
  assert.equal(world.server.keyspace.leases.size, 0, "leases that were not needed are gone");
  assert.throws(() => new RateLimiter(world.client().store, "r", { limit: 0, windowMs: 1 }), {
    code: "INVALID_ARGUMENT",
  });
});
