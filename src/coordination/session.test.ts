import assert from "node:assert/strict";
import { test } from "node:test";
import { putRequest, rangeRequest } from "../kv/requests.ts";
import { MemoryWorld } from "../store/testing/memory-world.ts";
import { Session } from "./session.ts";
import { SharedSession } from "./shared-session.ts";

async function opened(ttlMs = 6_000) {
  const world = new MemoryWorld();
  const client = world.client();
  const session = await world.play(Session.open(client.store, { ttlMs }));
  const alive = (): boolean => world.server.keyspace.leases.get(session.id) !== null;
  return { world, ...client, session, alive };
}

test("a session lives as long as its process, and ends with it", async () => {
  const { world, process, session, alive } = await opened();
  await world.pass(60_000);
  assert.ok(session.check() && alive());
  process.kill();
  await world.pass(7_000);
  assert.equal(alive(), false);
});

test("it is over on this side before it is at the store, when renewals do not get through", async () => {
  const { world, store, session, alive } = await opened();
  let aliveAtEnd: boolean | null = null;
  session.signal.addEventListener("abort", () => {
    aliveAtEnd = alive();
  });
  store.faults.refuse(20_000);
  await world.pass(10_000);
  assert.equal(aliveAtEnd, true);
  assert.equal(alive(), false);
  assert.equal((session.signal.reason as { code: string }).code, "SESSION_LOST");
  assert.throws(() => session.assertHeld(), { code: "SESSION_LOST" });
});

test("its time counts from when a renewal left, not from when the answer came", async () => {
  const { world, store, session, alive } = await opened();
  store.faults.latencyMs = () => 900;
  await world.pass(20_000);
  assert.ok(session.check());
  let aliveAtEnd: boolean | null = null;
  session.signal.addEventListener("abort", () => {
    aliveAtEnd = alive();
  });
  store.faults.refuse(30_000);
  await world.pass(10_000);
  assert.equal(aliveAtEnd, true);
});

test("a process that was paused beyond its lease learns of it with the first use, not only from a timer", async () => {
  const { world, process, session } = await opened();
  await world.pass(1_000);
  process.pause();
  await world.pass(10_000);
  // Nothing of the process has run since.
  assert.throws(() => session.assertHeld(), { code: "SESSION_LOST" });
  assert.ok(session.signal.aborted);
});

test("an outage shorter than the time to live costs nothing, and is told", async () => {
  const { world, store, session } = await opened();
  store.faults.refuse(4_500);
  await world.pass(4_400);
  assert.equal((session.lastError as { code?: string } | null)?.code, "TIMEOUT");
  await world.pass(20_000);
  assert.ok(session.check());
  assert.equal(session.lastError, null);
});

test("a lease that the store ended is lost with the next renewal", async () => {
  const { world, session, server } = await opened().then((all) => ({ ...all, server: all.world.server }));
  server.expire(session.id);
  await world.pass(2_100);
  assert.equal(session.check(), false);
});

test("a clock that is two percent slower than the store's does no harm", async () => {
  const { world, store, rate, session, alive } = await opened();
  rate.rate = 0.981;
  await world.pass(2_500);
  store.faults.refuse(20_000);
  let aliveAtEnd: boolean | null = null;
  session.signal.addEventListener("abort", () => {
    aliveAtEnd = alive();
  });
  await world.pass(10_000);
  assert.equal(aliveAtEnd, true);
});

test("closing revokes the lease, and does not wait for ever for a store that does not answer", async () => {
  const first = await opened();
  await first.world.play(first.session.close());
  assert.equal(first.alive(), false);
  assert.equal((first.session.signal.reason as { code: string }).code, "SESSION_CLOSED");

  const second = await opened();
  second.store.faults.nextWrites("lost");
  await second.world.play(second.session.close());
  await second.world.pass(6_000);
  assert.equal(second.alive(), false);
});

test("a grant with an unknown outcome is asked for anew", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  store.faults.nextWrites("applied", "lost");
  const session = await world.play(Session.open(store));
  await world.pass(60_000);
  assert.deepEqual(
    world.server.keyspace.leases.list().map(({ id }) => id),
    [session.id],
  );
});

test("a time to live that is no number is refused with what to do", async () => {
  const { store } = new MemoryWorld().client();
  await assert.rejects(Session.open(store, { ttlMs: Number.NaN }), /NaN ms: give a number above 0/);
});

test("all recipes share a session, which is replaced when it was lost", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  await using shared = new SharedSession(store);
  const [one, two] = await world.play(Promise.all([shared.current(), shared.current()]));
  assert.equal(one, two);
  world.server.expire(one.id);
  await world.pass(5_000);
  const three = await world.play(shared.current());
  assert.notEqual(three.id, one.id);
  await world.play(shared.close());
  await assert.rejects(shared.current(), { code: "CLOSED" });
  assert.equal(world.server.keyspace.leases.size, 0);
});

test("a write whose answer is lost is made once, whatever became of it", async () => {
  const { world, store, session } = await opened();
  const outcomes = ["applied", "lost", { lateMs: 0.6 }, { lateMs: 3 }, { lateMs: 1_000 }] as const;
  for (const [count, outcome] of outcomes.entries()) {
    store.faults.nextWrites(outcome);
    const mark = { key: "k", value: `${count}` };
    const settled = await world.play(session.writes.transact({ compare: [], success: [], failure: [] }, mark));
    assert.equal(settled.applied, true);
    await world.pass(2_000);
    const [kv] = world.server.keyspace.range(rangeRequest("k")).kvs;
    assert.deepEqual([kv?.value, kv?.version], [`${count}`, count + 1], `after ${JSON.stringify(outcome)}`);
  }
});

test("the gate may be moved with an unknown outcome too", async () => {
  const { world, store, session } = await opened();
  store.faults.nextWrites("lost", { lateMs: 300 }, "applied", { lateMs: 50 }, { lateMs: 40 });
  for (const value of ["1", "2", "3"]) {
    const request = { compare: [], success: [], failure: [] };
    const settled = await world.play(session.writes.transact(request, { key: "k", value }));
    assert.equal(settled.applied, true);
    await world.pass(100);
  }
  assert.equal(world.server.keyspace.range(rangeRequest("k")).kvs[0]?.version, 3);
});

test("what a session discards is gone, and nothing else under that key", async () => {
  const { world, store, session } = await opened();
  const first = await world.play(store.put(putRequest("mine", "", session.id)));
  store.faults.nextWrites("lost", "applied");
  await world.play(session.writes.discard("mine", first.header.revision));
  assert.equal(world.server.keyspace.range(rangeRequest("mine")).count, 0);
  await world.play(store.put(putRequest("mine", "")));
  await world.play(session.writes.discard("mine", first.header.revision));
  assert.equal(world.server.keyspace.range(rangeRequest("mine")).count, 1);
});
