import assert from "node:assert/strict";
import { test } from "node:test";
import { json } from "../kv/codec.ts";
import { get, put } from "../kv/conditions.ts";
import { Kv } from "../kv/kv.ts";
import { Quorate } from "./quorate.ts";
import { Outcome, Participants } from "./testing/participants.ts";

function connected() {
  const world = new Participants();
  const client = () => {
    const { store, process } = world.client();
    return { store, process, q: new Quorate(store, { sessionTtlMs: 6_000 }) };
  };
  return { world, client };
}

test("a guarded write is made by the holder, and refused when another has it, however late it comes", async () => {
  const { world, client } = connected();
  const [one, two] = [client(), client()];
  const first = await world.play(one.q.lock("a").acquire());
  await world.play(one.q.guard(first).put("paid", "1"));
  // The check on this side passes, and then the process stops while the write is under way.
  one.store.faults.latencyMs = () => 20_000;
  const stale = new Outcome(one.q.guard(first).put("paid", "stale"));
  one.process.pause();
  const second = await world.play(two.q.lock("a").acquire());
  await world.play(two.q.guard(second).put("paid", "2"));
  await world.pass(60_000);
  one.process.resume();
  await world.pass(60_000);
  assert.notEqual(stale.code, undefined);
  assert.equal((await world.play(two.q.kv.get("paid")))?.value, "2");
  await assert.rejects(one.q.guard(first).put("paid", "later"), { code: "SESSION_LOST" });
});

test("what is guarded by a key that somebody deleted is refused with FENCED", async () => {
  const { world, client } = connected();
  const { q } = client();
  const lock = await world.play(q.lock("a").acquire());
  const multi = await world.play(q.multiLock(["b", "c"]).acquire());
  await world.play(q.guard(lock, multi).put("k", "1"));
  await world.play(q.kv.delete({ prefix: "lock/c//" }));
  assert.ok(lock.held && multi.held);
  await assert.rejects(world.play(q.guard(lock, multi).put("k", "2")), {
    code: "FENCED",
    message: /lock "a" and .*lock "c"/,
  });
  assert.equal(await world.play(q.guard(lock).delete({ prefix: "k" })), 1);
});

test("a guarded transaction tells its own conditions from the guard's", async () => {
  const { world, client } = connected();
  const { q } = client();
  const lock = await world.play(q.lock("a").acquire());
  const transaction = q.kv.of(json<number>()).if({ key: "n", exists: false }).then(put("n", 1)).else(get("n"));
  assert.equal((await world.play(q.guard(lock).commit(transaction))).succeeded, true);
  const again = await world.play(q.guard(lock).commit(transaction));
  assert.equal(again.succeeded, false);
  const [result] = again.results;
  assert.ok(result?.did === "get" && result.entry?.value === 1);
  await world.play(lock.release());
  await assert.rejects(q.guard(lock).commit(transaction), { code: "RELEASED" });
});

test("recipes of one program share a session; closing gives all up and leaves nothing behind", async () => {
  const { world, client } = connected();
  const { q, store } = client();
  const lock = await world.play(q.lock("a").acquire());
  await world.play(q.semaphore("s", { permits: 1 }).acquire());
  await world.play(q.group("g").join("me"));
  await world.play(q.counter("c").add());
  assert.equal(world.server.keyspace.leases.size, 2);
  const states: string[] = [];
  const status = (async () => {
    for await (const state of q.status()) states.push(state.is);
  })();
  await world.pass(10);
  await world.play(q.close());
  await world.play(status);
  assert.deepEqual(states, ["connected", "closed"]);
  assert.equal(world.server.keyspace.leases.size, 0);
  assert.ok(lock.signal.aborted);
  await assert.rejects(q.lock("a").acquire(), { code: "CLOSED" });
  assert.equal(store.state.is, "closed");
  assert.deepEqual(world.keys(), ["counter/c//value", "semaphore/s//limit"]);
});

test("every recipe is there under its name", async () => {
  const { world, client } = connected();
  const { q } = client();
  const session = await world.play(q.session({ ttlMs: 60_000 }));
  await world.play(q.lock("l", { session, reentrant: true }).run(async () => undefined));
  await world.play(q.readWriteLock("w").read.run(async () => undefined));
  await world.play(q.election("e").run(async () => undefined));
  await world.play((await world.play(q.rankedElection("r").campaign({ number: 1 }))).resign());
  await world.play(q.highRateCounter("c").add(2));
  await world.play(q.shardedCounter("s").add(2));
  await world.play(q.atomicValue("v").set("x"));
  await world.play(q.latch("t").set(1));
  await world.play(q.barrier("b").close());
  await world.play((await world.play(q.doubleBarrier("d", { parties: 1 }).enter())).leave());
  await world.play(q.blockIds("i").next());
  await world.play(q.snowflakeIds("f").next());
  await world.play(q.rateLimiter("x", { limit: 1, windowMs: 1_000 }).tryAcquire());
  assert.equal(await world.play(q.counter("c").get()), 2n);
  assert.equal((await world.play(Kv.on(q.store).get("barrier/b//closed")))?.value, "");
  await world.play(session.close());
});
