/** The npm client `etcd3` against the cluster: what a Node program of today does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Etcd3, EtcdLockFailedError, type IKeyValue } from "etcd3";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually, within } from "../support/eventually.ts";

describe("npm etcd3", { timeout: 120_000 }, () => {
  let cluster: ClusterUnderTest;
  let client: Etcd3;

  before(async () => {
    cluster = await ClusterUnderTest.start();
    client = connectTo(cluster);
  });

  after(async () => {
    client?.close();
    await cluster?.stop();
    // Where a test failed midway, a watcher of this client is left that would look for its server for ever.
    setTimeout(() => process.exit(), 5_000).unref();
  });

  test("put, get, get as number and JSON, exists", async () => {
    await client.put("text").value("hello");
    await client.put("number").value(42);
    await client.put("json").value(JSON.stringify({ a: [1, 2] }));
    assert.equal(await client.get("text").string(), "hello");
    assert.equal(await client.get("number").number(), 42);
    assert.deepEqual(await client.get("json").json(), { a: [1, 2] });
    assert.equal(await client.get("absent").string(), null);
    assert.equal(await client.get("absent").exists(), false);
    assert.equal(await client.get("text").exists(), true);
  });

  test("binary keys and values come back as they were", async () => {
    const key = Buffer.from([0, 255, 1, 0, 128]);
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await client.put(key).value(value);
    assert.deepEqual(await client.get(key).buffer(), value);
  });

  test("get by prefix, sorted, limited, counted; namespaces", async () => {
    const space = client.namespace("space/");
    for (const name of ["b", "a", "c"]) await space.put(name).value(name.toUpperCase());
    assert.deepEqual(await space.getAll().strings(), { a: "A", b: "B", c: "C" });
    assert.deepEqual(await client.getAll().prefix("space/").sort("Key", "Descend").limit(2).keys(), [
      "space/c",
      "space/b",
    ]);
    assert.deepEqual(await client.getAll().prefix("space/").sort("Create", "Ascend").keys(), [
      "space/b",
      "space/a",
      "space/c",
    ]);
    assert.equal(await space.getAll().count(), 3);
  });

  test("a range at an old revision; serializable reads", async () => {
    const { header } = await client.put("old/a").value("1");
    await client.put("old/a").value("2");
    await client.put("old/b").value("3");
    assert.deepEqual(await client.getAll().prefix("old/").revision(header.revision).strings(), { "old/a": "1" });
    assert.deepEqual(await client.getAll().prefix("old/").strings(), { "old/a": "2", "old/b": "3" });
    await eventually(
      "the member that answers has caught up",
      async () => assert.equal(await client.get("old/b").serializable(true).string(), "3"),
      { withinMs: 5_000 },
    );
  });

  test("delete by key and by prefix answers what it took", async () => {
    await client.put("gone/a").value("1");
    await client.put("gone/b").value("2");
    await client.put("gone/c").value("3");
    const [previous] = await client.delete().key("gone/a").getPrevious();
    assert.equal(previous?.value.toString(), "1");
    assert.equal((await client.delete().prefix("gone/")).deleted, "2");
    assert.equal((await client.delete().prefix("gone/")).deleted, "0");
  });

  test("a transaction takes one branch", async () => {
    await client.put("balance").value("100");
    const spend = () =>
      client
        .if("balance", "Value", "==", "100")
        .and("balance", "Version", ">", 0)
        .then(client.put("balance").value("90"), client.put("note").value("spent"))
        .else(client.get("balance"))
        .commit();
    const first = await spend();
    assert.equal(first.succeeded, true);
    assert.equal(first.responses.length, 2);
    const second = await spend();
    assert.equal(second.succeeded, false);
    assert.equal(second.responses[0]?.response_range?.kvs[0]?.value.toString(), "90");
    assert.equal(await client.get("note").string(), "spent");
  });

  test("software transactions of contending clients lose no update", async () => {
    await client.put("tally").value(0);
    const increments = 4;
    const contenders = 4;
    await Promise.all(
      Array.from({ length: contenders }, async () => {
        for (let i = 0; i < increments; i++) {
          await client.stm({ retries: 100 }).transact(async (tx) => {
            const value = Number(await tx.get("tally").string());
            await tx.put("tally").value(value + 1);
          });
        }
      }),
    );
    assert.equal(await client.get("tally").number(), increments * contenders);
  });

  test("watch replays from a revision, then tells what happens, with previous values", async () => {
    const { header } = await client.put("watched/a").value("1");
    await client.put("watched/a").value("2");
    await client.delete().key("watched/a");
    const seen: string[] = [];
    const watcher = await client.watch().prefix("watched/").startRevision(header.revision).withPreviousKV().create();
    const note =
      (type: string) =>
      (kv: IKeyValue, previous?: IKeyValue): void => {
        seen.push(`${type} ${kv.key.toString()}=${kv.value.toString()} was ${previous?.value.toString() ?? "nothing"}`);
      };
    watcher.on("put", note("put")).on("delete", note("delete"));
    await client.put("watched/b").value("3");
    await eventually(
      "all four events",
      () =>
        assert.deepEqual(seen, [
          "put watched/a=1 was nothing",
          "put watched/a=2 was 1",
          "delete watched/a= was 2",
          "put watched/b=3 was nothing",
        ]),
      { withinMs: 10_000 },
    );
    await watcher.cancel();
  });

  test("watchers share a stream, filter, and can be cancelled one by one", async () => {
    const onlyDeletes = await client.watch().prefix("filtered/").only("delete").create();
    const everything = await client.watch().prefix("filtered/").create();
    const deletes: string[] = [];
    const all: string[] = [];
    onlyDeletes.on("data", (response) => deletes.push(...response.events.map((event) => String(event.type))));
    everything.on("data", (response) => all.push(...response.events.map((event) => String(event.type))));
    await client.put("filtered/a").value("1");
    await client.delete().key("filtered/a");
    await eventually("both were told", () => assert.deepEqual([all, deletes], [["Put", "Delete"], ["Delete"]]), {
      withinMs: 10_000,
    });
    await everything.cancel();
    await client.put("filtered/a").value("2");
    await client.delete().key("filtered/a");
    await eventually("the one left was told", () => assert.equal(deletes.length, 2), { withinMs: 10_000 });
    assert.equal(all.length, 2, "a cancelled watcher hears nothing");
    await onlyDeletes.cancel();
  });

  test("a lease that nobody keeps alive ends and takes its keys along", async () => {
    const lease = client.lease(2, { autoKeepAlive: false });
    await lease.put("leased").value("for a while");
    assert.equal(await client.get("leased").string(), "for a while");
    await eventually("the key is gone", async () => assert.equal(await client.get("leased").exists(), false), {
      withinMs: 15_000,
      everyMs: 200,
    });
  });

  test("a lease that is kept alive outlives its time to live; revoked, it is gone", async () => {
    const ttlSeconds = 2;
    const lease = client.lease(ttlSeconds);
    await lease.put("kept").value("alive");
    const started = performance.now();
    let renewals = 0;
    lease.on("keepaliveSucceeded", () => renewals++);
    await eventually(
      "twice its time has passed",
      () => assert.ok(performance.now() - started > 2_000 * ttlSeconds && renewals > 0),
      { withinMs: 15_000 },
    );
    assert.equal(await client.get("kept").string(), "alive");
    await lease.revoke();
    assert.equal(await client.get("kept").exists(), false);
  });

  test("a lock is held by one of many contenders at a time", async () => {
    const clients = cluster.members.map((member) => connectTo(cluster, member.endpoint));
    try {
      let inside = 0;
      let granted = 0;
      const rounds = 3;
      await client.put("guarded").value(0);
      const contend = async (contender: Etcd3): Promise<void> => {
        for (let round = 0; round < rounds; ) {
          const lock = contender.lock("mutex").ttl(10);
          try {
            await lock.acquire();
          } catch (error) {
            if (!(error instanceof EtcdLockFailedError)) throw error;
            await delay(5);
            continue;
          }
          inside++;
          assert.equal(inside, 1, "two hold the lock");
          // Read, wait, write: an update is lost if another comes between.
          const value = await contender.get("guarded").number();
          await contender.put("guarded").value((value ?? 0) + 1);
          inside--;
          granted++;
          round++;
          await lock.release();
        }
      };
      await Promise.all(clients.flatMap((contender) => [contend(contender), contend(contender)]));
      assert.equal(granted, clients.length * 2 * rounds);
      assert.equal(await client.get("guarded").number(), granted);
    } finally {
      for (const contender of clients) contender.close();
    }
  });

  test("an election has one leader; when it resigns, the next in line leads", async () => {
    const election = client.election("boss", 10);
    const first = election.campaign("first");
    await within("the first is elected", 10_000, once(first, "elected"));
    const second = election.campaign("second");
    assert.equal(await election.leader(), "first");
    await first.proclaim("first, still");
    assert.equal(await election.leader(), "first, still");
    const secondElected = once(second, "elected");
    await first.resign();
    await within("the second is elected", 10_000, secondElected);
    assert.equal(await election.leader(), "second");
    await second.resign();
    assert.equal(await election.leader(), undefined);
  });

  test("errors name etcd's reason", async () => {
    await assert.rejects(async () => client.put("").value("x"), /etcdserver: key is not provided/);
    const { header } = await client.put("compacted").value("1");
    const newest = await client.put("compacted").value("2");
    await client.kv.compact({ revision: newest.header.revision });
    await assert.rejects(
      async () => client.get("compacted").revision(header.revision).string(),
      /mvcc: required revision has been compacted/,
    );
    const watcher = client.watch().key("compacted").startRevision(header.revision).watcher();
    const [error] = (await within(
      "the watch is refused",
      10_000,
      once(watcher, "error").catch((cause) => [cause]),
    )) as [Error];
    assert.match(error.message, /compacted|canceled/i);
  });
});

function connectTo(cluster: ClusterUnderTest, endpoint?: string): Etcd3 {
  const hosts = endpoint === undefined ? cluster.endpoints : [endpoint];
  return new Etcd3({ hosts: hosts.map((host) => `http://${host}`), dialTimeout: 5_000 });
}
