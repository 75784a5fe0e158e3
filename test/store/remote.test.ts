/**
 * The remote store against real clusters: Quorate's, and etcd's. The member in use is killed with -9 and frozen while
 * writes and watches go on.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connectStore } from "../../src/store/connect-store.ts";
import type { Store, WatchBatch, WatchRequest } from "../../src/store/store.ts";
import type { PutRequest, RangeRequest } from "../../src/wire/kv.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import type { MemberProcess } from "../support/member-process.ts";

const WRITERS = 4;
const EVERYTHING = { limit: 0, revision: 0, sortOrder: 0, sortTarget: 0, keysOnly: false, countOnly: false };

function putOf(key: string, value: string): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

function prefixOf(prefix: string): { key: string; rangeEnd: string } {
  return { key: prefix, rangeEnd: prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1) };
}

function rangeOf(prefix: string): RangeRequest {
  const filters = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 };
  return { ...prefixOf(prefix), ...EVERYTHING, ...filters, serializable: false };
}

function watchOf(prefix: string, startRevision: number): WatchRequest {
  return { ...prefixOf(prefix), startRevision, prevKv: false, without: [], progress: false };
}

/** The member that the store's calls go to. */
function inUse(cluster: ClusterUnderTest, store: Store): MemberProcess {
  const { state } = store;
  assert.ok(state.is === "connected", `the store is ${state.is}`);
  const member = cluster.members.find(({ endpoint }) => endpoint === state.endpoint);
  assert.ok(member !== undefined);
  return member;
}

interface Written {
  readonly key: string;
  readonly result: "acknowledged" | "unknown";
  readonly revision: number;
}

/** Writes keys of its own, one after the other, until told to stop. */
class Writers {
  readonly ledger: Written[] = [];
  readonly surprises: unknown[] = [];
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(store: Store, prefix: string) {
    this.#done = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(store, `${prefix}${writer}/`)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(store: Store, prefix: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `${prefix}${String(i).padStart(6, "0")}`;
      try {
        const { header } = await store.put(putOf(key, key));
        this.ledger.push({ key, result: "acknowledged", revision: header.revision });
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (code === "OUTCOME_UNKNOWN") this.ledger.push({ key, result: "unknown", revision: 0 });
        else this.surprises.push(error);
      }
      await delay(1);
    }
  }
}

/** Takes all changes; what may not be is noted. */
class Watcher {
  readonly changes: { readonly key: string; readonly revision: number }[] = [];
  readonly faults: string[] = [];
  #last = 0;

  constructor(batches: AsyncIterable<WatchBatch>) {
    void this.#run(batches).catch((error: unknown) => this.faults.push(String(error)));
  }

  async #run(batches: AsyncIterable<WatchBatch>): Promise<void> {
    for await (const { revision, events } of batches) {
      if (revision <= this.#last) this.faults.push(`${revision} after ${this.#last}`);
      this.#last = revision;
      for (const { kv } of events) this.changes.push({ key: kv.key, revision: kv.modRevision });
    }
  }
}

