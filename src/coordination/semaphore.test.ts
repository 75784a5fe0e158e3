import assert from "node:assert/strict";
import { test } from "node:test";
import { Semaphore } from "./semaphore.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("no more permits are held than there are, and who came first gets them first", async () => {
  const world = new Participants();
  const semaphore = () => new Semaphore(world.join().source, "a", { permits: 4 });
  const two = await world.play(semaphore().acquire({ permits: 2 }));
  const one = await world.play(semaphore().acquire());
  const three = new Outcome(semaphore().acquire({ permits: 3 }));
  await world.pass(10);
  const last = new Outcome(semaphore().acquire());
  await world.pass(10);
  assert.ok(three.pending && last.pending, "one is free, but the one before it wants more");
  assert.equal(await world.play(semaphore().tryAcquire()), null);
  assert.deepEqual(
    (await world.play(semaphore().standing())).map(({ permits, holds }) => [permits, holds]),
    [
      [2, true],
      [1, true],
      [3, false],
      [1, false],
    ],
  );
  await world.play(one.release());
  await world.pass(10);
  assert.ok(three.pending);
  await world.play(two.release());
  await world.pass(10);
  assert.ok(three.value?.held && last.value?.held);
});

test("a waiter in the middle that dies makes room for those behind it", async () => {
  const world = new Participants();
  const semaphore = (source = world.join().source) => new Semaphore(source, "a", { permits: 2 });
  const first = await world.play(semaphore().acquire());
  const middle = world.join();
  void new Outcome(semaphore(middle.source).acquire({ permits: 2 }));
  await world.pass(10);
  const last = new Outcome(semaphore().acquire());
  await world.pass(10);
  assert.ok(last.pending);
  middle.process.kill();
  await world.pass(8_000);
  assert.ok(last.value?.held && first.held);
});

test("all who use a name must agree on the number", async () => {
  const world = new Participants();
  const { source } = world.join();
  await world.play(new Semaphore(source, "a", { permits: 2 }).acquire());
  await assert.rejects(world.play(new Semaphore(source, "a", { permits: 3 }).acquire()), {
    code: "MISMATCH",
    message: /has 2 permits, not 3/,
  });
  assert.throws(() => new Semaphore(source, "a", { permits: 0 }), { code: "INVALID_ARGUMENT" });
  await assert.rejects(new Semaphore(source, "a", { permits: 2 }).acquire({ permits: 3 }), /of which 3 cannot be had/);
});

test("lost answers take no permit twice and leave none behind", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 500 }] as const) {
    const world = new Participants();
    const { source, store } = world.join();
    await world.play(source.current());
    store.faults.nextWrites(outcome, outcome, outcome);
    const permit = await world.play(new Semaphore(source, "a", { permits: 1, label: "me" }).acquire());
    await world.pass(2_000);
    assert.deepEqual(world.keys("semaphore/a//line/"), [permit.key]);
  }
});

test("run holds a permit for as long as the function takes", async () => {
  const world = new Participants();
  const { source } = world.join();
  const semaphore = new Semaphore(source, "a", { permits: 1 });
  assert.equal(await world.play(semaphore.run(async (permit) => permit.held)), true);
  assert.deepEqual(world.keys("semaphore/a//line/"), []);
});
