import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "../../wire/gen/etcdserverpb/lease_pb.ts";
import type { TestClient } from "../testing/client.ts";
import { withServer } from "../testing/harness.ts";

const GRANT = "/etcdserverpb.Lease/LeaseGrant";
const REVOKE = "/etcdserverpb.Lease/LeaseRevoke";
const TIME = "/etcdserverpb.Lease/LeaseTimeToLive";

function grant(client: TestClient, ttl: bigint, id = 0n): Promise<{ ID: bigint; TTL: bigint }> {
  return client.call(GRANT, LeaseGrantRequestSchema, LeaseGrantResponseSchema, { TTL: ttl, ID: id });
}

test("a lease is granted with an id of the client's or one that is chosen, and with a least time", async () => {
  await withServer(async ({ client }) => {
    const own = await grant(client, 30n, 77n);
    assert.deepEqual([own.ID, own.TTL], [77n, 30n]);
    const chosen = await grant(client, 1n);
    assert.ok(chosen.ID > 0n && chosen.ID < 2n ** 63n, `id ${chosen.ID}`);
    assert.equal(chosen.TTL, 2n, "one and a half election timeouts, in whole seconds");
    const leases = await client.call(
      "/etcdserverpb.Lease/LeaseLeases",
      LeaseLeasesRequestSchema,
      LeaseLeasesResponseSchema,
      {},
    );
    assert.deepEqual(new Set(leases.leases.map(({ ID }) => ID)), new Set([77n, chosen.ID]));
  });
});

test("lease errors have etcd's codes and texts", async () => {
  await withServer(async ({ client }) => {
    await grant(client, 30n, 77n);
    assert.deepEqual(await client.failure(GRANT, LeaseGrantRequestSchema, { TTL: 30n, ID: 77n }), {
      code: 9,
      details: "etcdserver: lease already exists",
    });
    assert.deepEqual(await client.failure(GRANT, LeaseGrantRequestSchema, { TTL: 9_000_000_001n }), {
      code: 11,
      details: "etcdserver: too large lease TTL",
    });
    assert.deepEqual(await client.failure(REVOKE, LeaseRevokeRequestSchema, { ID: 5n }), {
      code: 5,
      details: "etcdserver: requested lease not found",
    });
  });
});

test("time to live: what is left and which keys hang on it; -1 for an unknown lease", async () => {
  await withServer(async ({ client, clock, replica }) => {
    await grant(client, 30n, 77n);
    const request = { key: "k", value: "", lease: 77n, prevKv: false, ignoreValue: false, ignoreLease: false };
    replica.apply(encodeCommand({ type: "put", request }));
    clock.advance(10_500);
    const time = await client.call(TIME, LeaseTimeToLiveRequestSchema, LeaseTimeToLiveResponseSchema, {
      ID: 77n,
      keys: true,
    });
    assert.deepEqual([time.TTL, time.grantedTTL, time.keys.map((key) => [...key])], [19n, 30n, [[0x6b]]]);
    const without = await client.call(TIME, LeaseTimeToLiveRequestSchema, LeaseTimeToLiveResponseSchema, { ID: 77n });
    assert.deepEqual(without.keys, []);
    const unknown = await client.call(TIME, LeaseTimeToLiveRequestSchema, LeaseTimeToLiveResponseSchema, { ID: 5n });
    assert.deepEqual([unknown.ID, unknown.TTL, unknown.grantedTTL], [5n, -1n, 0n]);
    const revoked = await client.call(REVOKE, LeaseRevokeRequestSchema, LeaseRevokeResponseSchema, { ID: 77n });
    assert.equal(revoked.header?.revision, 3n);
    assert.equal(replica.keyspace.keyCount, 0);
  });
});

test("keep-alives are answered in order, an unknown lease with 0, and the stream stays open", async () => {
  await withServer(async ({ client, clock, replica }) => {
    await grant(client, 30n, 77n);
    await grant(client, 60n, 78n);
    const stream = client.open(
      "/etcdserverpb.Lease/LeaseKeepAlive",
      LeaseKeepAliveRequestSchema,
      LeaseKeepAliveResponseSchema,
    );
    clock.advance(20_000);
    const asked = [77n, 5n, 78n, 77n];
    for (const ID of asked) stream.send({ ID });
    const answers: [bigint, bigint][] = [];
    for (const _ of asked) {
      const { ID, TTL, header } = await stream.next();
      assert.equal(header?.memberId, replica.memberId);
      answers.push([ID, TTL]);
    }
    assert.deepEqual(answers, [
      [77n, 30n],
      [5n, 0n],
      [78n, 60n],
      [77n, 30n],
    ]);
    clock.advance(25_000);
    assert.equal(replica.lessor.remaining(77n, clock.now()), 5);
    replica.failWith = etcdErrors.noLeader();
    stream.send({ ID: 77n });
    assert.deepEqual(await stream.failed(), { code: 14, details: "etcdserver: no leader" });
  });
});

test("a client that is done is answered what it asked, and then the stream ends", async () => {
  await withServer(async ({ client }) => {
    await grant(client, 30n, 77n);
    const stream = client.open(
      "/etcdserverpb.Lease/LeaseKeepAlive",
      LeaseKeepAliveRequestSchema,
      LeaseKeepAliveResponseSchema,
    );
    for (let n = 0; n < 1_000; n++) stream.send({ ID: 77n });
    stream.call.end();
    for (let n = 0; n < 1_000; n++) assert.equal((await stream.next()).TTL, 30n);
    await assert.rejects(stream.next(), /the stream ended/);
  });
});
