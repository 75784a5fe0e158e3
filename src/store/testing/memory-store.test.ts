import assert from "node:assert/strict";
import { test } from "node:test";
import { CompareResult, CompareTarget, type PutRequest, type RangeRequest } from "../../wire/kv.ts";
import type { Watch, WatchRequest } from "../store.ts";
import { MemoryWorld } from "./memory-world.ts";

const RANGE: RangeRequest = {
  key: "a",
  rangeEnd: "",
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};
const PUT: PutRequest = { key: "a", value: "1", lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
const WATCH: WatchRequest = { key: "a", rangeEnd: "", startRevision: 0, prevKv: false, without: [], progress: false };

/** Values told by a watch, for as long as it lasts. */
function follow(watch: Watch): { readonly told: string[]; readonly end: Promise<unknown> } {
  const told: string[] = [];
  const end = (async () => {
    for await (const batch of watch) for (const { kv } of batch.events) told.push(`${kv.value}@${batch.revision}`);
  })().catch((error: unknown) => error);
  return { told, end };
}

test("clients share one keyspace", async () => {
  const world = new MemoryWorld();
  const [one, two] = [world.client(), world.client()];
  const put = await world.play(one.store.put(PUT));
  const read = await world.play(two.store.range(RANGE));
  assert.equal(read.kvs[0]?.value, "1");
  assert.equal(read.kvs[0]?.modRevision, put.header.revision);
});

test("a write with an unknown outcome was made, was not made, or is made later", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const code = (value: string): Promise<unknown> =>
    world.play(store.put({ ...PUT, value }).catch((error: { code: string }) => error.code));
  const value = async (): Promise<string | undefined> => (await world.play(store.range(RANGE))).kvs[0]?.value;
  store.faults.nextWrites("lost", "applied", { lateMs: 1_000 });
  assert.equal(await code("lost"), "OUTCOME_UNKNOWN");
  assert.equal(await value(), undefined);
  assert.equal(await code("applied"), "OUTCOME_UNKNOWN");
  assert.equal(await value(), "applied");
  assert.equal(await code("late"), "OUTCOME_UNKNOWN");
  assert.equal(await value(), "applied");
  await world.pass(1_000);
  assert.equal(await value(), "late");
});

test("while no member can be reached, writes are refused without effect and reads wait", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  store.faults.refuse(3_000);
  await assert.rejects(world.play(store.put(PUT)), { code: "UNAVAILABLE" });
  const read = await world.play(store.range(RANGE));
  assert.equal(read.count, 0);
  assert.ok(store.clock.now() >= 3_000);
  store.faults.refuse(30_000);
  await assert.rejects(world.play(store.range(RANGE)), { code: "TIMEOUT" });
});

test("a write that is given up after it has left has an unknown outcome", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const given = new AbortController();
  const put = store.put(PUT, { signal: given.signal });
  given.abort();
  await assert.rejects(world.play(put), { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(world.play(store.put(PUT, { signal: given.signal })), { code: "ABORTED" });
});

test("a lease ends on time, with its keys, unless it is renewed", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const { id, ttlSeconds } = await world.play(store.grantLease(5));
  assert.equal(ttlSeconds, 5);
  await world.play(store.put({ ...PUT, lease: id }));
  await world.pass(4_000);
  assert.equal((await world.play(store.keepLeaseAlive(id))).ttlSeconds, 5);
  await world.pass(4_000);
  assert.deepEqual((await world.play(store.leaseState(id, true))).keys, ["a"]);
  await world.pass(2_000);
  assert.equal((await world.play(store.range(RANGE))).count, 0);
  assert.equal((await world.play(store.keepLeaseAlive(id))).ttlSeconds, 0);
  assert.equal((await world.play(store.leaseState(id, false))).ttlSeconds, -1);
});

test("a watch tells each change once and in order, from the past on", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const first = await world.play(store.put(PUT));
  const all = follow(store.watch({ ...WATCH, startRevision: first.header.revision }));
  const fresh = store.watch(WATCH);
  const later = follow(fresh);
  assert.equal(await world.play(fresh.ready), first.header.revision + 1);
  for (const value of ["2", "3"]) await world.play(store.put({ ...PUT, value }));
  await world.pass(10);
  assert.deepEqual(all.told, ["1@2", "2@3", "3@4"]);
  assert.deepEqual(later.told, ["2@3", "3@4"]);
  await store.close();
  assert.equal(await world.play(all.end), undefined);
});

test("a watch that is cut or whose past is compacted ends with an error", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  for (const value of ["1", "2", "3"]) await world.play(store.put({ ...PUT, value }));
  const cut = follow(store.watch(WATCH));
  await world.pass(10);
  store.faults.cutWatches();
  assert.equal(((await world.play(cut.end)) as { code: string }).code, "UNAVAILABLE");
  world.server.compact();
  const old = follow(store.watch({ ...WATCH, startRevision: 2 }));
  assert.equal(((await world.play(old.end)) as { code: string }).code, "COMPACTED");
});

test("a paused process hears of its answers when it goes on, a dead one never", async () => {
  const world = new MemoryWorld();
  const [one, two] = [world.client(), world.client()];
  let answered = 0;
  const count = (): void => {
    answered++;
  };
  one.store.put(PUT).then(count, count);
  two.store.put({ ...PUT, key: "b" }).then(count, count);
  one.process.pause();
  two.process.kill();
  await world.pass(1_000);
  assert.equal(world.server.keyspace.keyCount, 2);
  assert.equal(answered, 0);
  one.process.resume();
  await world.pass(1);
  assert.equal(answered, 1);
});

test("a transaction that only reads is a read", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  store.faults.refuse(1_000);
  const compare = {
    result: CompareResult.equal,
    target: CompareTarget.create,
    key: "a",
    rangeEnd: "",
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: "",
    lease: 0n,
  };
  const request = { compare: [compare], success: [{ type: "range" as const, request: RANGE }], failure: [] };
  assert.equal((await world.play(store.txn(request))).succeeded, true);
});
