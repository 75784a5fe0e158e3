/** The remote store as a user of an etcd with authentication switched on: tokens, their end, and what is not allowed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { connectStore } from "../../src/store/connect-store.ts";
import type { PutRequest } from "../../src/wire/kv.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";

const run = promisify(execFile);
const watchAll = { rangeEnd: "", startRevision: 0, prevKv: false, without: [], progress: false };

function putOf(key: string, value: string): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

describe("a store in an etcd with authentication", { timeout: 60_000 }, () => {
  let cluster: ClusterUnderTest;
  const etcdctl = (...args: readonly string[]): Promise<unknown> =>
    run("etcdctl", ["--endpoints", cluster.endpoints.join(","), ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
    });
  const asRoot = (...args: readonly string[]): Promise<unknown> => etcdctl("--user", "root:top", ...args);

  before(async () => {
    // Tokens that end after a second without use.
    cluster = await ClusterUnderTest.start({ target: "etcd", size: 1, flags: ["--auth-token-ttl", "1"] });
    await etcdctl("user", "add", "root:top");
    await etcdctl("user", "grant-role", "root", "root");
    await etcdctl("user", "add", "ann:secret");
    await etcdctl("role", "add", "writer");
    await etcdctl("role", "grant-permission", "writer", "readwrite", "mine");
    await etcdctl("user", "grant-role", "ann", "writer");
  });
  after(() => cluster?.stop());

  test("takes everybody while it is off, and goes on as its user when it is switched on", async () => {
    await using store = await connectStore(cluster.endpoints, { user: { name: "ann", password: "secret" } });
    await store.put(putOf("mine", "0"));
    await etcdctl("auth", "enable");
    await store.put(putOf("mine", "1"));
    await assert.rejects(store.put(putOf("other", "1")), { code: "PERMISSION_DENIED", retryable: false });
  });

  test("says who is not let in", async () => {
    await using nobody = await connectStore(cluster.endpoints);
    await assert.rejects(nobody.put(putOf("mine", "1")), {
      code: "UNAUTHENTICATED",
      message: /give user and password/,
    });
    await assert.rejects(nobody.watch({ ...watchAll, key: "mine" }).ready, { code: "PERMISSION_DENIED" });
    await using wrong = await connectStore(cluster.endpoints, { user: { name: "ann", password: "guess" } });
    await assert.rejects(wrong.put(putOf("mine", "1")), { code: "UNAUTHENTICATED", message: /user "ann"/ });
    await assert.rejects(wrong.watch({ ...watchAll, key: "mine" }).ready, { code: "UNAUTHENTICATED" });
  });

  test("gets another token when its own has ended, or the rules have changed; watches and renewals go on", async () => {
    await using store = await connectStore(cluster.endpoints, { user: { name: "ann", password: "secret" } });
    const changes: string[] = [];
    const watch = store.watch({ ...watchAll, key: "mine" });
    void (async () => {
      for await (const { events } of watch) changes.push(...events.map(({ kv }) => kv.value));
    })();
    await watch.ready;
    const lease = await store.grantLease(60);
    await store.put({ ...putOf("mine", "2"), lease: lease.id });
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    await store.put(putOf("mine", "3"));
    assert.ok((await store.keepLeaseAlive(lease.id)).ttlSeconds > 0);
    const late = store.watch({ ...watchAll, key: "mine" });
    await late.ready;
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    const later = store.watch({ ...watchAll, key: "mine" });
    await later.ready;
    await asRoot("role", "add", "more");
    await store.put(putOf("mine", "4"));
    await eventually("the watch has all", () => assert.deepEqual(changes, ["2", "3", "4"]), { withinMs: 5_000 });
    await assert.rejects(store.watch({ ...watchAll, key: "other" }).ready, { code: "PERMISSION_DENIED" });
  });
});
