/** What users do with a test cluster, as they would write it. */
import assert from "node:assert/strict";
import { mock, suite, test } from "node:test";
import type { Quorate } from "../coordination/quorate.ts";
import { testCluster } from "./index.ts";

/** A user's program: works as long as it holds the lock, and says how it ended. */
async function worker(q: Quorate, did: string[]): Promise<void> {
  const lock = await q.lock("job").acquire();
  did.push("works");
  await new Promise<void>((resolve) => lock.signal.addEventListener("abort", () => resolve(), { once: true }));
  did.push(`stops: ${lock.signal.reason.code}`);
}

suite("a test cluster", () => {
  test("a program that loses its lock is told, and stops its work, before another gets it", async () => {
    await using cluster = await testCluster();
    const [one, other] = [await cluster.connect(), await cluster.connect()];
    const did: string[] = [];
    const lock = await one.lock("job").acquire();
    lock.signal.addEventListener("abort", () => did.push(`one stops: ${lock.signal.reason.code}`));
    const next = other
      .lock("job")
      .acquire()
      .then((won) => {
        did.push("other works");
        return won;
      });
    await cluster.expire(lock);
    assert.ok(lock.signal.aborted);
    assert.ok((await next).fence > lock.fence);
    assert.deepEqual(did, ["one stops: SESSION_LOST", "other works"]);
    await assert.rejects(one.guard(lock).put("result", "of one"), { code: "SESSION_LOST" });
    // It may have another one.
    await (await next).release();
    assert.ok((await one.lock("job").acquire()).held);
  });

  test("a lease of an hour ends at once, with the time that a test gives", async () => {
    await using cluster = await testCluster({ members: 1, clock: "manual" });
    const [dead, other] = [await cluster.connect({ sessionTtlMs: 60_000 }), await cluster.connect()];
    const did: string[] = [];
    void worker(dead, did);
    await cluster.advance(1_000);
    assert.deepEqual(did, ["works"]);
    assert.equal(await cluster.play(other.lock("job").tryAcquire()), null);
    cluster.program(dead).kill();
    await cluster.advance(59_000);
    assert.equal(await cluster.play(other.lock("job").tryAcquire()), null, "not before its time is over");
    await cluster.advance(10_000);
    assert.ok((await cluster.play(other.lock("job").tryAcquire()))?.held);
  });

  test("a program that is cut off loses its lock by its own clock", async () => {
    await using cluster = await testCluster({ clock: "manual" });
    const q = await cluster.connect({ sessionTtlMs: 5_000 });
    const did: string[] = [];
    void worker(q, did);
    await cluster.advance(500);
    cluster.partition([q], cluster.members);
    await cluster.advance(4_000);
    assert.deepEqual(did, ["works"]);
    await cluster.advance(1_000);
    assert.deepEqual(did, ["works", "stops: SESSION_LOST"]);
    cluster.heal();
    assert.ok((await cluster.play(q.lock("job").acquire())).held);
  });

  test("a program that was paused beyond its lease finds out before it does anything", async () => {
    await using cluster = await testCluster({ clock: "manual" });
    const q = await cluster.connect({ sessionTtlMs: 5_000 });
    const lock = await cluster.play(q.lock("job").acquire());
    cluster.program(q).pause();
    await cluster.advance(6_000);
    assert.equal(lock.held, false);
    cluster.program(q).resume();
    await cluster.advance(1);
    assert.ok(lock.signal.aborted);
  });

  test("the cluster goes on when its leader dies, and takes it back", async () => {
    await using cluster = await testCluster();
    const q = await cluster.connect();
    await q.kv.put("a", "1");
    const leader = cluster.leader;
    assert.ok(leader !== null && leader.leads);
    leader.crash();
    assert.ok(!leader.up);
    await cluster.advance(5_000);
    await q.kv.put("a", "2");
    assert.notEqual(cluster.leader, leader);
    await leader.restart();
    assert.ok(leader.up);
    assert.equal((await q.kv.get("a"))?.value, "2");
  });

  test("a minority is refused, and what it is told says so", async () => {
    await using cluster = await testCluster({ clock: "manual" });
    const q = await cluster.connect();
    await cluster.play(q.kv.put("a", "1"));
    const [first, ...others] = cluster.members;
    assert.ok(first !== undefined);
    cluster.partition([first, q], others);
    await cluster.advance(5_000);
    await assert.rejects(cluster.play(q.kv.put("a", "2", { timeoutMs: 2_000 })), { code: "NO_LEADER" });
    cluster.heal();
    await cluster.advance(5_000);
    await cluster.play(q.kv.put("a", "3"));
    assert.equal((await cluster.play(q.kv.get("a")))?.value, "3");
  });

  test("the same test is the same run, for each engine", async () => {
    const run = async (engine: string): Promise<string> => {
      await using cluster = await testCluster({ clock: "manual", engine, seed: 7 });
      const q = await cluster.connect();
      const lock = await cluster.play(q.lock("a").acquire());
      await cluster.play(lock.release());
      return `${cluster.leader?.name} ${lock.fence} ${cluster.now}`;
    };
    for (const engine of ["raft", "paxos", "zab"]) assert.equal(await run(engine), await run(engine));
  });

  test("it works under a runner's fake timers", async () => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate", "Date"] });
    try {
      await using cluster = await testCluster({ members: 1 });
      const q = await cluster.connect();
      await q.kv.put("a", "1");
      assert.equal((await q.kv.get("a"))?.value, "1");
    } finally {
      mock.timers.reset();
    }
  });

  test("what cannot be used is refused by name", async () => {
    await assert.rejects(testCluster({ members: 0 }), /members is 0: give a whole number from 1 to 9/);
    await assert.rejects(testCluster({ engine: "zap" }), /engine is "zap": give one of raft, paxos, zab/);
    await using cluster = await testCluster({ members: 1 });
    assert.throws(() => cluster.member(1), /there is no member 1: they are 0 to 0/);
    await assert.rejects(cluster.advance(-1), /time cannot advance by -1 ms/);
  });
});
