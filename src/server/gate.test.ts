import assert from "node:assert/strict";
import { test } from "node:test";
import { PutRequestSchema, RangeRequestSchema, RangeResponseSchema } from "../wire/gen/etcdserverpb/kv_pb.ts";
import { StatusRequestSchema, StatusResponseSchema } from "../wire/gen/etcdserverpb/maintenance_pb.ts";
import { WatchRequestSchema, WatchResponseSchema } from "../wire/gen/etcdserverpb/watch_pb.ts";
import { withServer } from "./testing/harness.ts";

const key = new TextEncoder().encode("k");
const WATCH = "/etcdserverpb.Watch/Watch";

test("a learner serves serializable ranges and its status, and nothing else", async () => {
  await withServer(async ({ client, replica }) => {
    replica.become({ learner: true, leader: 2n });
    const refused = { code: 9, details: "etcdserver: rpc not supported for learner" };
    assert.deepEqual(await client.failure("/etcdserverpb.KV/Range", RangeRequestSchema, { key }), refused);
    assert.deepEqual(await client.failure("/etcdserverpb.KV/Put", PutRequestSchema, { key }), refused);
    const watch = client.open(WATCH, WatchRequestSchema, WatchResponseSchema);
    assert.deepEqual(await watch.failed(), refused);
    await client.call("/etcdserverpb.KV/Range", RangeRequestSchema, RangeResponseSchema, { key, serializable: true });
    const status = await client.call("/etcdserverpb.Maintenance/Status", StatusRequestSchema, StatusResponseSchema, {});
    assert.equal(status.isLearner, true);
  });
});

test("who needs a leader is refused at once without one, and its streams end after three election timeouts", async () => {
  await withServer(
    async ({ client, replica, clock }) => {
      const noLeader = { code: 14, details: "etcdserver: no leader" };
      const create = { requestUnion: { case: "createRequest" as const, value: { key } } };
      const needs = client.open(WATCH, WatchRequestSchema, WatchResponseSchema, { hasleader: "true" });
      const bears = client.open(WATCH, WatchRequestSchema, WatchResponseSchema);
      for (const stream of [needs, bears]) {
        stream.send(create);
        assert.equal((await stream.next()).created, true);
      }
      replica.become({ leader: 0n });
      assert.deepEqual(
        await client.failure("/etcdserverpb.KV/Range", RangeRequestSchema, { key }, { hasleader: "true" }),
        noLeader,
      );
      await client.call("/etcdserverpb.KV/Range", RangeRequestSchema, RangeResponseSchema, { key, serializable: true });
      clock.advance(2_900);
      replica.become({ leader: 2n });
      clock.advance(5_000);
      replica.become({ leader: 0n });
      clock.advance(2_900);
      assert.equal(replica.watches.size, 2);
      clock.advance(200);
      assert.deepEqual(await needs.failed(), noLeader);
      assert.equal(replica.watches.size, 1);
      bears.send(create);
      assert.equal((await bears.next()).created, true);
      bears.cancel();
    },
    { electionTimeoutMs: 1_000 },
  );
});

test("when the server stops, streams end with a code that sends clients elsewhere", async () => {
  await withServer(async ({ client, server, replica }) => {
    const watch = client.open(WATCH, WatchRequestSchema, WatchResponseSchema);
    watch.send({ requestUnion: { case: "createRequest", value: { key } } });
    await watch.next();
    const closed = server.close(5_000);
    assert.deepEqual(await watch.failed(), { code: 14, details: "etcdserver: server stopped" });
    assert.equal(replica.watches.size, 0);
    client.close();
    await closed;
  });
});

test("a client that reads nothing cannot keep the server from stopping", async () => {
  await withServer(async ({ client, server }) => {
    const watch = client.open(WATCH, WatchRequestSchema, WatchResponseSchema);
    watch.send({ requestUnion: { case: "createRequest", value: { key } } });
    await watch.next();
    watch.call.pause();
    await server.close(0);
  });
});