for (const target of ["quorate", "etcd"] as const) {
  describe(`a store in a cluster of ${target}`, { timeout: 120_000 }, () => {
    let cluster: ClusterUnderTest;
    let store: Store;

    before(async () => {
      cluster = await ClusterUnderTest.start({ target });
      store = await connectStore(cluster.endpoints);
    });
    after(async () => {
      await store?.close();
      await cluster?.stop();
    });

    test("reads, writes, leases and transactions, with etcd's errors by their codes", async () => {
      const { header } = await store.put(putOf("basic", "1"));
      for (const consistency of [
        "linearizable",
        "session",
        { maxStalenessMs: 0 },
        { maxStalenessMs: 60_000 },
      ] as const) {
        const { kvs, header: at } = await store.range({ ...rangeOf("basic"), rangeEnd: "" }, { consistency });
        assert.equal(kvs[0]?.value, "1");
        assert.ok(at.revision >= header.revision);
      }
      const lease = await store.grantLease(30);
      assert.ok(lease.ttlSeconds >= 30);
      await store.put({ ...putOf("basic", "2"), lease: lease.id });
      const state = await store.leaseState(lease.id, true);
      assert.deepEqual(state.keys, ["basic"]);
      const renewed = await store.keepLeaseAlive(lease.id);
      assert.ok(renewed.ttlSeconds >= 30 && renewed.sentAt > lease.sentAt);
      await store.revokeLease(lease.id);
      assert.equal((await store.keepLeaseAlive(lease.id)).ttlSeconds, 0);
      assert.equal((await store.leaseState(lease.id, false)).ttlSeconds, -1);
      await assert.rejects(store.revokeLease(lease.id), { code: "LEASE_NOT_FOUND", retryable: false });
      await assert.rejects(store.put(putOf("", "")), { code: "KEY_NOT_PROVIDED" });
      await assert.rejects(store.range({ ...rangeOf("basic"), revision: 1_000_000 }), { code: "FUTURE_REVISION" });
      await assert.rejects(store.put(putOf("big", "x".repeat(3_000_000))), { code: "REQUEST_TOO_LARGE" });
      const txn = await store.txn(
        {
          compare: [],
          success: [{ type: "range", request: rangeOf("basic") }],
          failure: [],
        },
        { consistency: "session" },
      );
      assert.equal(txn.responses[0]?.type, "range");
    });

    test("watches from the past and from now on, and is told what is compacted", async () => {
      const first = await store.put(putOf("past/a", "1"));
      const second = await store.put(putOf("past/a", "2"));
      const now = store.watch(watchOf("past/", 0));
      assert.ok((await now.ready) > second.header.revision);
      const seen = [];
      for await (const batch of store.watch(watchOf("past/", first.header.revision))) {
        seen.push(...batch.events.map(({ kv }) => kv.value));
        if (seen.length === 2) break;
      }
      assert.deepEqual(seen, ["1", "2"]);
      await store.compact(second.header.revision);
      const lost = store.watch(watchOf("past/", first.header.revision))[Symbol.asyncIterator]().next();
      await assert.rejects(lost, { code: "COMPACTED", retryable: false });
      const refused = store.watch({ ...watchOf("z", 0), rangeEnd: "a" });
      await assert.rejects(refused.ready, { code: "WATCH_CANCELED", message: /range is empty/ });
    });

    test("a frozen member in use costs a read half of its time, and the next nothing", async () => {
      await store.range(rangeOf("basic"));
      const frozen = inUse(cluster, store);
      frozen.pause();
      try {
        await store.range(rangeOf("basic"), { timeoutMs: 3_000 });
        const began = performance.now();
        await store.put(putOf("frozen", "1"));
        assert.ok(performance.now() - began < 2_000, "the write went elsewhere at once, or after an election");
      } finally {
        frozen.resume();
      }
      await cluster.ready();
    });

    // Members of Quorate take longer to start, and the states are the store's own.
    if (target === "etcd")
      test("states are told as they change", async () => {
        const one = await connectStore(cluster.member(0).endpoint);
        const states: string[] = [];
        const following = (async () => {
          for await (const state of one.states()) states.push(state.is);
        })();
        await eventually("the first state", () => assert.deepEqual(states, ["connected"]), { withinMs: 5_000 });
        await cluster.member(0).end("SIGKILL");
        await eventually("it is lost", () => assert.equal(states.at(-1), "connecting"), { withinMs: 5_000 });
        await assert.rejects(one.put(putOf("a", "1"), { timeoutMs: 500 }), {
          code: "UNAVAILABLE",
          message: /connection refused/,
        });
        cluster.member(0).start();
        await eventually("it is back", () => assert.equal(states.at(-1), "connected"), { withinMs: 20_000 });
        await one.close();
        await following;
        assert.equal(states.at(-1), "closed");
        await cluster.ready();
      });

    test("kill -9 of the member in use: each write is acknowledged or of unknown outcome, the watch misses nothing", async (t) => {
      // Quorate's members take longer to start.
      const rounds = target === "quorate" ? 1 : 3;
      const { header } = await store.put(putOf("kill", ""));
      const watcher = new Watcher(store.watch(watchOf("kill/", header.revision + 1)));
      const idle = store.watch(watchOf("never/", 0));
      await idle.ready;
      const writers = new Writers(store, "kill/");
      const acknowledged = (): number => writers.ledger.filter(({ result }) => result === "acknowledged").length;
      for (let round = 0; round < rounds; round++) {
        await eventually("writes go on", () => assert.ok(acknowledged() >= 100 * (round + 1)), { withinMs: 20_000 });
        const victim = inUse(cluster, store);
        await victim.end("SIGKILL");
        const atKill = acknowledged();
        await eventually("writes go on without it", () => assert.ok(acknowledged() >= atKill + 50), {
          withinMs: 20_000,
        });
        assert.notEqual(inUse(cluster, store), victim);
        if (round + 1 === rounds) break;
        victim.start();
        await cluster.ready();
      }
      await writers.stop();
      assert.deepEqual(writers.surprises, []);
      const { kvs, header: end } = await store.range(rangeOf("kill/"));
      const held = new Map(kvs.map(({ key, modRevision, version }) => [key, { modRevision, version }]));
      for (const { key, result, revision } of writers.ledger) {
        const found = held.get(key);
        if (result === "acknowledged")
          assert.deepEqual(found, { modRevision: revision, version: 1 }, `${key} was acknowledged`);
        else assert.ok(found === undefined || found.version === 1, `${key} was made twice`);
      }
      const expected = kvs
        .map(({ key, modRevision }) => ({ key, revision: modRevision }))
        .sort((a, b) => a.revision - b.revision);
      await eventually("the watch is at the end", () => assert.equal(watcher.changes.length, expected.length), {
        withinMs: 20_000,
      });
      assert.deepEqual(watcher.faults, []);
      assert.deepEqual(watcher.changes, expected);
      const unknown = writers.ledger.filter(({ result }) => result === "unknown").length;
      t.diagnostic(`${acknowledged()} acknowledged, ${unknown} unknown, up to revision ${end.revision}`);
    });
  });
}
