import assert from "node:assert/strict";
import { test } from "node:test";
import { Counter } from "./counter.ts";
import { HighRateCounter } from "./high-rate-counter.ts";
import { ShardedCounter } from "./sharded-counter.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("adds of many programs all count, each with a number of its own", async () => {
  const world = new Participants();
  const numbers: bigint[] = [];
  const adds = [1, 2, 3, 4].map(async () => {
    const counter = new Counter(world.join().source, "a");
    for (let n = 0; n < 5; n++) numbers.push(await counter.add());
  });
  await world.play(Promise.all(adds));
  assert.deepEqual(
    numbers.map(Number).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
});

test("in a crowd nobody is always too late", async () => {
  const world = new Participants();
  const adds = Array.from({ length: 12 }, async () => {
    const { source, store } = world.join();
    store.faults.latencyMs = () => 2 + (source.store.random.uint32() % 5);
    const counter = new Counter(source, "a");
    for (let n = 0; n < 20; n++) await counter.add();
  });
  await world.play(Promise.all(adds));
  assert.ok(world.timeline.now < 60_000, `240 adds took ${world.timeline.now} ms`);
});

test("an add whose answer is lost counts once, whatever became of it", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 0.6 }, { lateMs: 500 }] as const) {
    const world = new Participants();
    const { source, store } = world.join();
    const counter = new Counter(source, "a");
    await world.play(counter.add(5));
    store.faults.nextWrites(outcome, outcome, outcome);
    assert.equal(await world.play(counter.add(7)), 12n, `after ${JSON.stringify(outcome)}`);
    await world.pass(2_000);
    assert.equal(await world.play(new Counter(world.join().source, "a").get()), 12n);
  }
});

test("an add that is said to have had no effect has none, at whatever moment its time was over", async () => {
  const codes = new Set<string | undefined>();
  for (let timeoutMs = 0; timeoutMs < 0.5; timeoutMs += 0.01) {
    const world = new Participants();
    const { source, store } = world.join();
    const counter = new Counter(source, "a");
    await world.play(counter.add(4));
    // Time goes on from one look at the clock to the next, and no timer tells of it.
    const now = store.clock.now.bind(store.clock);
    let looks = 0;
    store.clock.now = () => now() + 0.01 * ++looks;
    const add = new Outcome(counter.add(1, { timeoutMs }));
    await world.pass(5_000);
    codes.add(add.code);
    const sum = await world.play(new Counter(world.join().source, "a").get());
    if (add.code === undefined) assert.equal(sum, 5n, `done in ${timeoutMs} ms`);
    else if (add.code === "TIMEOUT") assert.equal(sum, 4n, `said to be not done in ${timeoutMs} ms`);
    else assert.equal(add.code, "OUTCOME_UNKNOWN", `in ${timeoutMs} ms`);
  }
  assert.deepEqual(codes, new Set(["OUTCOME_UNKNOWN", "TIMEOUT"]));
});

test("two counters of one program do not take each other's adds for their own", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  await world.play(new Counter(source, "a").add(0));
  store.faults.nextWrites("applied", "lost", "applied");
  const adds = Array.from({ length: 6 }, () => new Counter(source, "a").add());
  await world.play(Promise.all(adds));
  assert.equal(await world.play(new Counter(source, "a").get()), 6n);
});

test("a mark is read before the next change of the same program wipes it out", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  await world.play(new Counter(source, "a").add(0));
  const slow = new Counter(source, "a");
  await world.play(slow.get());
  // Made at once; that its answer is lost is told much later.
  const ways = [0.5, 50];
  store.faults.latencyMs = () => ways.shift() ?? 0.5;
  store.faults.nextWrites("applied");
  const first = slow.add(1);
  await world.pass(1);
  const second = new Counter(source, "a").add(10);
  await world.play(Promise.all([first, second]));
  assert.equal(await world.play(slow.get()), 11n);
});

test("an add that is given up, or outlives its session, is of unknown outcome", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const counter = new Counter(source, "a");
  await world.play(counter.add());
  await assert.rejects(world.play(counter.add(1, { timeoutMs: 0.2 })), { code: "OUTCOME_UNKNOWN" });
  const late = new Outcome(counter.add());
  store.faults.nextWrites("applied");
  await world.pass(0.1);
  store.faults.refuse(30_000);
  const other = new Outcome(counter.add());
  await world.pass(60_000);
  assert.equal(late.pending, false);
  assert.equal(other.code, "OUTCOME_UNKNOWN");
});

test("it counts beyond 2^53, and whole numbers only", async () => {
  const world = new Participants();
  const { source } = world.join();
  const counter = new Counter(source, "a");
  assert.equal(await world.play(counter.get()), 0n);
  await world.play(counter.add(2n ** 64n));
  assert.equal(await world.play(counter.add(-1)), 2n ** 64n - 1n);
  assert.equal(await world.play(counter.set(3)), 2n ** 64n - 1n);
  assert.throws(() => counter.add(0.5), { code: "INVALID_ARGUMENT" });
});

test("adds of one program go together, and each gets its number", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const counter = new HighRateCounter(source, "a");
  await world.play(counter.add(0));
  const before = world.server.keyspace.revision;
  store.faults.nextWrites("applied");
  const numbers = await world.play(Promise.all(Array.from({ length: 100 }, (_, at) => counter.add(at))));
  let sum = 0;
  for (const [at, number] of numbers.entries()) {
    sum += at;
    assert.equal(number, BigInt(sum));
  }
  assert.equal(await world.play(counter.get()), BigInt(sum));
  // The combined add, and the gate that its lost answer cost.
  assert.equal(world.server.keyspace.revision - before, 2);
  await assert.rejects(world.play(counter.add(1, { timeoutMs: 0.2 })), { code: "OUTCOME_UNKNOWN" });
  await world.pass(10);
  const under = counter.add(1);
  await Promise.resolve();
  await assert.rejects(world.play(counter.add(1, { timeoutMs: 0.2 })), { code: "TIMEOUT" });
  await world.play(under);
  assert.equal(await world.play(counter.get()), BigInt(sum + 2));
  const given = new AbortController();
  given.abort();
  await assert.rejects(counter.add(1, { signal: given.signal }), { code: "ABORTED" });
});

test("adds to shards all count", async () => {
  const world = new Participants();
  const adds = [1, 2, 3].map(async () => {
    const { source, store } = world.join();
    const counter = new ShardedCounter(source, "a", { shards: 4 });
    await counter.add(0);
    for (let n = 1; n <= 10; n++) {
      if (n % 3 === 0) store.faults.nextWrites("applied");
      await counter.add(n);
    }
  });
  await world.play(Promise.all(adds));
  assert.equal(await world.play(new ShardedCounter(world.join().source, "a").get()), 165n);
  assert.throws(() => new ShardedCounter(world.join().source, "a", { shards: 0 }), { code: "INVALID_ARGUMENT" });
});
