import assert from "node:assert/strict";
import { test } from "node:test";
import { putRequest } from "../kv/requests.ts";
import { Mutex } from "./mutex.ts";
import { Session } from "./session.ts";
import { Outcome, Participants } from "./testing/participants.ts";

test("one at a time holds it, in the order in which they came, with growing fences", async () => {
  const world = new Participants();
  const order: string[] = [];
  const fences: bigint[] = [];
  const takes = [1, 2, 3, 4].map(async (who) => {
    const { source, store } = world.join();
    await new Promise<void>((resolve) => store.clock.after(10 * who, resolve));
    const lock = await new Mutex(source, "a").acquire();
    order.push(`${who} in`);
    fences.push(lock.fence);
    await new Promise<void>((resolve) => store.clock.after(100, resolve));
    order.push(`${who} out`);
    await lock.release();
  });
  await world.play(Promise.all(takes));
  assert.deepEqual(order, ["1 in", "1 out", "2 in", "2 out", "3 in", "3 out", "4 in", "4 out"]);
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => Number(a - b)),
  );
  assert.deepEqual(world.keys("lock/"), []);
});

test("callers of one process exclude each other too", async () => {
  const world = new Participants();
  const { source } = world.join();
  const first = await world.play(new Mutex(source, "a").acquire());
  const second = new Outcome(new Mutex(source, "a").acquire());
  await world.pass(1_000);
  assert.ok(second.pending);
  await world.play(first.release());
  await world.pass(10);
  assert.ok(second.value?.held);
});

test("nothing waits in an uncontended lock: one transaction", async () => {
  const world = new Participants();
  const { source } = world.join();
  await world.play(source.current());
  const before = world.timeline.now;
  const lock = await world.play(new Mutex(source, "a").acquire());
  assert.equal(world.timeline.now - before, 1);
  await world.play(lock.release());
  assert.equal(world.timeline.now - before, 2, "and one to release it");
});

test("names that contain each other are different locks", async () => {
  const world = new Participants();
  const { source } = world.join();
  for (const name of ["invoice", "invoice/42", "invoice/42/x", "/invoice"]) {
    await world.play(new Mutex(source, name).acquire({ timeoutMs: 1_000 }));
  }
  for (const name of ["", "a/", "a//b"]) assert.throws(() => new Mutex(source, name), { code: "INVALID_ARGUMENT" });
});

test("it is shared with etcd's own lock, which makes keys of the lease alone", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const { id } = await world.play(store.grantLease(60));
  await world.play(store.put(putRequest(`jobs/${id.toString(16)}`, "", id)));
  const mutex = new Mutex(source, "jobs", { prefix: "jobs/" });
  assert.equal(await world.play(mutex.tryAcquire()), null);
  const waiting = new Outcome(mutex.acquire());
  await world.pass(1_000);
  assert.ok(waiting.pending);
  await world.play(store.revokeLease(id));
  await world.pass(10);
  assert.ok(waiting.value?.held);
});

test("tryAcquire takes what is free and leaves no trace of what is not", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const lock = await world.play(new Mutex(one.source, "a").tryAcquire());
  assert.ok(lock?.held);
  assert.equal(await world.play(new Mutex(two.source, "a").tryAcquire()), null);
  assert.equal(world.keys("lock/a").length, 1);
});

test("who gives up while waiting leaves the line, and those behind come up", async () => {
  const world = new Participants();
  const [one, two, three] = [world.join(), world.join(), world.join()];
  const lock = await world.play(new Mutex(one.source, "a").acquire());
  const giver = new AbortController();
  const second = new Outcome(new Mutex(two.source, "a").acquire({ signal: giver.signal }));
  const timed = new Outcome(new Mutex(two.source, "a").acquire({ timeoutMs: 500 }));
  await world.pass(100);
  const third = new Outcome(new Mutex(three.source, "a").acquire());
  await world.pass(100);
  giver.abort();
  await world.pass(1_000);
  assert.equal(second.code, "ABORTED");
  assert.equal(timed.code, "TIMEOUT");
  assert.equal(world.keys("lock/a").length, 2);
  await world.play(lock.release());
  await world.pass(10);
  assert.ok(third.value?.held);
});

