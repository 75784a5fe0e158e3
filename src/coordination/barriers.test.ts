import assert from "node:assert/strict";
import { test } from "node:test";
import { Barrier } from "./barrier.ts";
import { DoubleBarrier } from "./double-barrier.ts";
import { Latch } from "./latch.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("a barrier holds up who waits until it is opened", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const barrier = new Barrier(one.store, "b");
  await world.play(new Barrier(two.store, "b").wait());
  assert.equal(await world.play(barrier.close({ label: "me" })), true);
  assert.equal(await world.play(barrier.close()), false);
  const waiting = new Outcome(new Barrier(two.store, "b").wait().then(() => "through"));
  await world.pass(1_000);
  two.store.faults.cutWatches();
  await world.pass(1_000);
  assert.ok(waiting.pending && (await world.play(barrier.isClosed())));
  assert.equal(await world.play(barrier.open()), true);
  await world.pass(100);
  assert.equal(waiting.value, "through");
  await world.play(barrier.close());
  await assert.rejects(world.play(barrier.wait({ timeoutMs: 100 })), { code: "TIMEOUT" });
});

test("a barrier that was closed with a session opens with its end", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const session = await world.play(one.source.current());
  await world.play(new Barrier(one.store, "b").close({ session }));
  const waiting = new Outcome(new Barrier(two.store, "b").wait().then(() => "through"));
  one.process.kill();
  await world.pass(8_000);
  assert.equal(waiting.value, "through");
});

test("a latch opens when it was counted down, each time once", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const latch = new Latch(one.source, "l");
  const waiting = new Outcome(new Latch(two.source, "l").wait().then(() => "open"));
  await assert.rejects(world.play(latch.countDown()), { code: "NOT_CREATED" });
  await world.play(latch.set(3));
  await world.play(new Latch(two.source, "l").set(3));
  await assert.rejects(world.play(latch.set(4)), { code: "MISMATCH" });
  one.store.faults.nextWrites("applied");
  assert.equal(await world.play(latch.countDown()), 2);
  one.store.faults.nextWrites("lost");
  assert.equal(await world.play(latch.countDown()), 1);
  assert.equal(await world.play(latch.count()), 1);
  assert.ok(waiting.pending);
  assert.equal(await world.play(new Latch(two.source, "l").countDown()), 0);
  await world.pass(100);
  assert.equal(waiting.value, "open");
  assert.equal(await world.play(latch.countDown()), 0);
});

test("so many begin together and end together, round after round", async () => {
  const world = new Participants();
  const log: string[] = [];
  const parties = [1, 2, 3].map(async (n) => {
    const { source, store } = world.join();
    const barrier = new DoubleBarrier(source, "d", { parties: 3 });
    for (let round = 1; round <= 3; round++) {
      await new Promise<void>((resolve) => store.clock.after(n * 50, resolve));
      log.push(`${round} comes`);
      const participation = await barrier.enter();
      log.push(`${round} begins`);
      await new Promise<void>((resolve) => store.clock.after(n * 70, resolve));
      log.push(`${round} ends`);
      await participation.leave();
      log.push(`${round} over`);
    }
  });
  await world.play(Promise.all(parties));
  for (let round = 1; round <= 3; round++) {
    const at = (what: string): number[] => log.flatMap((entry, index) => (entry === `${round} ${what}` ? [index] : []));
    assert.ok(Math.max(...at("comes")) < Math.min(...at("begins")), `round ${round} began before all had come`);
    assert.ok(Math.max(...at("ends")) < Math.min(...at("over")), `round ${round} was over before all had ended`);
  }
  assert.deepEqual(world.keys("double-barrier/"), []);
});

test("who leaves slowly does not wait for the next round", async () => {
  const world = new Participants();
  const clients = [world.join(), world.join(), world.join(), world.join()] as const;
  const enter = ({ source }: (typeof clients)[0]) => new DoubleBarrier(source, "d", { parties: 2 }).enter();
  const [slow, quick] = await world.play(Promise.all([enter(clients[0]), enter(clients[1])]));
  const next = [new Outcome(enter(clients[2])), new Outcome(enter(clients[3]))];
  await world.pass(100);
  clients[0].store.faults.latencyMs = () => 200;
  const left = new Outcome(slow.leave().then(() => "over"));
  await world.play(quick.leave());
  await world.pass(100);
  assert.ok(next.every(({ value }) => value?.held) && left.pending);
  await world.pass(1_000);
  assert.equal(left.value, "over");
});

test("a double barrier is not held up by who died in it", async () => {
  const world = new Participants();
  const [one, two, three] = [world.join(), world.join(), world.join()];
  const enter = (source = one.source) => new DoubleBarrier(source, "d", { parties: 2 }).enter();
  const first = new Outcome(enter());
  await world.pass(100);
  assert.ok(first.pending);
  await world.play(enter(two.source));
  await world.pass(100);
  const late = new Outcome(enter(three.source));
  two.process.kill();
  const left = new Outcome(first.value?.leave().then(() => "over") ?? Promise.resolve("never began"));
  await world.pass(1_000);
  assert.ok(left.pending && late.pending);
  await world.pass(8_000);
  assert.equal(left.value, "over");
  assert.ok(late.pending, "it is alone in the next round");
  const last = new Outcome(enter(one.source));
  await world.pass(1_000);
  assert.ok(late.value?.held && last.value?.held);
  assert.throws(() => new DoubleBarrier(one.source, "d", { parties: 0 }), { code: "INVALID_ARGUMENT" });
});
