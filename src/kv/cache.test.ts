import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryWorld } from "../store/testing/memory-world.ts";
import { Kv } from "./kv.ts";

test("a cache follows its range, and is as new as the store after a refresh", async () => {
  const world = new MemoryWorld();
  const [writer, reader] = [Kv.on(world.client().store), world.client()];
  await world.play(writer.put("c/a", "1"));
  const cache = await world.play(Kv.on(reader.store).namespace("c/").cache({ prefix: "" }));
  assert.equal(cache.get("a")?.value, "1");
  reader.store.faults.latencyMs = () => 50;
  await world.play(writer.put("c/b", "2"));
  assert.equal(cache.size, 1, "the news is on its way");
  await world.play(cache.refresh());
  assert.deepEqual(
    cache.entries().map(({ key, value }) => `${key}=${value}`),
    ["a=1", "b=2"],
  );
  // A deletion of which the watch tells late: nothing that is there says that it happened, but how much there is.
  await world.play(writer.delete("c/a"));
  reader.store.faults.latencyMs = () => 0.5;
  assert.equal(cache.get("a")?.value, "1");
  await world.play(cache.refresh());
  assert.equal(cache.get("a"), null);
  await world.play(writer.put("elsewhere", "x"));
  await world.play(cache.refresh({ timeoutMs: 1_000 }));
  await world.play(cache.close());
  assert.throws(() => cache.get("a"), { code: "CLOSED" });
});

test("it goes on through cut watches and compacted pasts", async () => {
  const world = new MemoryWorld();
  const [writer, reader] = [Kv.on(world.client().store), world.client()];
  const cache = await world.play(Kv.on(reader.store).cache({ prefix: "c/" }));
  for (let n = 0; n < 5; n++) {
    await world.play(writer.put(`c/${n}`, "x"));
    if (n > 0) await world.play(writer.delete(`c/${n - 1}`));
    reader.store.faults.refuse(100);
    reader.store.faults.cutWatches();
    await world.play(writer.put("other", "x"));
    world.server.compact();
    await world.play(cache.refresh());
    assert.deepEqual(
      cache.entries().map(({ key }) => key),
      [`c/${n}`],
    );
  }
});

test("a cache of a store that is closed says so instead of growing old", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const cache = await world.play(Kv.on(store).cache({ prefix: "" }));
  await store.close();
  await world.pass(100);
  assert.equal(cache.failed?.code, "CLOSED");
  await assert.rejects(cache.refresh(), { code: "CLOSED" });
});

test("opening one ends with its time", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  store.faults.refuse(60_000);
  await assert.rejects(world.play(Kv.on(store).cache({ prefix: "" }, { timeoutMs: 500 })), { code: "TIMEOUT" });
});