test("a holder that is paused beyond its lease is not alone, and sees it before it does anything", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const second = new Outcome(new Mutex(two.source, "a").acquire());
  await world.pass(10);
  one.process.pause();
  await world.pass(10_000);
  assert.ok(second.value?.held);
  assert.throws(() => first.assertHeld(), { code: "SESSION_LOST" });
  assert.ok(first.signal.aborted);
  assert.ok(second.value.fence > first.fence);
});

test("the signal is aborted before the next holder is let in", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  let abortedAt = 0;
  first.signal.addEventListener("abort", () => {
    abortedAt = world.timeline.now;
  });
  let grantedAt = 0;
  const second = new Outcome(new Mutex(two.source, "a").acquire());
  void second.settled.then(() => {
    grantedAt = world.timeline.now;
  });
  one.store.faults.refuse(60_000);
  await world.pass(20_000);
  assert.ok(second.value?.held);
  assert.ok(abortedAt > 0 && abortedAt < grantedAt, `aborted at ${abortedAt}, granted at ${grantedAt}`);
});

test("a waiter that dies holds up nobody for longer than its lease", async () => {
  const world = new Participants();
  const [one, two, three] = [world.join(), world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  void new Outcome(new Mutex(two.source, "a").acquire());
  await world.pass(10);
  const third = new Outcome(new Mutex(three.source, "a").acquire());
  await world.pass(10);
  two.process.kill();
  await world.pass(7_000);
  assert.ok(third.pending, "the waiter before it left, but the lock is held");
  await world.play(first.release());
  await world.pass(10);
  assert.ok(third.value?.held);
});

test("a place lost with the session while waiting is taken anew, or told where the session is one's own", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const session = await world.play(Session.open(two.store, { ttlMs: 6_000 }));
  const shared = new Outcome(new Mutex(two.source, "a").acquire());
  const own = new Outcome(new Mutex(two.source, "a", { session }).acquire());
  await world.pass(100);
  for (const lease of world.server.keyspace.leases.list()) {
    if (lease.id !== first.session.id) world.server.expire(lease.id);
  }
  await world.pass(5_000);
  assert.equal(own.code, "SESSION_LOST");
  assert.ok(shared.pending);
  assert.equal(world.keys("lock/a").length, 2);
  await world.play(first.release());
  await world.pass(10);
  assert.ok(shared.value?.held);
});

test("a grant looks at its lease: a waiter whose lease ended is not let in, however late it learns of that", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const session = await world.play(Session.open(two.store, { ttlMs: 60_000 }));
  const waiting = new Outcome(new Mutex(two.source, "a", { session }).acquire());
  await world.pass(100);
  world.server.expire(session.id);
  await world.play(first.release());
  await world.pass(100);
  assert.equal(waiting.value, undefined);
  assert.equal(waiting.code, "SESSION_LOST");
});

test("a waiter whose key somebody deletes is told", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const waiting = new Outcome(new Mutex(two.source, "a").acquire());
  await world.pass(100);
  const key = world.keys("lock/a").find((name) => name !== first.key) ?? "";
  await world.play(one.store.deleteRange({ key, rangeEnd: "", prevKv: false }));
  await world.play(first.release());
  await world.pass(100);
  assert.equal(waiting.code, "EVICTED");
});

test("an acquire whose answer is lost gets it once, or leaves nothing behind", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 500 }, { lateMs: 0.7 }] as const) {
    const world = new Participants();
    const { source, store } = world.join();
    await world.play(source.current());
    store.faults.nextWrites(outcome);
    const lock = await world.play(new Mutex(source, "a").acquire());
    await world.pass(2_000);
    assert.ok(lock.held);
    assert.deepEqual(world.keys("lock/a"), [lock.key], `after ${JSON.stringify(outcome)}`);
  }
});

test("an acquire that is given up while its outcome is unknown leaves nothing behind", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  await world.play(source.current());
  store.faults.nextWrites({ lateMs: 50 });
  await assert.rejects(world.play(new Mutex(source, "a").acquire({ timeoutMs: 0.5 })), { code: "TIMEOUT" });
  await world.pass(2_000);
  assert.deepEqual(world.keys("lock/a"), []);
});

test("a release that fails is tried again until the key is gone", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const lock = await world.play(new Mutex(source, "a").acquire());
  store.faults.nextWrites("lost", "lost");
  store.faults.refuse(3_000);
  await assert.rejects(world.play(lock.release({ timeoutMs: 500 })), { code: "TIMEOUT" });
  assert.equal(lock.held, false);
  assert.equal((lock.signal.reason as { code: string }).code, "RELEASED");
  assert.equal(world.keys("lock/a").length, 1);
  await world.pass(10_000);
  assert.deepEqual(world.keys("lock/a"), []);
});

