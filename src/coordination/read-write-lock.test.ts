import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadWriteLock } from "./read-write-lock.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("readers together, a writer alone, all in the order in which they came", async () => {
  const world = new Participants();
  const lock = () => new ReadWriteLock(world.join().source, "a");
  const r1 = await world.play(lock().read.acquire());
  const r2 = await world.play(lock().read.acquire());
  const w3 = new Outcome(lock().write.acquire());
  await world.pass(10);
  const r4 = new Outcome(lock().read.acquire());
  await world.pass(10);
  const r5 = new Outcome(lock().read.acquire());
  await world.pass(10);
  const w6 = new Outcome(lock().write.acquire());
  await world.pass(10);
  assert.deepEqual(
    [w3, r4, r5, w6].map(({ pending }) => pending),
    [true, true, true, true],
  );
  await world.play(r1.release());
  await world.pass(10);
  assert.ok(w3.pending);
  await world.play(r2.release());
  await world.pass(10);
  assert.ok(w3.value?.held);
  assert.ok(r4.pending && r5.pending);
  await world.play(w3.value.release());
  await world.pass(10);
  assert.ok(r4.value?.held && r5.value?.held && w6.pending);
  await world.play(r4.value.release());
  await world.play(r5.value.release());
  await world.pass(10);
  assert.ok(w6.value?.held);
});

test("a waiting writer whose lease ends lets the next one wait on, not in (etcd 16221)", async () => {
  const world = new Participants();
  const [holder, middle, last] = [world.join(), world.join(), world.join()];
  const first = await world.play(new ReadWriteLock(holder.source, "a").write.acquire());
  void new Outcome(new ReadWriteLock(middle.source, "a").write.acquire());
  await world.pass(10);
  const third = new Outcome(new ReadWriteLock(last.source, "a").write.acquire());
  await world.pass(10);
  middle.process.kill();
  await world.pass(8_000);
  assert.ok(first.held);
  assert.ok(third.pending);
  await world.play(first.release());
  await world.pass(10);
  assert.ok(third.value?.held);
});

test("trying takes what is free", async () => {
  const world = new Participants();
  const lock = () => new ReadWriteLock(world.join().source, "a");
  const reader = await world.play(lock().read.tryAcquire());
  assert.ok(reader?.held);
  assert.ok((await world.play(lock().read.tryAcquire()))?.held);
  assert.equal(await world.play(lock().write.tryAcquire()), null);
  assert.equal((await world.play(lock().standing())).length, 2);
  assert.equal(await world.play(new ReadWriteLock(world.join().source, "b").write.run(async ({ held }) => held)), true);
});
