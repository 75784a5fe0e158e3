import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCommand } from "../../keyspace/command.ts";
import type { Member } from "../../keyspace/members.ts";
import { AuthEnableRequestSchema, AuthenticateRequestSchema } from "../../wire/gen/etcdserverpb/auth_pb.ts";
import {
  AlarmRequestSchema,
  AlarmResponseSchema,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from "../../wire/gen/etcdserverpb/maintenance_pb.ts";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
} from "../../wire/gen/grpc/health/v1/health_pb.ts";
import type { FakeReplica } from "../testing/fake-replica.ts";
import { withServer } from "../testing/harness.ts";

const STATUS = "/etcdserverpb.Maintenance/Status";
const ALARM = "/etcdserverpb.Maintenance/Alarm";
const HASH = "/etcdserverpb.Maintenance/HashKV";
const MOVE = "/etcdserverpb.Maintenance/MoveLeader";

const learner: Member = { id: 3n, name: "three", peerUrls: ["http://h:1"], clientUrls: [], isLearner: true };
const voter: Member = { id: 2n, name: "two", peerUrls: ["http://h:2"], clientUrls: [], isLearner: false };

function put(replica: FakeReplica, key: string): void {
  const request = { key, value: "v", lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  replica.apply(encodeCommand({ type: "put", request }));
}

test("status: a version that clients parse, sizes, indexes, and what is wrong", async () => {
  await withServer(async ({ client, replica }) => {
    put(replica, "a");
    const status = await client.call(STATUS, StatusRequestSchema, StatusResponseSchema, {});
    assert.match(
      status.version,
      /^3\.5\.(1[3-9]|[2-9]\d)$/,
      "kube-apiserver wants 3.5.13 or later to ask for progress",
    );
    assert.deepEqual(
      [status.leader, status.raftTerm, status.raftIndex, status.raftAppliedIndex, status.isLearner, status.errors],
      [replica.memberId, 7n, 1n, 1n, false, []],
    );
    assert.equal(status.dbSizeInUse, BigInt(replica.keyspace.liveBytes));
    assert.ok(status.dbSize >= status.dbSizeInUse && status.dbSizeInUse > 0n);
    replica.apply(encodeCommand({ type: "alarm", action: "activate", memberId: 5n, alarm: 1 }));
    replica.become({ leader: 0n });
    const ill = await client.call(STATUS, StatusRequestSchema, StatusResponseSchema, {});
    assert.deepEqual(ill.errors, ["memberID:5 alarm:NOSPACE ", "etcdserver: no leader"]);
  });
});

test("alarms are listed, raised and taken back", async () => {
  await withServer(async ({ client }) => {
    const ask = async (action: number, memberID: bigint, alarm: number): Promise<[bigint, number][]> => {
      const answer = await client.call(ALARM, AlarmRequestSchema, AlarmResponseSchema, {
        action: action as never,
        memberID,
        alarm: alarm as never,
      });
      return answer.alarms.map((one) => [one.memberID, one.alarm]);
    };
    assert.deepEqual(await ask(0, 0n, 0), []);
    assert.deepEqual(await ask(1, 4n, 2), [[4n, 2]]);
    assert.deepEqual(await ask(0, 0n, 0), [[4n, 2]]);
    assert.deepEqual(await ask(0, 0n, 1), []);
    assert.deepEqual(await ask(2, 9n, 2), []);
    assert.deepEqual(await ask(2, 4n, 2), [[4n, 2]]);
    assert.deepEqual(await ask(0, 0n, 0), []);
    const unknown = await client.failure(ALARM, AlarmRequestSchema, { action: 8 as never });
    assert.deepEqual(
      [unknown.code, unknown.details],
      [3, "alarm action 8 is unknown: 0 gets, 1 activates, 2 deactivates"],
    );
  });
});

test("HashKV depends on content and revision only", async () => {
  await withServer(async ({ client, replica }) => {
    for (const key of ["a", "b", "c"]) put(replica, key);
    const hash = (revision: bigint) => client.call(HASH, HashKVRequestSchema, HashKVResponseSchema, { revision });
    const before = await hash(0n);
    assert.deepEqual([before.hashRevision, before.compactRevision, before.header?.revision], [4n, -1n, 4n]);
    put(replica, "d");
    assert.equal((await hash(4n)).hash, before.hash);
    assert.notEqual((await hash(0n)).hash, before.hash);
    assert.deepEqual(await client.failure(HASH, HashKVRequestSchema, { revision: 99n }), {
      code: 11,
      details: "etcdserver: mvcc: required revision is a future revision",
    });
  });
});

test("leadership moves to a voter, and only from the leader; defragmenting is nothing to do", async () => {
  await withServer(
    async ({ client, replica }) => {
      const moved = await client.call(MOVE, MoveLeaderRequestSchema, MoveLeaderResponseSchema, { targetID: 2n });
      assert.equal(moved.header, undefined);
      assert.equal(replica.transferredTo, 2n);
      for (const targetID of [3n, 9n, 0n]) {
        assert.deepEqual(await client.failure(MOVE, MoveLeaderRequestSchema, { targetID }), {
          code: 9,
          details: "etcdserver: bad leader transferee",
        });
      }
      replica.become({ leader: 2n });
      assert.deepEqual(await client.failure(MOVE, MoveLeaderRequestSchema, { targetID: 2n }), {
        code: 9,
        details: "etcdserver: not leader",
      });
      const answer = await client.call(
        "/etcdserverpb.Maintenance/Defragment",
        DefragmentRequestSchema,
        DefragmentResponseSchema,
        {},
      );
      assert.equal(answer.header, undefined);
    },
    {},
    [voter, learner],
  );
});

test("what is not there yet says so in words; authentication is not enabled", async () => {
  await withServer(async ({ client }) => {
    const enable = await client.failure("/etcdserverpb.Auth/AuthEnable", AuthEnableRequestSchema, {});
    assert.equal(enable.code, 12);
    assert.match(enable.details, /quorate does not offer users and roles yet/);
    assert.deepEqual(await client.failure("/etcdserverpb.Auth/Authenticate", AuthenticateRequestSchema, {}), {
      code: 9,
      details: "etcdserver: authentication is not enabled",
    });
    const { failure } = await client.stream("/etcdserverpb.Maintenance/Snapshot", new Uint8Array(0));
    assert.equal(failure?.code, 12);
    assert.match(failure?.details ?? "", /copying its data directory/);
  });
});

test("gRPC health follows the leader", async () => {
  await withServer(async ({ client, replica }) => {
    const check = async (): Promise<number> => {
      const answer = await client.call(
        "/grpc.health.v1.Health/Check",
        HealthCheckRequestSchema,
        HealthCheckResponseSchema,
        {},
      );
      return answer.status;
    };
    const watch = client.open("/grpc.health.v1.Health/Watch", HealthCheckRequestSchema, HealthCheckResponseSchema);
    watch.send({});
    watch.call.end();
    assert.equal(await check(), 1);
    assert.equal((await watch.next()).status, 1);
    replica.become({ leader: 0n });
    assert.equal(await check(), 2);
    assert.equal((await watch.next()).status, 2);
    replica.become({ leader: 2n });
    assert.equal((await watch.next()).status, 1);
    const list = await client.call(
      "/grpc.health.v1.Health/List",
      HealthListRequestSchema,
      HealthListResponseSchema,
      {},
    );
    assert.deepEqual(Object.keys(list.statuses), [""]);
    const unknown = await client.failure("/grpc.health.v1.Health/Check", HealthCheckRequestSchema, { service: "x" });
    assert.equal(unknown.code, 5);
    watch.cancel();
  });
});