test("a holder whose session is closed lets go at once", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const second = new Outcome(new Mutex(two.source, "a").acquire());
  await world.pass(10);
  await world.play(one.source.close());
  await world.pass(10);
  assert.equal((first.signal.reason as { code: string }).code, "SESSION_CLOSED");
  assert.ok(second.value?.held);
});

test("watches that are cut cost a waiter nothing but a look", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const second = new Outcome(new Mutex(two.source, "a").acquire());
  for (let cut = 0; cut < 5; cut++) {
    await world.pass(100);
    two.store.faults.cutWatches();
    for (const value of ["1", "2"]) await world.play(one.store.put(putRequest("other", value)));
    world.server.compact();
  }
  await world.pass(2_000);
  assert.ok(second.pending);
  await world.play(first.release());
  await world.pass(2_000);
  assert.ok(second.value?.held);
});

test("run holds it for as long as the function takes, and tells when it was lost meanwhile", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const mutex = new Mutex(source, "a");
  assert.equal(await world.play(mutex.run(async (lock) => lock.held)), true);
  assert.deepEqual(world.keys("lock/"), []);
  const boom = mutex.run(async () => {
    throw new Error("boom");
  });
  await assert.rejects(world.play(boom), /boom/);
  assert.deepEqual(world.keys("lock/"), []);
  const slow = mutex.run(async () => {
    store.faults.refuse(10_000);
    await new Promise<void>((resolve) => store.clock.after(20_000, resolve));
  });
  await assert.rejects(world.play(slow), { code: "SESSION_LOST" });
});

test("a reentrant lock lets its owner in again, and others when all is released", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const mutex = new Mutex(one.source, "a", { reentrant: true });
  const [outer, inner] = await world.play(Promise.all([mutex.acquire(), mutex.acquire()]));
  const third = await world.play(mutex.tryAcquire());
  assert.equal(outer.fence, inner.fence);
  const other = new Outcome(new Mutex(two.source, "a", { reentrant: true }).acquire());
  await world.play(inner.release());
  assert.equal(inner.held, false);
  assert.ok(outer.held && third?.held === true);
  await world.play(Promise.all([inner.release(), outer.release()]));
  await world.pass(100);
  assert.ok(other.pending);
  await world.play(third.release());
  await world.pass(10);
  assert.ok(other.value?.held);
});

test("a reentrant lock that was lost with its session is acquired anew", async () => {
  const world = new Participants();
  const { source, server } = { ...world.join(), server: world.server };
  const mutex = new Mutex(source, "a", { reentrant: true });
  const old = await world.play(mutex.acquire());
  server.expire(old.session.id);
  await world.pass(3_000);
  const fresh = await world.play(mutex.acquire());
  await world.play(old.release());
  assert.ok(fresh.held && fresh.fence > old.fence);
  assert.equal(world.keys("lock/a").length, 1);
});

test("who holds and who waits can be seen", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const mutex = new Mutex(one.source, "a", { label: "first" });
  assert.deepEqual(await world.play(mutex.standing()), { holder: null, waiting: [] });
  const first = await world.play(mutex.acquire());
  void new Outcome(new Mutex(two.source, "a", { label: "zweite, ü" }).acquire());
  await world.pass(100);
  const { holder, waiting } = await world.play(mutex.standing());
  assert.deepEqual(holder, { lease: first.session.id, fence: first.fence, label: "first" });
  assert.deepEqual(
    waiting.map(({ label }) => label),
    ["zweite, ü"],
  );
});

test("without a store the first acquire says so, and a waiter outlasts an outage", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  one.store.faults.refuse(1_000);
  await assert.rejects(world.play(new Mutex(one.source, "a").acquire()), { code: "UNAVAILABLE" });
  await world.pass(1_000);
  const first = await world.play(new Mutex(one.source, "a").acquire());
  const waiting = new Outcome(new Mutex(two.source, "a").acquire());
  await world.pass(100);
  two.store.faults.refuse(120_000);
  await world.pass(121_000);
  assert.ok(waiting.pending);
  await world.play(first.release());
  await world.pass(2_000);
  assert.ok(waiting.value?.held);
});
